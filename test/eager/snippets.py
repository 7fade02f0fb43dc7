"""Registration of small modules that are compared with eager, and the loop that runs them; see compare_snippets.py."""
import sys
import tempfile
import traceback

import eager  # first: skips where PyTorch is absent
import torch
from torch import nn

SNIPPETS = {}


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
    SNIPPETS[name] = (module, lambda: tuple(make() for make in inputs))
    return module


def floats(*shape, dtype=torch.float32):
    return lambda: torch.randn(shape).to(dtype)


def integers(*shape, low=-5, high=9, dtype=torch.int64):
    return lambda: torch.randint(low, high, shape).to(dtype)


def booleans(*shape):
    return lambda: torch.rand(shape) < 0.5


def constant(values, dtype=None):
    return lambda: torch.tensor(values, dtype=dtype)


def main():
    chosen = {name: s for name, s in SNIPPETS.items() if not sys.argv[1:] or any(text in name for text in sys.argv[1:])}
    failed = []
    for name, (module, make_inputs) in chosen.items():
        torch.manual_seed(0)
        with tempfile.TemporaryDirectory() as folder:
            try:
                print(f"{name}: error {eager.compare(module(), make_inputs(), {}, folder):.2e}", flush=True)
            except Exception as error:
                failed.append(name)
                text = "".join(traceback.format_exception_only(error)).strip()
                print(f"{name}: FAILED: {text[:1500]}", flush=True)
    print(f"{len(chosen) - len(failed)} of {len(chosen)} snippets agree")
    sys.exit(1 if failed else 0)
