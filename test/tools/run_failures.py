"""Tests `tenon run`, `compare` and `bench` on good and bad models and tensor files: exit code, one sentence, nothing written."""
import json
import math
import shutil
import struct
import subprocess
import unittest

from tenon_command import (BAD_INPUT, DIFFERS, DONE, MLP_INPUT, CommandTest, files_in, mlp_reference, mlp_tensors, read_tensors, run,
                           write_tensors)

FOOTER_BYTES = 64
EXPECTED = [value for row in mlp_reference(MLP_INPUT) for value in row]


class ModelTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.model = self.compile("mlp")
        self.inputs = write_tensors(self.folder / "in.safetensors", mlp_tensors())
        self.expected = write_tensors(self.folder / "ref.safetensors", {"0": ("F32", [2, 2], EXPECTED)})

    def compare(self, *flags, expected=None):
        return run("compare", self.model, "--inputs", self.inputs, "--expected", expected or self.expected, *flags)


class Runs(ModelTest):
    def test_run_by_position_and_by_name(self):
        for key in ("0", "input", "input.0"):
            inputs = write_tensors(self.folder / "keyed.safetensors", mlp_tensors(key))
            out = self.folder / "out.safetensors"
            done = run("run", self.model, "--inputs", inputs, "--outputs", out, "--threads", 1, "--repeat", 3)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (DONE, "", ""))
            self.assertEqual(read_tensors(out), {"0": EXPECTED})

    def test_npz_goes_in_and_out(self):
        first, second = self.folder / "out.npz", self.folder / "again.safetensors"
        header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }".ljust(117) + "\n"
        array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + struct.pack("<6f", *sum(MLP_INPUT, []))
        import zipfile

        with zipfile.ZipFile(self.folder / "in.npz", "w") as archive:
            archive.writestr("0.npy", array)
        self.assertEqual(run("run", self.model, "--inputs", self.folder / "in.npz", "--outputs", first).returncode, DONE)
        self.assertEqual(self.compare(expected=first).returncode, DONE)
        self.assertEqual(run("run", self.model, "--inputs", self.folder / "in.npz", "--outputs", second).returncode, DONE)
        self.assertEqual(read_tensors(second), {"0": EXPECTED})

    def test_bench(self):
        done = run("bench", self.model, "--min-time", 0.01, "--threads", 1, "--json")
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        row = json.loads(done.stdout)
        for key in ("median_ms", "min_ms", "p99_ms", "runs", "threads", "load_ms", "peak_rss_mb", "arena_bytes"):
            self.assertIsInstance(row[key], (int, float), key)
        self.assertEqual((row["model"], row["threads"]), ("mlp", 1))
        self.assertLessEqual(row["min_ms"], row["median_ms"])
        self.assertLessEqual(row["median_ms"], row["p99_ms"])
        self.assertGreaterEqual(row["runs"], 5)
        self.assertRegex(run("bench", self.model, "--inputs", self.inputs, "--min-time", 0).stdout, r"\Amlp: median [0-9.]+ ms")


class Compares(ModelTest):
    def test_within(self):
        done = self.compare("--json")
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        report = json.loads(done.stdout)
        self.assertTrue(report["within"])
        row = report["outputs"][0]
        self.assertEqual((row["max_abs"], row["max_rel"], row["mean_abs"], row["mismatched"], row["within"]), (0, 0, 0, 0, True))
        self.assertAlmostEqual(row["cosine"], 1)

    def differing(self, index, value):
        values = list(EXPECTED)
        values[index] = value
        return write_tensors(self.folder / "other.safetensors", {"0": ("F32", [2, 2], values)})

    def test_differs(self):
        done = self.compare("--json", expected=self.differing(1, EXPECTED[1] + 8))
        self.assertEqual((done.returncode, done.stderr), (DIFFERS, ""))
        row = json.loads(done.stdout)["outputs"][0]
        self.assertEqual((row["max_abs"], row["mean_abs"], row["mismatched"], row["within"]), (8, 2, 1, False))
        self.assertRegex(self.compare(expected=self.differing(1, 0)).stdout, "1 of 4 mismatched: differs")

    def test_tolerances(self):
        close = self.differing(1, EXPECTED[1] * (1 + 1e-3))
        self.assertEqual(self.compare(expected=close).returncode, DIFFERS)
        self.assertEqual(self.compare("--rtol", 1e-2, expected=close).returncode, DONE)
        self.assertEqual(self.compare("--rtol", 0, "--atol", 1e-3 * EXPECTED[1] / 2, expected=close).returncode, DIFFERS)
        self.assertEqual(self.compare("--rtol", 0, "--atol", 1e-3 * EXPECTED[1] * 2, expected=close).returncode, DONE)

    def test_nan_and_infinity_differ_whatever_the_tolerance(self):
        for value in (math.nan, math.inf, -math.inf):
            with self.subTest(value=value):
                done = self.compare("--json", "--atol", 1e30, "--rtol", 1e30, expected=self.differing(0, value))
                self.assertEqual(done.returncode, DIFFERS, done.stdout)
                self.assertEqual(json.loads(done.stdout)["outputs"][0]["mismatched"], 1)

    def test_nan_in_both_agrees(self):
        self.model = self.compile("bf16")
        bits = [0x7FC0, 0x3F80]  # NaN, 1
        self.inputs = write_tensors(self.folder / "nan.safetensors", {"0": ("BF16", [1, 2], bits)})
        out = self.folder / "nan-out.safetensors"
        self.assertEqual(run("run", self.model, "--inputs", self.inputs, "--outputs", out).returncode, DONE)
        self.assertGreater(read_tensors(out)["0"][1] & 0x7FFF, 0x7F80)
        self.assertEqual(self.compare(expected=out).returncode, DONE)
        other = write_tensors(self.folder / "other.safetensors", {"0": ("BF16", [1, 2], [0x3F80, 0x3F80])})
        self.assertEqual(self.compare("--atol", 1e30, expected=other).returncode, DIFFERS)

    def test_reference_of_another_shape_dtype_or_number(self):
        for pattern, tensors in [
            (r"output 0 is float32\[2, 2\] and the reference is float32\[4\]; ", {"0": ("F32", [4], EXPECTED)}),
            (r"and the reference is float64\[2, 2\]; ", {"0": ("F64", [2, 2], EXPECTED)}),
            (r"has no tensor '0'; the model has 1 outputs", {"1": ("F32", [2, 2], EXPECTED)}),
        ]:
            with self.subTest(pattern=pattern):
                other = write_tensors(self.folder / "other.safetensors", tensors)
                self.assert_sentence(self.compare(expected=other), BAD_INPUT, pattern)


class BadInputs(ModelTest):
    def refused(self, pattern, inputs, model=None):
        """run, compare and bench all refuse `inputs` and leave the folder as it was."""
        before = files_in(self.folder)
        model = model or self.model
        self.assert_sentence(run("run", model, "--inputs", inputs, "--outputs", self.folder / "out.safetensors"), BAD_INPUT, pattern)
        self.assert_sentence(run("compare", model, "--inputs", inputs, "--expected", self.expected), BAD_INPUT, pattern)
        self.assert_sentence(run("bench", model, "--inputs", inputs), BAD_INPUT, pattern)
        self.assert_nothing_written(before)

    def test_inputs_that_do_not_fit(self):
        for pattern, tensors in [
            ("'input'.*(float64|dtype)", mlp_tensors(dtype="F64")),
            ("'input'.*(int64|dtype)", mlp_tensors(dtype="I64")),
            ("'input'.*has 1 dimension; the model takes 2", mlp_tensors(shape=[6])),
            ("'input'.*(size|dimension).*4", mlp_tensors(shape=[2, 4])),
            ("'input'.*(size|dimension).*0", mlp_tensors(shape=[0, 3])),
            ("has no tensor '0' or 'input'; the model takes 1 inputs", mlp_tensors("other")),
        ]:
            with self.subTest(pattern=pattern):
                self.refused(pattern, write_tensors(self.folder / "bad.safetensors", tensors))

    def test_files_that_are_none(self):
        whole = self.inputs.read_bytes()
        header = len(whole) - 24

        def edited(old, new):
            return whole.replace(old, new) if len(old) == len(new) else None

        for name, content in [
            ("empty", b""),
            ("short", whole[:5]),
            ("header", whole[: header // 2]),
            ("data", whole[:-4]),
            ("huge", b"\xff" * 8 + whole[8:]),
            ("json", edited(b'{"0"', b'["0"')),
            ("dtype", edited(b'"F32"', b'"F99"')),
            ("offsets", edited(b"[0, 24]", b"[0, 99]")),
            ("negative", edited(b"[2, 3]", b"[-2,3]")),
        ]:
            with self.subTest(name=name):
                path = self.folder / f"{name}.safetensors"
                path.write_bytes(content)
                self.refused(f"{name}.safetensors'", path)

    def test_places(self):
        (self.folder / "folder.safetensors").mkdir()
        (self.folder / "text.npz").write_text("no zip")
        (self.folder / "in.txt").write_text("text")
        for name in ("none.safetensors", "folder.safetensors", "none.npz", "text.npz", "in.txt"):
            with self.subTest(name=name):
                self.refused(f"{name}'", self.folder / name)

    def test_outputs_that_cannot_be_written(self):
        (self.folder / "here.safetensors").mkdir()
        before = files_in(self.folder)
        for place in ("none/out.safetensors", "none/out.npz", "out.txt", "here.safetensors"):
            with self.subTest(place=place):
                done = run("run", self.model, "--inputs", self.inputs, "--outputs", self.folder / place)
                self.assert_sentence(done, BAD_INPUT, f"{place}'")
                self.assert_nothing_written(before)


class BadModels(BadInputs):
    def test_no_models(self):
        (self.folder / "folder.so").mkdir()
        (self.folder / "text.so").write_text("no ELF file")
        (self.folder / "empty.so").touch()
        for name in ("none.so", "folder.so", "text.so", "empty.so"):
            with self.subTest(name=name):
                self.refused(f"{name}'", self.inputs, self.folder / name)

    def test_library_that_is_no_model(self):
        listed = subprocess.run(["ldd", self.model], capture_output=True, text=True).stdout
        library = next(word for word in listed.split() if word.startswith("/") and "libm.so" in word)
        shutil.copy(library, self.folder / "libm.so")
        self.refused("no compiled model; make one with tenon compile", self.inputs, self.folder / "libm.so")
        self.assert_sentence(run("inspect", self.folder / "libm.so"), BAD_INPUT, "no model that Tenon compiled; ")

    def test_truncated(self):
        content = self.model.read_bytes()
        for length in (100, 4096, 20000, len(content) // 3, len(content) // 2, len(content) - FOOTER_BYTES, len(content) - 1):
            with self.subTest(length=length):
                path = self.folder / "cut.so"
                path.write_bytes(content[:length])
                self.refused("cut.so' .*(cut off|damaged)|cut.so'.*; ", self.inputs, path)

    def test_damaged_footer(self):
        for offset, pattern in [(0, "does not end with weights"), (8, "weights of format"), (16, "beyond the file|another"),
                                (24, "beyond the file|another"), (32, "of another compilation")]:
            with self.subTest(offset=offset):
                content = bytearray(self.model.read_bytes())
                content[len(content) - FOOTER_BYTES + offset] ^= 0xFF
                path = self.folder / "footer.so"
                path.write_bytes(content)
                self.refused(pattern + ".*; ", self.inputs, path)

    def test_weights_file(self):
        model = self.compile("mlp", "--weights", "file", output="apart.so")
        weights = self.folder / "apart.weights"
        self.assertEqual(run("compare", model, "--inputs", self.inputs, "--expected", self.expected).returncode, DONE)
        content = weights.read_bytes()
        weights.unlink()
        self.refused("apart.weights' cannot be opened .*; put it beside the model", self.inputs, model)
        weights.write_bytes(content[:-1])
        self.refused("apart.weights' does not end with weights; ", self.inputs, model)
        self.compile("bf16", "--weights", "file", output="bf16.so")
        weights.write_bytes((self.folder / "bf16.weights").read_bytes())
        self.refused("of another compilation; ", self.inputs, model)


if __name__ == "__main__":
    unittest.main()
