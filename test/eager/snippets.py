"""Registration of small modules that are compared with eager, as cases (see cases.py); an example is compare_snippets.py."""
import eager  # first: skips where PyTorch is absent
import cases
import torch
from cases import main  # of files with snippets
from torch import nn


def snippet(*inputs):
    """Registers forward function `f` with example inputs; inputs are made by functions so that seeds are fixed."""

    def register(f):
        class Snippet(nn.Module):
            def forward(self, *args):
                return f(*args)

        return register_module(f.__name__, Snippet, *inputs)

    return register


def register_module(name, module, *inputs):
    """Registers a module class, for snippets with parameters."""

    def compare(folder):
        torch.manual_seed(0)
        return eager.compare(module(), tuple(make() for make in inputs), {}, folder)

    cases.CASES[name] = compare
    return module


def floats(*shape, dtype=torch.float32):
    return lambda: torch.randn(shape).to(dtype)


def integers(*shape, low=-5, high=9, dtype=torch.int64):
    return lambda: torch.randint(low, high, shape).to(dtype)


def booleans(*shape):
    return lambda: torch.rand(shape) < 0.5


def constant(values, dtype=None):
    return lambda: torch.tensor(values, dtype=dtype)
