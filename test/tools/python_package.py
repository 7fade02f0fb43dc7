"""Tests the package `tenon` on frozen models: nesting, names, dtypes, sizes, state, errors, threads. Needs NumPy."""
import sys
import threading
import unittest

try:
    import numpy as np
except ImportError:
    print("NumPy is not installed: skipped")
    sys.exit(77)

import tenon
from tenon_command import FIXTURES, MLP_INPUT, CommandTest, mlp_reference

try:
    import torch
except ImportError:
    torch = None


class Package(CommandTest):
    def load(self, name, **options):
        model = tenon.load(self.compile(name), **options)
        self.addCleanup(model.close)
        return model

    def test_numpy(self):
        model = self.load("mlp", num_threads=1)
        y = model(np.array(MLP_INPUT, np.float32))
        self.assertEqual((type(y), y.dtype, y.tolist()), (np.ndarray, np.float32, mlp_reference(MLP_INPUT)))
        self.assertEqual(model.inputs, [{"name": "input", "dtype": "float32", "shape": (2, 3)}])
        strided = np.array(MLP_INPUT, np.float32).T.copy().T
        self.assertEqual(model(strided).tolist(), y.tolist())

    @unittest.skipUnless(torch, "PyTorch is not installed")
    def test_torch(self):
        y = self.load("mlp")(torch.tensor(MLP_INPUT).t().contiguous().t())
        self.assertEqual((type(y), y.tolist()), (torch.Tensor, mlp_reference(MLP_INPUT)))
        weight, x = torch.tensor([[0.0, 1], [2, 3]]), torch.tensor([[2.0, 5]])
        y = self.load("bf16")(x.bfloat16())
        self.assertEqual((y.dtype, y.tolist()), (torch.bfloat16, (x @ weight.t() + torch.tensor([0.0, 1])).tolist()))

    def test_bfloat16_without_torch_is_bits(self):
        model = self.load("bf16")
        self.assertEqual(model.outputs[0]["dtype"], "bfloat16")
        with self.assertRaisesRegex(tenon.TenonError, "bfloat16"):
            model(np.ones((1, 2), np.float32))

    def test_nested_inputs_and_varying_sizes(self):
        model = self.load("import_guards")
        self.assertEqual(model.inputs[0]["shape"], (None,))

    def test_state(self):
        model, x = self.load("buffer_mutation"), np.zeros((2, 3), np.float32)
        self.assertEqual([model(x)[0, 0] for _ in range(3)], [8, 9, 10])
        model.reset_state()
        self.assertEqual(model(x)[0, 0], 8)

    def test_stats(self):
        stats = self.load("mlp").stats()
        self.assertEqual(set(stats), {"arena_bytes", "constant_bytes", "load_ms"})
        self.assertGreater(stats["load_ms"], 0)

    def test_errors(self):
        model = self.load("mlp")
        x = np.zeros((2, 3), np.float32)
        for pattern, call in [
            ("'input'.*dimension", lambda: model(x.ravel())),
            ("'input'.*float64", lambda: model(x.astype(np.float64))),
            ("args must have 1 items; ", lambda: model()),
            ("kwargs must have exactly the keys", lambda: model(x, y=x)),
            ("dtype str", lambda: model(np.array(["a"]))),
            ("none.so' cannot be loaded .*; ", lambda: tenon.load(self.folder / "none.so")),
            ("mlp.pt2' cannot be loaded .*; ", lambda: tenon.load(FIXTURES / "mlp.pt2")),
        ]:
            with self.subTest(pattern=pattern), self.assertRaisesRegex(tenon.TenonError, pattern):
                call()
        model.close()
        with self.assertRaisesRegex(tenon.TenonError, "the model is closed; "):
            model(x)

    def test_two_threads(self):
        model, wrong = self.load("mlp", num_threads=1), []

        def calls(scale):
            rows = [[v * scale for v in row] for row in MLP_INPUT]
            x, expected = np.array(rows, np.float32), mlp_reference(rows)
            wrong.extend(scale for _ in range(500) if model(x).tolist() != expected)

        threads = [threading.Thread(target=calls, args=(scale,)) for scale in (1.0, 2.0)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    unittest.main()
