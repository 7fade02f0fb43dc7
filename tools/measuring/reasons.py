"""Why an entry did not pass: messages without what differs from model to model, and the mechanism that is missing."""
import re

# The first pattern that a reason matches names its mechanism.
MECHANISMS = [
    ("torch.export refuses", r"^export: |^zoo: "),
    ("time limit", r"time limit"),
    ("complex numbers", r"complex|aten\.(fft_|polar|view_as_(real|complex)|real|imag|angle|conj)"),
    ("vmap regions", r"predispatch|vmap|batch_dim"),
    ("control flow and wrappers", r"higher_order|\b(cond|while_loop|scan|map_impl)\b|autocast"),
    ("sizes known only at run time", r"known only at run time|symbolic sizes|no integer or float symbol|unbacked"),
    ("mutation and aliasing", r"mutat|alias|writes "),
    ("recurrent layers", r"aten\.(lstm|gru|rnn_)"),
    ("wrong values", r"^wrong |^outputs|another number"),
    ("internal errors of the compiler", r"^compiler: "),
    ("errors and crashes of runs", r"^(run|agree)"),
    ("ops without an importer row", r"no importer row"),
    ("forms of ops", r"^unsupported: "),
]


def mechanism(reason):
    return next((name for name, pattern in MECHANISMS if re.search(pattern, reason)), "other")


def unsupported_reasons(text):
    """'unsupported: aten.sort.default: no importer row', … of the compiler's list, each once."""
    lines = re.findall(r"^  (\S.*?)(?: \(\d+ times\))?$", text, flags=re.MULTILINE)
    return sorted({f"unsupported: {general(line)}" for line in lines}) or [f"unsupported: {general(first_error(text))}"]


def first_error(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return next((line for line in lines if "error" in line), lines[0] if lines else "no message")


def general(message):
    """`message` without what differs from model to model: paths, node names, types, numbers."""
    message = re.sub(r"(?<![\w/])\S*/\S+\.(pt2|so|mlir|o)\b:?", "", message)
    message = re.sub(r" ?\(/\S+\.py:\d+\)", "", message)
    message = re.sub(r"loc\(.*?\)+:?|(?:\S+\.py)?:\d+:\d+:", "", message)
    message = re.sub(r"node '\w+?_?\d*'", "a node", message)
    message = re.sub(r"\b(tensor|memref|vector)<[^ ]*>?", r"\1<…>", message)
    message = re.sub(r"kernel_\w+", "kernel_…", message)
    return re.sub(r"(?<![\w.])-?\d[\d.e+-]*", "N", message).strip()[:200]
