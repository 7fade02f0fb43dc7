"""Arm code as text: its loops over vectors, and rules that good kernels keep."""
import re
import subprocess

VECTOR = re.compile(r"\b(z\d+|q\d+|v\d+\.\d+[bhsd])\b")


def dominators_of(successors):
    """The blocks on every way from block 0, by block, for those that are reached."""
    reached, waiting = {0}, [0]
    while waiting:
        new = successors[waiting.pop()] - reached
        reached |= new
        waiting.extend(new)
    dominators = {block: {0} if block == 0 else reached for block in reached}
    changed = True
    while changed:
        changed = False
        for block in reached - {0}:
            new = {block} | set.intersection(*(dominators[p] for p in reached if block in successors[p]))
            changed, dominators[block] = changed or new != dominators[block], new
    return dominators


# What the last condition of a block is made of: all lanes (SVE's flags, NEON's maximum over the lanes), or a counter.
OF_LANES = re.compile(r"(ptest|u(max|min)v|cmp\w+\s+p\d)")
OF_COUNTER = re.compile(r"(cmp|cmn|tst|subs|adds|ands|whilel\w)\s")


def ends_by_lanes(loop, blocks, successors):
    """True where the loop is left because of what its lanes hold, and only so."""

    def is_of_lanes(block):
        conditions = [line for line in block if OF_LANES.match(line) or OF_COUNTER.match(line)]
        return bool(conditions) and bool(OF_LANES.match(conditions[-1]))

    exits = [i for i in loop if successors[i] - loop]
    return bool(exits) and all(is_of_lanes(blocks[i]) for i in exits)


class Kernel:
    """A function on vectors: its code, and, for kernels of a compiled module, the launch that calls it."""

    def __init__(self, name, text, extent=0, num_buffers=0):
        self.name, self.extent, self.num_buffers = name, extent, num_buffers
        # Without directives; labels end with a colon.
        lines = [line.split("//")[0].strip() for line in text.splitlines()]
        self.code = [line for line in lines if line and (not line.startswith(".") or line.endswith(":"))]

    def blocks(self):
        """The basic blocks, as lists of instructions, and for each the blocks that may follow it."""
        blocks, labels = [[]], {}
        for line in self.code:
            if line.endswith(":"):
                blocks.append([])
                labels[line[:-1]] = len(blocks) - 1
            else:
                blocks[-1].append(line)
                if re.match(r"(b|ret|[ct]bn?z)\b", line):
                    blocks.append([])
        successors = []
        for i, block in enumerate(blocks):
            last = block[-1] if block else ""
            target = re.match(r"(?:b|[ct]bn?z)\b.*?(\.LBB\w+)$", last)
            falls = i + 1 < len(blocks) and not re.match(r"(b|ret)(\s|$)", last)
            successors.append(({labels[target[1]]} if target else set()) | ({i + 1} if falls else set()))
        return blocks, successors

    def has_loop(self):
        _, successors = self.blocks()
        return any(after <= i for i, targets in enumerate(successors) for after in targets)

    def loops(self):
        """The innermost loops that work on vectors, as lists of instructions, with the rare branches that are put aside and the
        loops within those."""
        blocks, successors = self.blocks()
        predecessors = [{i for i, after in enumerate(successors) if block in after} for block in range(len(blocks))]
        dominators = dominators_of(successors)
        # Natural loops: an edge to a block that dominates its origin closes one; those of one header are one loop.
        loops = {}
        for latch, targets in enumerate(successors):
            for header in targets & dominators.get(latch, set()):
                inside = loops.setdefault(header, {header})
                waiting = [latch]
                while waiting:
                    block = waiting.pop()
                    if block not in inside:
                        inside.add(block)
                        waiting.extend(predecessors[block])
        # A loop that goes on while any lane wants to is a part of the one around it: most vectors do not enter it.
        counted = [loop for loop in loops.values() if not ends_by_lanes(loop, blocks, successors)]
        innermost = [loop for loop in counted if not any(other < loop for other in counted)]
        bodies = [[line for i in sorted(loop) for line in blocks[i]] for loop in innermost]
        return [body for body in bodies if any(VECTOR.search(line) for line in body)]

    def uses_sve(self):
        return any(re.search(r"\bz\d+\b", line) for line in self.code)

    def main_loop(self):
        return max(self.loops(), key=len, default=[])


LANE_BY_LANE = re.compile(r"^(fadda|lasta|lastb|clasta|clastb|umov|smov|insr|ins)\s|^mov\s+[wx]\d+, v\d+\.[sd]\["
                          r"|^[su]cvtf\s+[hsd]\d+, [wx]|^fcvtz[su]\s+[wx]"
                          r"|^f(add|sub|mul|div|madd|msub|max|min|cmp|csel|cvt\w*|sqrt)\s+[hsd]\d")
ON_STACK = re.compile(r"^(ldr|str|ldp|stp|ld1\w|st1\w)\s.*\[sp\b")


def broken_rules(kernel, calls_outside_loops=False):
    """Sentences about what `kernel` does and should not."""
    where_calls_are_wrong = sum(kernel.loops(), []) if calls_outside_loops else kernel.code
    for line in where_calls_are_wrong:
        if re.match(r"blr?\s", line):
            yield f"{kernel.name} calls: {line}"
    for loop in kernel.loops():
        for line in loop:
            if LANE_BY_LANE.match(line):
                yield f"{kernel.name} works lane by lane in a loop: {line}"
            if ON_STACK.match(line):
                yield f"{kernel.name} spills in a loop: {line}"
    if kernel.has_loop() and not kernel.loops():
        yield f"{kernel.name} has no loop over vectors"


def functions_of(archive, scope):
    """The functions of the namespace `scope` in a static library, as kernels; those that enter others in a table left out."""
    text = subprocess.run(["llvm-objdump", "-d", "--demangle", "--no-show-raw-insn", "--symbolize-operands",
                           "--no-leading-addr", archive], capture_output=True, text=True, check=True).stdout
    for name, body in re.findall(rf"^<{scope}::(\w+)\([^\n]*>:\n(.*?)(?=^$|\Z)", text, flags=re.MULTILINE | re.DOTALL):
        if name.startswith("enter"):
            continue
        yield Kernel(name, re.sub(r"<(L\d+)>", r".LBB\1", body))
