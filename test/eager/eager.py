"""What the eager comparisons share: export a module, compile it, run it, and hold the outputs against f64.

A float output agrees when its largest error against the model in double precision, divided by the output's largest
magnitude, is at most ERROR_FACTOR times eager's own or 1e-5 (half precision: one unit of the format's last place instead).
Integers and booleans must be equal to eager's.
"""
import copy
import os
import subprocess
import sys

SKIPPED = 77

try:
    import torch
except ImportError:
    print("PyTorch is not installed: skipped")
    sys.exit(SKIPPED)

import tenon
from tenon.exporting import export, flatten_tensors

ERROR_FACTOR = 2.0
ERROR_FLOOR = {torch.float32: 1e-5, torch.float64: 1e-12, torch.float16: 2.0**-10, torch.bfloat16: 2.0**-7}


class Host:
    """The machine that models are compiled for and run on, unless a test is to run under emulation; see emulation.Emulated."""

    is_host = True
    flags = ()  # of tenon compile
    load = staticmethod(tenon.load)


machine = Host()


class Unsupported(Exception):
    """The compiler said that it cannot do the model (exit code 3); the text says what is missing."""


def compile_with_messages(path, *flags):
    """Compiles the .pt2 at `path` for the machine; returns the path of the .so and what was printed on stderr."""
    so = os.path.splitext(path)[0] + ".so"
    done = subprocess.run([os.environ["TENON"], "compile", path, "-o", so, *machine.flags, *flags], capture_output=True, text=True)
    if done.returncode == 3:
        raise Unsupported(done.stderr)
    if done.returncode != 0:
        raise RuntimeError(f"tenon compile exited with {done.returncode}: {done.stderr}")
    return so, done.stderr


def compile_program(path, *flags):
    """Compiles the .pt2 at `path` for the machine; returns the path of the .so."""
    return compile_with_messages(path, *flags)[0]


def expect_unsupported(path, reason):
    """Raises unless the compiler refuses the .pt2 at `path` with a text that contains `reason`."""
    try:
        compile_program(path)
    except Unsupported as error:
        assert reason in str(error), error
        return
    raise AssertionError("it was compiled")


def load_program(path, *flags):
    """Compiles the .pt2 at `path` and loads it on the machine."""
    return machine.load(compile_program(path, *flags))


def to_double(value):
    return torch.utils._pytree.tree_map(
        lambda v: v.double() if isinstance(v, torch.Tensor) and v.is_floating_point() else v, value)


def scaled_error(actual, exact):
    """max |actual - exact| / max |exact|; NaNs and infinities must be in the same places (else infinity)."""
    if exact.numel() == 0:
        return 0.0
    actual = actual.double()
    if not torch.equal(actual.isnan(), exact.isnan()) or not torch.equal(actual[actual.isinf()], exact[exact.isinf()]):
        return float("inf")
    finite = exact.isfinite()
    if not finite.any():
        return 0.0
    return ((actual - exact)[finite].abs().max() / exact[finite].abs().max().clamp(min=1e-30)).item()


def check(name, actual, eager, exact, factor=ERROR_FACTOR):
    """Raises AssertionError, with figures, where one output of a model does not agree; `factor`: see above. Returns the error."""
    assert actual.dtype == eager.dtype and actual.shape == eager.shape, (
        f"{name}: {actual.dtype}{list(actual.shape)} instead of {eager.dtype}{list(eager.shape)}")
    actual, eager, exact = map(real_parts, (actual, eager, exact))
    if not eager.is_floating_point():
        assert torch.equal(actual, eager), f"{name}: {(actual != eager).sum().item()} of {eager.numel()} elements differ"
        return 0.0
    error, own = scaled_error(actual, exact.double()), scaled_error(eager, exact.double())
    allowed = max(factor * own, ERROR_FLOOR[eager.dtype])
    assert error <= allowed, f"{name}: error {error:.2e} against f64, eager's own {own:.2e}, allowed {allowed:.2e}"
    return error


def real_parts(tensor):
    tensor = tensor.detach().resolve_conj()
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def reference(module, args, kwargs):
    """Eager outputs and, where the model runs in double precision, exact ones (else eager's own stand for them)."""
    with torch.no_grad():
        own_args, own_kwargs = copy.deepcopy((args, kwargs))
        outputs = flatten_tensors(copy.deepcopy(module)(*own_args, **own_kwargs))
        try:
            exact = exact_outputs(module, args, kwargs)
        except (RuntimeError, TypeError, ValueError):  # a model that names its precision
            exact = outputs
    same = len(exact) == len(outputs) and all(e.shape == o.shape for e, o in zip(exact, outputs))
    return outputs, exact if same else outputs


def exact_outputs(module, args, kwargs):
    """Outputs in double precision; tensors that the model creates are doubles as well."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        return flatten_tensors(to_double_module(module)(*to_double(copy.deepcopy(args)), **to_double(copy.deepcopy(kwargs))))
    finally:
        torch.set_default_dtype(before)


def compare(module, args, kwargs, folder, other_inputs=(), dynamic_shapes=None, flags=(), transform=None):
    """Compiles `module` in `folder` with `flags` and compares it with eager on its example inputs and on `other_inputs`, a list of
    (args, kwargs). `transform` makes the program to compile of the exported one. Returns the largest scaled error."""
    path = os.path.join(folder, "model.pt2")
    program = export(module, args, kwargs, dynamic_shapes=dynamic_shapes, path=path)
    if transform:
        torch.export.save(transform(program), path)
    model = load_program(path, *flags)
    double = to_double_module(module)
    worst = 0.0
    for call_args, call_kwargs in [(args, kwargs), *other_inputs]:
        with torch.no_grad():
            eager = flatten_tensors(module(*copy.deepcopy(call_args), **copy.deepcopy(call_kwargs)))
            exact = flatten_tensors(double(*to_double(call_args), **to_double(call_kwargs)))
        inputs = flatten_tensors((call_args, call_kwargs))
        for index, (array, e, x) in enumerate(zip(model.run_flat(inputs), eager, exact, strict=True)):
            actual = torch.from_numpy(array)
            actual = actual.view(torch.bfloat16) if e.dtype == torch.bfloat16 else actual
            worst = max(worst, check(f"output {index}", actual, e, x))
    model.close()
    return worst


def to_double_module(module):
    return copy.deepcopy(module).double()


def compiled(folder, module, example, dynamic_shapes=None):
    path = os.path.join(folder, "model.pt2")
    export(copy.deepcopy(module), example, dynamic_shapes=dynamic_shapes, path=path)
    return load_program(path)


def compare_state(folder, module, calls, dynamic_shapes=None):
    """Runs the same calls in eager and compiled, then again after reset_state: state must persist and be restored."""
    model = compiled(folder, module, calls[0], dynamic_shapes)
    for _ in range(2):
        reference = copy.deepcopy(module)
        for inputs in calls:
            with torch.no_grad():
                expected = flatten_tensors(reference(*inputs))
            for actual, e in zip(model.run_flat(list(inputs)), expected, strict=True):
                torch.testing.assert_close(torch.from_numpy(actual), e)
        model.reset_state()
