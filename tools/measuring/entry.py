"""The stages of one entry: export, compile, run, agree."""
import os
import signal
import subprocess
import traceback

import eager
import tenon
import torch

from . import program
from .reasons import first_error, general, unsupported_reasons

STAGES = ("export", "compile", "run", "agree")
# An output agrees where its error against f64 is at most this many times eager's own, or 1e-5 of its scale; in half precision,
# where both round at the same places, at most so many times, or one unit of the last place.
ERROR_FACTOR, HALF_ERROR_FACTOR = 3.0, 2.0


class Failure(Exception):
    """An entry ended at `stage`; `reasons` are lines to be counted, `detail` is for the one who looks closer."""

    def __init__(self, stage, reasons, detail=""):
        super().__init__(stage)
        self.stage, self.reasons, self.detail = stage, reasons, detail


def measure(name, options, folder, report):
    """Runs the stages; `report(row)` is told where the entry stands, so that a crash leaves its stage behind."""
    report(dict(stage="export", reasons=["export: crash"]))
    try:
        made = program.load_or_make(name, options, folder)
    except program.ExportError as error:
        raise Failure("export", [f"export: {str(error).split(':')[0]}"], str(error)) from error
    facts = dict(calls=[call.label for call in made.calls], constant_outputs=made.constant_outputs,
                 reference="eager" if any(call.exact is None for call in made.calls) else "f64")
    report(dict(facts, stage="compile", reasons=["compiler: crash of the process that started it"]))
    try:
        so = _compiled(made.path, options)
        if options.import_only:
            return dict(facts, stage="done", reasons=[])
        report(dict(facts, stage="run", reasons=["run: crash"]))
        return dict(facts, stage="done", reasons=[], error=_compared(so, made.calls, HALF_ERROR_FACTOR if options.dtype else ERROR_FACTOR))
    except Failure as failure:
        return dict(facts, stage=failure.stage, reasons=failure.reasons, detail=failure.detail)


def measured(name, options, folder, report):
    """The entry's row, whatever happens."""
    try:
        return measure(name, options, folder, report)
    except Failure as failure:
        return dict(stage=failure.stage, reasons=failure.reasons, detail=failure.detail)
    except Exception:
        return dict(stage="export", reasons=["zoo: the entry cannot be built or run in eager mode"],
                    detail=traceback.format_exc()[-4000:])


def _compiled(path, options):
    so = os.path.splitext(path)[0] + ".so"
    arguments = ["--emit", "mlir", "-o", os.devnull] if options.import_only else ["-o", so]
    arguments += options.compile_flags.split()
    try:
        done = subprocess.run([os.environ["TENON"], "compile", path, *arguments], capture_output=True, text=True,
                              timeout=options.time_limit)
    except subprocess.TimeoutExpired as error:
        raise Failure("compile", ["compiler: time limit"]) from error
    if done.returncode == 3:
        raise Failure("compile", unsupported_reasons(done.stderr), done.stderr)
    if done.returncode < 0:
        raise Failure("compile", [f"compiler: {signal.Signals(-done.returncode).name}"], done.stderr[-4000:])
    if done.returncode != 0:
        raise Failure("compile", [f"compiler: {general(first_error(done.stderr))}"], done.stderr[-4000:])
    return so


def _compared(so, calls, factor):
    """The largest scaled error of all calls."""
    try:
        model = tenon.load(so)
    except tenon.TenonError as error:
        raise Failure("run", [f"run: {general(str(error))}"], str(error)) from error
    worst, reasons, details, stage = 0.0, [], [], "agree"
    for call in calls:
        try:
            worst = max(worst, _error_of_call(model, call, factor))
        except tenon.TenonError as error:
            stage = "run"
            reasons.append(f"run: {general(str(error))}")
            details.append(f"{call.label}: {error}")
        except AssertionError as error:
            reasons.append("wrong values" if call.label == "example" else "wrong values at another size")
            details.append(f"{call.label}: {error}")
    if reasons:
        raise Failure(stage, sorted(set(reasons)), "; ".join(details)[:4000])
    return worst


def _error_of_call(model, call, factor):
    model.seed(program.SEED)
    # Copies: a model may write its inputs.
    arrays = model.run_flat([t.clone() for t in call.inputs])
    assert len(arrays) == len(call.outputs), f"{len(arrays)} outputs instead of {len(call.outputs)}"
    worst, wrong = 0.0, []
    for index, (array, own, exact) in enumerate(zip(arrays, call.outputs, call.exact or call.outputs)):
        actual = torch.from_numpy(array)
        actual = actual.view(torch.bfloat16) if own.dtype == torch.bfloat16 else actual
        try:
            error = eager.check(f"output {index}", *map(_real_parts, (actual, own, exact)), factor=factor)
            worst = max(worst, error)
        except AssertionError as error:
            wrong.append(str(error))
    assert not wrong, "; ".join(wrong[:5])
    return worst


def _real_parts(tensor):
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor
