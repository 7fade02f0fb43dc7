"""A model in double precision. Models that name a narrower type (`x.float()`, `dtype=torch.float32`) name f64 meanwhile, so that the
reference is exact there too."""
import copy

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from tenon.exporting import flatten_tensors

WIDER = {dtype: torch.float64 for dtype in (torch.float32, torch.float16, torch.bfloat16)}
WIDER[torch.complex64] = torch.complex128


class WideNames(TorchFunctionMode):
    """Reads narrower float types as f64, and complex64 as complex128, in every call of torch."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.Tensor.float:
            function = torch.Tensor.double
        args, kwargs = tree_map(lambda v: WIDER.get(v, v) if isinstance(v, torch.dtype) else v, (args, kwargs or {}))
        return function(*args, **kwargs)


def widen(value):
    return tree_map(lambda v: v.to(WIDER.get(v.dtype, v.dtype)) if isinstance(v, torch.Tensor) else v, value)


def exact_outputs(module, args, kwargs):
    """The tensors that `module` gives in double precision, in pytree order. Raises what the model raises."""
    double = copy.deepcopy(module).double()
    args, kwargs = widen(copy.deepcopy((args, kwargs)))
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad(), WideNames():
            return flatten_tensors(double(*args, **kwargs))
    finally:
        torch.set_default_dtype(before)
