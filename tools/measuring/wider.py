"""A model in a wider precision. Models that name a narrower type (`x.float()`, `dtype=torch.float32`) name the wider one meanwhile,
so that the reference is exact there too. Random numbers are drawn as in the model's own precision, since another one draws others."""
import copy

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from tenon.exporting import flatten_tensors

HALVES = (torch.float16, torch.bfloat16)
# By the wider dtype, what takes the place of each narrower one.
WIDER = {
    torch.float64: {torch.complex64: torch.complex128, torch.float32: torch.float64, **dict.fromkeys(HALVES, torch.float64)},
    torch.float32: dict.fromkeys(HALVES, torch.float32),
}


DRAWS, DRAWS_LIKE_A_TENSOR = (torch.rand, torch.randn), (torch.rand_like, torch.randn_like)


class WideNames(TorchFunctionMode):
    """Reads dtypes narrower than `dtype` as wider ones in every call of torch; the model's own one is `narrow`."""

    def __init__(self, dtype, narrow):
        super().__init__()
        self.dtype, self.narrow, self.wider = dtype, narrow, WIDER[dtype]

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is torch.Tensor.float:
            return args[0].to(self.dtype)
        if function in DRAWS or function in DRAWS_LIKE_A_TENSOR:
            drawn = kwargs.get("dtype") or (torch.float32 if function in DRAWS else self.narrow)
            return function(*args, **{**kwargs, "dtype": drawn}).to(self.dtype)
        args, kwargs = tree_map(lambda v: self.wider.get(v, v) if isinstance(v, torch.dtype) else v, (args, kwargs))
        return function(*args, **kwargs)


def widen(value, dtype):
    wider = WIDER[dtype]
    return tree_map(lambda v: v.to(wider.get(v.dtype, v.dtype)) if isinstance(v, torch.Tensor) else v, value)


def exact_outputs(module, args, kwargs, dtype=torch.float64):
    """The tensors that `module` gives in `dtype` (float64 or float32), in pytree order. Raises what the model raises."""
    narrow = next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32)
    wide = copy.deepcopy(module).to(dtype)
    args, kwargs = widen(copy.deepcopy((args, kwargs)), dtype)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.no_grad(), WideNames(dtype, narrow):
            return flatten_tensors(wide(*args, **kwargs))
    finally:
        torch.set_default_dtype(before)
