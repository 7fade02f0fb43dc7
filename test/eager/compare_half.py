"""Compiles one model of tools/bench/models.py, tiny, in half precision and compares it with eager.

    compare_half.py NAME DTYPE [tenon compile's flags…]

DTYPE is bf16 or f16: the module's parameters and its float inputs have it.
"""
import sys
import tempfile

import eager  # first: skips where PyTorch is absent
import models
import torch

DTYPES = {"bf16": torch.bfloat16, "f16": torch.float16}


def to_half(value, dtype):
    return torch.utils._pytree.tree_map(
        lambda v: v.to(dtype) if isinstance(v, torch.Tensor) and v.is_floating_point() else v, value)


def main():
    name, dtype = sys.argv[1], DTYPES[sys.argv[2]]
    try:
        module, args, kwargs = models.build(name, tiny=True)
    except ImportError as error:
        print(f"{error.name} is not installed: skipped")
        sys.exit(eager.SKIPPED)
    with tempfile.TemporaryDirectory() as folder:
        worst = eager.compare(module.to(dtype), to_half(args, dtype), to_half(kwargs, dtype), folder,
                              flags=sys.argv[3:])
        print(f"{name} in {' '.join(sys.argv[2:])}: error against f64 {worst:.2e}")


if __name__ == "__main__":
    main()
