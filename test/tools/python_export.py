"""Tests tenon.export, and nested calls of what it wrote. Needs PyTorch."""
import sys
import unittest

try:
    import safetensors.torch
    import torch
except ImportError as error:
    print(f"{error.name} is not installed: skipped")
    sys.exit(77)

import tenon
from tenon_command import DIFFERS, DONE, CommandTest, run


class Nested(torch.nn.Module):
    def forward(self, pair, scale=None, *, first, second):
        x, y = pair
        return {"sum": x + y, "rest": [first - second, (x * 2,)], "none": None, "three": 3}


class Export(CommandTest):
    def build(self, module, args, kwargs=None, **options):
        path = self.folder / "net.pt2"
        tenon.export(module.eval(), args, kwargs, path=str(path), **options)
        done = run("compile", path, "-o", self.folder / "net.so")
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        return tenon.load(self.folder / "net.so")

    def compare(self):
        reference = self.folder / "net.reference.safetensors"
        return run("compare", self.folder / "net.so", "--inputs", reference, "--expected", reference).returncode

    def test_reference_is_what_compare_takes(self):
        self.build(torch.nn.Linear(4, 3), (torch.randn(2, 4),))
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["net.pt2", "net.reference.safetensors", "net.so"])
        self.assertEqual(self.compare(), DONE)
        path = self.folder / "net.reference.safetensors"
        tensors = safetensors.torch.load_file(path)
        self.assertEqual(sorted(tensors), ["input.0", "output.0"])
        tensors["output.0"][0, 0] += 1
        safetensors.torch.save_file(tensors, path)
        self.assertEqual(self.compare(), DIFFERS)

    def test_nesting_and_keyword_order(self):
        a, b = torch.randn(2, 3), torch.randn(2, 3)
        model = self.build(Nested(), ((a, b),), {"first": a, "second": b})
        self.assertEqual(self.compare(), DONE)
        for order in ({"first": a, "second": b}, {"second": b, "first": a}):
            y = model((a, b), **order)
            self.assertEqual(list(y), ["sum", "rest", "none", "three"])
            self.assertTrue(torch.equal(y["sum"], a + b))
            self.assertTrue(torch.equal(y["rest"][0], a - b))
            self.assertTrue(torch.equal(y["rest"][1][0], a * 2))
            self.assertEqual((type(y["rest"][1]), y["none"], y["three"]), (tuple, None, 3))
        with self.assertRaisesRegex(tenon.TenonError, "kwargs must have exactly the keys 'first', 'second'; "):
            model((a, b), first=a)

    def test_sizes_that_vary(self):
        shapes = ({0: torch.export.Dim("rows", min=2, max=64)},)
        module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh()).eval()
        model = self.build(module, (torch.randn(5, 4),), dynamic_shapes=(shapes))
        for rows in (2, 7, 64):
            x = torch.randn(rows, 4)
            with torch.no_grad():
                torch.testing.assert_close(model(x), module(x))
        with self.assertRaisesRegex(tenon.TenonError, "64"):
            model(torch.randn(65, 4))


if __name__ == "__main__":
    unittest.main()
