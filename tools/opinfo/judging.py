"""When a compiled result agrees with eager PyTorch.

A float result agrees when its largest error against the same call in double precision, divided by the result's largest
magnitude, is at most three times eager's own or the dtype's floor; infinities and NaNs must be where eager's are, but for
infinities of eager that double precision proves wrong. Integers
and booleans must be equal to eager's. Where the call does not run in double precision, eager's result stands for the exact one.
Of equal elements PyTorch leaves open which one a position names: any of them will do.
"""
import torch
from torch.utils import _pytree as pytree

from programs import call

ERROR_FACTOR = 3.0
ERROR_FLOOR = {torch.float32: 1e-5, torch.float64: 1e-13, torch.float16: 2.0**-10, torch.bfloat16: 2.0**-7}
WIDE = {torch.float16: torch.float64, torch.bfloat16: torch.float64, torch.float32: torch.float64,
        torch.complex64: torch.complex128}


class Reference:
    """Eager's results of one call. `values` is False where they differ from call to call: then only their types count.
    `lines`: (dim, keepdim) where the second result names positions in the first argument, and None elsewhere."""

    def __init__(self, op, sample, values=True):
        self.lines = _lines(op, sample)
        self.source = sample.args[0]
        torch.manual_seed(0)
        self.own = [result.detach().clone() for result in call(op, sample)]
        torch.manual_seed(1)
        again = call(op, sample)
        self.values = values and all(torch.equal(_bits(a), _bits(b)) for a, b in zip(self.own, again))
        self.exact = self._exact(op, sample)

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


def _lines(op, sample):
    if getattr(op, "name", None) != "kthvalue":
        return None
    arguments = dict(zip(("input", "k", "dim", "keepdim"), sample.args), **sample.kwargs)
    return arguments.get("dim", -1), arguments.get("keepdim", False)


def _widened(leaf):
    """A tensor or a dtype in double precision; anything else as it is."""
    if isinstance(leaf, torch.dtype):
        return WIDE.get(leaf, leaf)
    return leaf.to(WIDE.get(leaf.dtype, leaf.dtype)) if isinstance(leaf, torch.Tensor) else leaf


def _bits(tensor):
    """Something equal for equal tensors, NaNs included."""
    tensor = tensor.detach().resolve_conj().resolve_neg().contiguous()
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    return torch.nan_to_num(tensor, nan=0.5) if tensor.is_floating_point() else tensor


def _ties_broken(actual, reference):
    """`actual` with eager's position wherever ours names an element of the same value."""
    values, positions = reference.own
    dim, keepdim = reference.lines
    if len(actual) != 2 or actual[1].shape != positions.shape or values.dim() == 0 and reference.source.dim() == 0:
        return actual
    ours = actual[1] if keepdim else actual[1].unsqueeze(dim)
    named = reference.source.gather(dim, ours.clamp(0, reference.source.shape[dim] - 1))
    same = _bits(named if keepdim else named.squeeze(dim)) == _bits(values)
    return [actual[0], torch.where(same, positions, actual[1])]


def disagreement(actual, reference):
    """Why the results of a compiled call do not agree; None where they do."""
    if reference.lines:
        actual = _ties_broken(actual, reference)
    if len(actual) != len(reference.own):
        return f"{len(actual)} results instead of {len(reference.own)}"
    for index, (ours, own, exact) in enumerate(zip(actual, reference.own, reference.exact)):
        if ours.dtype != own.dtype or ours.shape != own.shape:
            return f"result {index}: {ours.dtype}{list(ours.shape)} instead of {own.dtype}{list(own.shape)}"
        if reference.values and (why := _difference(ours, own, exact)):
            return f"result {index}: {why}"
    return None


def _difference(ours, own, exact):
    if own.is_complex():
        ours, own, exact = (torch.view_as_real(t.resolve_conj().contiguous()) if t.is_complex() else t
                            for t in (ours, own, exact))
    if not own.is_floating_point():
        different = (ours != own).sum().item()
        return f"{different} of {own.numel()} elements differ" if different else None
    if not exact.is_floating_point() or exact.shape != own.shape:
        exact = own
    ours64, own64, exact = ours.double(), own.double(), exact.double()
    if not torch.equal(ours64.isnan(), own64.isnan()):
        return "NaNs are elsewhere"
    # Where eager leaves the format on the way to a finite result, its own error is infinite and ours may be less.
    floor = ERROR_FLOOR[own.dtype] * exact[exact.isfinite()].abs().max() if exact.isfinite().any() else 0
    own64 = torch.where(own64.isinf() & exact.isfinite() & ((ours64 - exact).abs() <= floor), ours64, own64)
    infinite = ours64.isinf() | own64.isinf()
    if not torch.equal(ours64[infinite], own64[infinite]):
        return "infinities are elsewhere"
    finite = own64.isfinite() & exact.isfinite()
    if not finite.any():
        return None
    scale = exact[finite].abs().max().clamp(min=1e-300)
    error, of_eager = ((t - exact)[finite].abs().max() / scale for t in (ours64, own64))
    allowed = max(ERROR_FACTOR * of_eager, ERROR_FLOOR[own.dtype])
    return None if error <= allowed else f"error {error:.1e} against f64, eager's own {of_eager:.1e}, allowed {allowed:.1e}"
