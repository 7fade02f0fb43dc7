"""Regions of torch.vmap against eager; arguments as in cases.py."""
import os

import eager  # first: skips where PyTorch is absent
import cases
import torch
from cases import case
from compare_dynamic import compare_sizes
from torch.export import Dim


@case
def one_level(folder):
    """Examples along any dimension, beside what does not vary and what has another rank."""

    def combine(a, b):
        return a * b + 1, torch.where(a > 0, b, a), a.clamp(-1, 1).to(torch.float64)

    functions = [lambda x, y, z: torch.vmap(combine)(x, y), lambda x, y, z: torch.vmap(torch.mul, in_dims=(1, None))(x, z),
                 lambda x, y, z: torch.vmap(torch.sub)(x, z), lambda x, y, z: torch.vmap(lambda a: z * 2)(x)]
    rows = {0: Dim("b", max=32)}
    for number, f in enumerate(functions):
        place = os.path.join(folder, str(number))
        os.mkdir(place)
        compare_sizes(place, f, lambda b: (torch.randn(b, 3), torch.randn(b, 3), torch.randn(b)), (rows, rows, rows),
                      [(4,), (2,), (7,)])


@case
def nested_masks(folder):
    """A mask as transformers makes them: a function of four indices."""

    def f(x):
        b, q, k = torch.arange(x.shape[0]), torch.arange(x.shape[1]), torch.arange(x.shape[1] + 2)
        mask = lambda b, h, q, k: q.new_ones((), dtype=torch.bool) & (k <= q) & (h < 3)
        for dims in ((None, None, None, 0), (None, None, 0, None), (None, 0, None, None), (0, None, None, None)):
            mask = torch.vmap(mask, in_dims=dims)
        return mask(b, torch.arange(2), q, k), x + 1

    compare_sizes(folder, f, lambda b, n: (torch.randn(b, n),), ({0: Dim("b", max=32), 1: Dim("n", max=32)},),
                  [(2, 5), (3, 2), (5, 9)])


@case
def what_is_refused(folder):
    class Product(torch.nn.Module):
        def forward(self, x, y):
            return torch.vmap(torch.dot)(x, y)

    path = os.path.join(folder, "model.pt2")
    program = torch.export.export(Product(), (torch.randn(3, 4), torch.randn(3, 4)), strict=False)
    torch.export.save(program, path)
    try:
        eager.compile_program(path)
    except eager.Unsupported as error:
        assert "aten.dot.default: of examples in a vmap region" in str(error), error
        return
    raise AssertionError("a product of examples was accepted")


if __name__ == "__main__":
    cases.CASES = {f.__name__: f for f in (one_level, nested_masks, what_is_refused)}
    cases.main()
