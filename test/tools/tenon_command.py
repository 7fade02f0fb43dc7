"""What the tests of the command line share: running it, frozen archives, damaged copies of them, tensor files."""
import json
import os
import pathlib
import re
import struct
import subprocess
import tempfile
import unittest
import zipfile

TENON = os.environ["TENON"]
FIXTURES = pathlib.Path(__file__).parent.parent / "fixtures"

DONE, DIFFERS, BAD_INPUT, UNSUPPORTED, INTERNAL = range(5)


def run(*arguments, **options):
    """Runs tenon; returns the finished process with its output as text."""
    return subprocess.run([TENON, *map(str, arguments)], capture_output=True, text=True, timeout=120, **options)


class CommandTest(unittest.TestCase):
    """Has a folder of its own, and knows what an error must look like."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="tenon-test-")
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)

    def assert_sentence(self, done, code, pattern):
        """`done` ended with `code` and one sentence: "tenon: ", lowercase, no full stop, the remedy after a semicolon."""
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        first, *rest = done.stderr.rstrip("\n").split("\n")
        self.assertRegex(first, r"\Atenon: ([a-z-]|'|[^ ]*[/.])")
        self.assertFalse(first.endswith("."), first)
        self.assertRegex(first, pattern)
        if code != UNSUPPORTED:
            self.assertEqual(rest, [])

    def assert_nothing_written(self, before):
        self.assertEqual(files_in(self.folder), before)

    def compile(self, name, *flags, output=None):
        """Compiles the fixture `name` into the test's folder."""
        output = self.folder / (output or f"{name}.so")
        done = run("compile", FIXTURES / f"{name}.pt2", "-o", output, *flags)
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        return output


def files_in(folder):
    """Every file below `folder` with its content."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def changed_archive(source, target, change):
    """Copies an archive; `change(name, bytes)` returns a member's new bytes, or None to leave the member out. Members' names
    come without the archive's root folder."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for member in old.namelist():
            data = change(member.split("/", 1)[1], old.read(member))
            if data is not None:
                new.writestr(member, data)
    return target


def changed_program(source, target, change):
    """Copies an archive with `change(program)` applied to its model.json."""

    def edit(name, data):
        if name != "models/model.json":
            return data
        program = json.loads(data)
        change(program)
        return json.dumps(program).encode()

    return changed_archive(source, target, edit)


def unsupported_archive(folder):
    """A program with two operations that no compiler knows, and the lines they came from."""

    def rename(program):
        first, second, _ = program["graph_module"]["graph"]["nodes"]
        first["target"], second["target"] = "torch.ops.aten.first_mystery.default", "torch.ops.mine.second.default"
        first["metadata"]["stack_trace"] = 'File "net.py", line 12, in forward\n    x = first(x)'
        second["metadata"]["stack_trace"] = 'File "net.py", line 13, in forward\n    x = second(x)'

    return changed_program(FIXTURES / "mlp.pt2", folder / "mystery.pt2", rename)


_FORMATS = {"F32": "f", "F64": "d", "I64": "q", "I32": "i", "BOOL": "?", "U8": "B", "BF16": "H"}


def write_tensors(path, tensors):
    """Writes {name: (dtype, shape, values)} as .safetensors; dtypes as that format spells them, bfloat16 values as bits."""
    header, data = {}, b""
    for name, (dtype, shape, values) in tensors.items():
        packed = struct.pack(f"<{len(values)}{_FORMATS[dtype]}", *values)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def read_tensors(path):
    """The values of each tensor of a .safetensors file, flat."""
    content = path.read_bytes()
    size = struct.unpack_from("<Q", content)[0]
    tensors = {}
    for name, entry in json.loads(content[8 : 8 + size]).items():
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        letter = _FORMATS[entry["dtype"]]
        tensors[name] = list(struct.unpack(f"<{(end - begin) // struct.calcsize(letter)}{letter}", content[begin:end]))
    return tensors


def mlp_reference(x):
    """What the fixture `mlp` computes for rows of three: weights and biases count up from 0."""
    hidden = [[max(0.0, sum(v * (3 * o + i) for i, v in enumerate(row)) + o) for o in range(4)] for row in x]
    return [[sum(v * (4 * o + i) for i, v in enumerate(row)) + o for o in range(2)] for row in hidden]


MLP_INPUT = [[1.0, 2.0, 3.0], [-1.0, 0.5, 0.25]]


def mlp_tensors(key="0", dtype="F32", shape=(2, 3)):
    count = 1
    for size in shape:
        count *= size
    flat = [v for row in MLP_INPUT for v in row]
    values = (flat * 8)[:count]
    return {key: (dtype, list(shape), values if dtype.startswith("F") else [int(v) for v in values])}


def reproducer_of(stderr):
    """The path that an internal error names."""
    return pathlib.Path(re.search(r"please report this with '([^']+)'", stderr).group(1))
