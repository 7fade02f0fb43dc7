"""A model in double precision. Models that name a narrower type (`x.float()`, `dtype=torch.float32`) name f64 meanwhile, so that the
reference is exact there too. Random numbers are drawn in the model's own precision, since another one draws others."""
import copy

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from tenon.exporting import flatten_tensors

WIDER = {dtype: torch.float64 for dtype in (torch.float32, torch.float16, torch.bfloat16)}
WIDER[torch.complex64] = torch.complex128
DRAWS, DRAWS_LIKE_A_TENSOR = (torch.rand, torch.randn), (torch.rand_like, torch.randn_like)


class WideNames(TorchFunctionMode):
    """Reads narrower float types as f64, and complex64 as complex128, in every call of torch; the model's own type is `narrow`."""

    def __init__(self, narrow):
        super().__init__()
        self.narrow = narrow

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function in DRAWS or function in DRAWS_LIKE_A_TENSOR:
            drawn = kwargs.get("dtype") or (torch.float32 if function in DRAWS else self.narrow)
            return widen(function(*args, **{**kwargs, "dtype": drawn}))
        if function is torch.Tensor.float:
            function = torch.Tensor.double
        args, kwargs = tree_map(lambda v: WIDER.get(v, v) if isinstance(v, torch.dtype) else v, (args, kwargs))
        return function(*args, **kwargs)


def widen(value):
    return tree_map(lambda v: v.to(WIDER.get(v.dtype, v.dtype)) if isinstance(v, torch.Tensor) else v, value)


def exact_outputs(module, args, kwargs):
    """The tensors that `module` gives in double precision, in pytree order. Raises what the model raises."""
    narrow = next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32)
    double = copy.deepcopy(module).double()
    args, kwargs = widen(copy.deepcopy((args, kwargs)))
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad(), WideNames(narrow):
            return flatten_tensors(double(*args, **kwargs))
    finally:
        torch.set_default_dtype(before)
