"""When a compiled result agrees with eager PyTorch.

A float result agrees when its largest error against the same call in double precision, divided by the result's largest
magnitude, is at most three times eager's own or the dtype's floor; infinities and NaNs must be where eager's are. Eager's own
error is the larger of two where the first does not allow for ours: that of the call itself and that of the same call with
equal values in other strides, which takes sums in another order. Integers and booleans must be equal to eager's. Where the
call does not run in double precision, or is finite only in eager, eager's result stands for the exact one; where ATen's own
error in double precision is known to be above the floor, ATEN_ERRORS says so. Two things are left open, because eager itself
does not decide them:

- An infinity of eager's, where double precision has a number that the dtype holds, comes from a step on the way. The number
  will do instead, to the dtype's floor.
- Of equal elements, PyTorch documents no order for what selects or sorts without being told to be stable, and on CPUs it
  depends on dtype, strides and vector length. Any of them may be named by a position, each at most once.
"""
import math
import typing

import torch
from torch.utils import _pytree as pytree

from programs import call
from samples import map_tensors, transposed

ERROR_FACTOR = 3.0
ERROR_FLOOR = {torch.float32: 1e-5, torch.float64: 1e-13, torch.float16: 2.0**-10, torch.bfloat16: 2.0**-7}
# The largest relative errors of ATen's functions in double precision where they exceed the floor, measured with SciPy over
# [-9, 9], by entry and second argument. Its trigamma, polygamma of order 1, cuts the asymptotic series after three terms.
# Its Bessel functions lose digits between 2 and 18, most near 5.
ATEN_ERRORS = {("polygamma", 1): 5e-10, ("special.polygamma", 1): 5e-10,
               **{("special.bessel_" + name, None): 1e-6 for name in ("j0", "j1", "y0", "y1")}}
WIDE = {torch.float16: torch.float64, torch.bfloat16: torch.float64, torch.float32: torch.float64,
        torch.complex64: torch.complex128}


class Reference:
    """Eager's results of one call. `values` is False where they differ from call to call: then only their types count.
    `order`: how results name positions in the first argument, where equal elements have no order; None elsewhere."""

    def __init__(self, op, sample, values=True):
        self.order = _open_order(op, sample)
        second = sample.args[1] if len(sample.args) > 1 and isinstance(sample.args[1], int) else None
        self.error = ATEN_ERRORS.get((getattr(op, "name", None), second), 0)
        self.source = sample.args[0]
        self._relaid = lambda: _relaid(op, sample)
        torch.manual_seed(0)
        self.own = [result.detach().clone() for result in call(op, sample)]
        torch.manual_seed(1)
        again = call(op, sample)
        self.values = values and all(_same(a, b).all() for a, b in zip(self.own, again))
        self.exact = self._exact(op, sample)

    def with_other_strides(self):
        """Eager's results of the call with equal values in other strides; its own where they are of another kind."""
        results = self._relaid()
        same = len(results) == len(self.own) and all(r.shape == o.shape for r, o in zip(results, self.own))
        return results if same else self.own

    def _exact(self, op, sample):
        args, kwargs = pytree.tree_map(_widened, (sample.args, sample.kwargs))
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        try:
            exact = call(op, sample._replace(args=args, kwargs=kwargs))
        except Exception:  # a call that names its precision
            return self.own
        finally:
            torch.set_default_dtype(before)
        same = len(exact) == len(self.own) and all(e.shape == o.shape for e, o in zip(exact, self.own))
        return exact if same else self.own


class Order(typing.NamedTuple):
    """Result number `result` names positions along `dim`, which is dropped from it unless `keepdim`."""

    result: int
    dim: int
    keepdim: bool


def _sorting(result):
    def order(input, dim=-1, descending=False, stable=False, **_):
        return None if stable else Order(result, dim, True)

    return order


def _selection(input, k=None, dim=-1, keepdim=False):
    return Order(1, dim, keepdim)


def _median(input, dim=None, keepdim=False):
    return None if dim is None else Order(1, dim, keepdim)


def _mode(input, dim=-1, keepdim=False):
    return Order(1, dim, keepdim)


# The arguments of each op of op_db, in their order.
OPEN_ORDERS = {
    "sort": _sorting(1), "argsort": _sorting(0), "kthvalue": _selection, "median": _median, "nanmedian": _median,
    "mode": _mode, "topk": lambda input, k, dim=-1, largest=True, sorted=True: Order(1, dim, True),
}


def _open_order(op, sample):
    order = OPEN_ORDERS.get(getattr(op, "name", None))
    return order(*sample.args, **sample.kwargs) if order and sample.args[0].dim() > 0 else None


def _relaid(op, sample):
    """The call's results with its contiguous tensors transposed and its others contiguous."""
    torch.manual_seed(0)
    args, kwargs = map_tensors(lambda t: transposed(t) if t.is_contiguous() else t.contiguous(), (sample.args, sample.kwargs))
    return call(op, sample._replace(args=args, kwargs=kwargs))


def _widened(leaf):
    """A tensor or a dtype in double precision; anything else as it is."""
    if isinstance(leaf, torch.dtype):
        return WIDE.get(leaf, leaf)
    return leaf.to(WIDE.get(leaf.dtype, leaf.dtype)) if isinstance(leaf, torch.Tensor) else leaf


def _same(a, b):
    """Where the elements of two tensors are equal, NaNs to NaNs."""
    if a.shape != b.shape:
        return torch.tensor(False)
    return (a == b) | (a != a) & (b != b)


def _ties_broken(actual, reference):
    """`actual` with eager's positions wherever ours name elements of the same values, none of them twice."""
    source, (result, dim, keepdim) = reference.source, reference.order
    own = reference.own[result]
    if len(actual) <= result or actual[result].shape != own.shape or own.numel() == 0:
        return actual
    ours, theirs = (positions if keepdim else positions.unsqueeze(dim) for positions in (actual[result], own))
    if (ours < 0).any() or (ours >= source.shape[dim]).any() or (ours.sort(dim).values.diff(dim=dim) == 0).any():
        return actual
    same = _same(source.gather(dim, ours), source.gather(dim, theirs))
    positions = torch.where(same if keepdim else same.squeeze(dim), own, actual[result])
    return [*actual[:result], positions, *actual[result + 1:]]


def disagreement(actual, reference):
    """Why the results of a compiled call do not agree; None where they do."""
    if reference.order:
        actual = _ties_broken(actual, reference)
    if len(actual) != len(reference.own):
        return f"{len(actual)} results instead of {len(reference.own)}"
    for index, (ours, own, exact) in enumerate(zip(actual, reference.own, reference.exact)):
        if ours.dtype != own.dtype or ours.shape != own.shape:
            return f"result {index}: {ours.dtype}{list(ours.shape)} instead of {own.dtype}{list(own.shape)}"
        if not reference.values:
            continue
        why = _difference(ours, [own], exact, reference.error)
        if why and (own.is_floating_point() or own.is_complex()):
            why = _difference(ours, [own, reference.with_other_strides()[index]], exact, reference.error)
        if why:
            return f"result {index}: {why}"
    return None


def _reals(tensor):
    return torch.view_as_real(tensor.resolve_conj().contiguous()) if tensor.is_complex() else tensor


def _difference(ours, evaluations, exact, error_of_aten=0):
    """Why `ours` does not agree with the first of eager's `evaluations`; the others count with their errors only."""
    ours, own, exact, *others = map(_reals, (ours, evaluations[0], exact, *evaluations[1:]))
    if not own.is_floating_point():
        different = (ours != own).sum().item()
        return f"{different} of {own.numel()} elements differ" if different else None
    if not exact.is_floating_point() or exact.shape != own.shape:
        exact = own
    ours64, own64, exact = ours.double(), own.double(), exact.double()
    if not torch.equal(ours64.isnan(), own64.isnan()):
        return "NaNs are elsewhere"
    exact = torch.where(exact.isfinite(), exact, own64)
    held = exact.isfinite() & (exact.abs() <= torch.finfo(own.dtype).max)
    floor = ERROR_FLOOR[own.dtype] * exact[held].abs().max() if held.any() else 0
    own64 = torch.where(own64.isinf() & held & ((ours64 - exact).abs() <= floor), ours64, own64)
    infinite = ours64.isinf() | own64.isinf()
    if not torch.equal(ours64[infinite], own64[infinite]):
        return "infinities are elsewhere"
    finite = own64.isfinite() & exact.isfinite()
    if not finite.any():
        return None
    scale = exact[finite].abs().max().clamp(min=1e-300)
    error, *of_eager = ((t.double() - exact)[finite].abs().max().item() / scale.item() for t in (ours64, own64, *others))
    of_eager = max(error for error in of_eager if math.isfinite(error))
    allowed = max(ERROR_FACTOR * of_eager, ERROR_FLOOR[own.dtype], error_of_aten)
    return None if error <= allowed else f"error {error:.1e} against f64, eager's own {of_eager:.1e}, allowed {allowed:.1e}"
