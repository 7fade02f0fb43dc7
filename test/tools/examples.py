"""Builds the examples with nothing but runtime/include on the include path, and runs them on compiled models."""
import os
import pathlib
import subprocess
import unittest

from tenon_command import FIXTURES, TENON, CommandTest

ROOT = pathlib.Path(__file__).parent.parent.parent
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


class Examples(CommandTest):
    def build(self, name):
        """Compiles the example's one source file; returns the program."""
        source = next((ROOT / "examples" / name).glob("main.*"))
        compiler = [os.environ.get("CC", "cc"), "-std=c11"] if source.suffix == ".c" else [os.environ.get("CXX", "c++"), "-std=c++20"]
        program = self.folder / name
        subprocess.run([*compiler, *WARNINGS, "-I", ROOT / "runtime" / "include", source, "-ldl", "-o", program], check=True)
        return program

    def call(self, *command, code=0):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr if code else done.stdout

    def test_every_example_is_numbered_and_explained(self):
        folders = sorted(p.name for p in (ROOT / "examples").iterdir() if p.is_dir())
        self.assertEqual([name[:3] for name in folders], [f"{n + 1:02}-" for n in range(len(folders))])
        for number, name in enumerate(folders, start=1):
            readme = (ROOT / "examples" / name / "README.md").read_text()
            self.assertTrue(readme.startswith(f"# {number}. "), name)
            self.assertIn(f"examples/{name}/main.", readme)

    def test_run_from_c(self):
        program = self.build("01-run-from-c")
        # Zeros in: the biases 0, 1, 2, 3 through relu, times rows 0..3 and 4..7, plus the biases 0 and 1.
        self.assertEqual(self.call(program, self.compile("mlp")), "linear_1: 14 39\n")
        self.assertRegex(self.call(program, FIXTURES / "mlp.pt2", code=1), r"\Arun: the model cannot be opened; ")

    def test_classify_from_cpp(self):
        """A classifier that sums channels of a 2x2 picture; what it must say is worked out here."""
        program = self.build("02-classify-from-cpp")
        picture = self.folder / "grey.ppm"
        picture.write_bytes(b"P6\n4 4\n255\n" + bytes([10, 200, 90]) * 16)
        complaint = self.call(program, self.compile("mlp"), picture, code=1)
        self.assertRegex(complaint, "classify: the model takes no picture; give an image classifier")
        try:
            import torch
            import tenon
        except ImportError:
            self.skipTest("PyTorch is not installed")
        head = torch.nn.Linear(3, 7)
        model = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), head).eval()
        tenon.export(model, (torch.zeros(1, 3, 8, 8),), path=str(self.folder / "net.pt2"))
        self.call(TENON, "compile", self.folder / "net.pt2", "-o", self.folder / "net.so")
        shown = self.call(program, self.folder / "net.so", picture)
        mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        with torch.no_grad():
            scores = head((torch.tensor([10, 200, 90]) / 255 - mean) / deviation).softmax(0)
        best = scores.argsort(descending=True)[:5]
        self.assertEqual(shown, "".join(f"class {i:4}  {scores[i]:.3f}\n" for i in best.tolist()))

    def test_complete_from_cpp(self):
        program = self.build("03-complete-from-cpp")
        self.assertRegex(self.call(program, self.compile("mlp"), 1, 2, code=1), "complete: the model takes no token ids")
        try:
            import torch
            import models
            import tenon

            module, _, inputs = models.build("gpt2", tiny=True)
        except ImportError as error:
            self.skipTest(f"{error.name} is not installed")
        # Random weights whose head is the embedding repeat the last token for ever: a head that is turned by 41 rows does not.
        module.lm_head.weight = torch.nn.Parameter(module.lm_head.weight.detach().roll(41, 0))
        tenon.export(module, (), inputs, path=str(self.folder / "gpt2.pt2"))
        self.call(TENON, "compile", self.folder / "gpt2.pt2", "-o", self.folder / "gpt2.so")
        text, wanted = [17, 300, 42, 5], 8
        ids = list(text)
        with torch.no_grad():
            for _ in range(wanted):
                ids.append(module(torch.tensor([ids])).logits[0, -1].argmax().item())
        self.assertEqual(self.call(program, self.folder / "gpt2.so", wanted, *text), " ".join(map(str, ids[4:])) + "\n")
        self.assertGreater(len(set(ids[4:])), 1)  # else a constant would pass
        self.assertRegex(self.call(program, self.folder / "gpt2.so", 99, *text, code=1), "window of 16 tokens; shorten them")
        self.assertRegex(self.call(program, self.folder / "gpt2.so", 1, "cat", code=1), "'cat' is no token id; ")


if __name__ == "__main__":
    unittest.main()
