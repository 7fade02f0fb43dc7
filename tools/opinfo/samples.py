"""What is run: entries of PyTorch's op_db, their dtypes and layouts, and the samples of each."""
import random
import typing
import zlib

import numpy
import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.utils import _pytree as pytree

DTYPES = {
    "f32": torch.float32, "f64": torch.float64, "f16": torch.float16, "bf16": torch.bfloat16,
    "i64": torch.int64, "i32": torch.int32, "i16": torch.int16, "i8": torch.int8, "u8": torch.uint8, "bool": torch.bool,
    "c64": torch.complex64, "c128": torch.complex128,
}
ENTRIES = {(op.name + "." + op.variant_test_name).rstrip("."): op for op in op_db}

# Results whose values PyTorch leaves open.
UNDEFINED_VALUES = {"empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided"}


class Item(typing.NamedTuple):
    """All samples of an entry in one dtype and one layout."""

    entry: str
    dtype: str
    layout: str

    def __str__(self):
        return f"{self.entry} {self.dtype} {self.layout}"


def transposed(tensor):
    """Equal values, in other strides: columns first; a vector is every second element of a longer one."""
    if tensor.layout != torch.strided or tensor.numel() < 2:
        return tensor
    if tensor.dim() > 1:
        return tensor.transpose(-1, -2).contiguous().transpose(-1, -2)
    return tensor.repeat_interleave(2)[::2]


LAYOUTS = {"contiguous": lambda tensor: tensor, "transposed": transposed}


class InPlace:
    """The in-place variant of an op of op_db, on a copy of its first argument."""

    def __init__(self, op):
        self.name, self.variant = op.name, op.inplace_variant

    def __call__(self, input, *args, **kwargs):
        return self.variant(input.clone(), *args, **kwargs)


def items(dtypes, layouts, entries=None, in_place=False):
    """Every item of these dtypes that op_db says its entry has on CPUs. `in_place`: of entries with such a variant."""
    for name in entries or ENTRIES:
        if in_place and not ENTRIES[name].inplace_variant:
            continue
        supported = ENTRIES[name].supported_dtypes("cpu")
        for dtype in dtypes:
            if DTYPES[dtype] in supported:
                yield from (Item(name, dtype, layout) for layout in layouts)


def seed(item, salt=0):
    """Seeds every generator that op_db draws from; the same for each layout."""
    number = zlib.crc32(f"{item.entry} {item.dtype}".encode()) + salt
    torch.manual_seed(number)
    random.seed(number)
    numpy.random.seed(number % 2**32)


def map_tensors(function, value):
    return pytree.tree_map(lambda leaf: function(leaf) if isinstance(leaf, torch.Tensor) else leaf, value)


class Sample(typing.NamedTuple):
    """One call of an entry. `number`: its position among the item's samples."""

    number: int
    args: tuple
    kwargs: dict


def _samples(item, generated):
    layout = LAYOUTS[item.layout]
    for number, sample in enumerate(generated):
        args, kwargs = map_tensors(lambda t: layout(t.detach()), ((sample.input, *sample.args), sample.kwargs))
        yield Sample(number, args, kwargs)


def samples(item):
    """The valid calls of an item."""
    seed(item)
    return list(_samples(item, ENTRIES[item.entry].sample_inputs("cpu", DTYPES[item.dtype], requires_grad=False)))


def error_samples(item):
    """Calls of an item that eager PyTorch refuses."""
    op = ENTRIES[item.entry]
    if op.error_inputs_func is None or item.dtype != "f32":
        return []
    seed(item)
    return list(_samples(item, (error.sample_input for error in op.error_inputs("cpu"))))


def chosen(samples, count, item):
    """At most `count` of the samples, drawn by the item's seed."""
    if not count or len(samples) <= count:
        return samples
    return [samples[i] for i in sorted(random.Random(str(item)).sample(range(len(samples)), count))]
