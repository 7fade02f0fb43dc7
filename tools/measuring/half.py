"""Entries in half precision."""
import torch

HALF_DTYPES = {"bf16": torch.bfloat16, "f16": torch.float16}


def in_half(example, name):
    """The example with parameters, buffers and float inputs of dtype `name`; itself where that is None."""
    if name is None:
        return example
    dtype = HALF_DTYPES[name]

    def to_half(value):
        is_float = isinstance(value, torch.Tensor) and value.is_floating_point()
        return value.to(dtype) if is_float else value

    args, kwargs = torch.utils._pytree.tree_map(to_half, (example.args, example.kwargs))
    return example._replace(module=example.module.to(dtype), args=args, kwargs=kwargs)
