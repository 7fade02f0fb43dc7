"""Exports an entry in one of the forms users export, and runs it in eager mode and in double precision.

Exporting takes seconds; the folder of an entry keeps the .pt2 and the references, so that a run after a change of the
compiler compiles and compares only. Delete the folder when the zoo changes.
"""
import copy
import os
from typing import NamedTuple

import torch
import zoo
from tenon.exporting import flatten_tensors

from . import double, sizes
from .half import in_half

FORMS = ("raw", "decomposed", "core")
# An output that changes by less than this part of its size, whatever the inputs are, says nothing about the compiler.
LIVELY = 1e-4
# Models that draw random numbers are seeded before every run, in eager and compiled.
SEED = 1


class ExportError(Exception):
    """torch.export, or a decomposition, refused the model."""


class Call(NamedTuple):
    """One call of the model: flattened inputs, eager outputs, outputs in double precision (None: eager ran alone)."""

    label: str
    inputs: list
    outputs: list
    exact: list | None


class Program(NamedTuple):
    path: str
    calls: list
    constant_outputs: list  # positions of float outputs that do not depend on the inputs


def load_or_make(name, options, folder):
    """The Program of entry `name`, from `folder` where it is there."""
    path, kept = os.path.join(folder, "model.pt2"), os.path.join(folder, "references.pt")
    if os.path.exists(path) and os.path.exists(kept):
        # Written by this file: the pickle is our own.
        calls, constant = torch.load(kept, weights_only=False)
        return Program(path, [Call(*call) for call in calls], constant)
    example = in_half(zoo.build(name, options.tiny), options.dtype)
    shapes = example.dynamic_shapes if options.dynamic else None
    if options.dynamic and not shapes:
        raise ExportError("the entry has no dynamic dimensions")
    program = _export(example, shapes, options.form, path)
    calls = _calls(program, example, bool(shapes))
    constant = _constant_outputs(example, calls[0])
    torch.save(([tuple(call) for call in calls], constant), kept)
    return Program(path, calls, constant)


def _export(example, shapes, form, path):
    module, args, kwargs = copy.deepcopy((example.module, example.args, example.kwargs))
    try:
        with torch.no_grad():
            program = torch.export.export(module, args, kwargs, dynamic_shapes=shapes, strict=False)
            if form == "decomposed":
                program = program.run_decompositions({})
            elif form == "core":
                program = program.run_decompositions()
            torch.export.save(program, path + ".new.pt2")
    except Exception as error:
        raise ExportError(f"{type(error).__name__}: {error}") from error
    os.replace(path + ".new.pt2", path)
    return program


def _calls(program, example, is_dynamic):
    def accepts(args, kwargs):
        try:
            with torch.no_grad():
                program.module()(*copy.deepcopy(args), **copy.deepcopy(kwargs))
                copy.deepcopy(example.module)(*copy.deepcopy(args), **copy.deepcopy(kwargs))
            return True
        except Exception:  # whatever a model raises for a size that it does not take
            return False

    others = sizes.other_inputs(program, example.args, example.kwargs, accepts) if is_dynamic else []
    return [_call(example, *inputs) for inputs in [("example", example.args, example.kwargs), *others]]


def _call(example, label, args, kwargs):
    outputs = _eager_outputs(example.module, args, kwargs)
    state = torch.get_rng_state()
    try:
        torch.manual_seed(SEED)
        exact = double.exact_outputs(example.module, args, kwargs)
        has_drawn_the_same = torch.equal(torch.get_rng_state(), state)
        comparable = has_drawn_the_same or not _depends_on_draws(example, args, kwargs, outputs)
        exact = exact if comparable and [e.shape for e in exact] == [o.shape for o in outputs] else None
    except (RuntimeError, TypeError, ValueError, NotImplementedError):  # a model that cannot run in double precision
        exact = None
    return Call(label, _plain(flatten_tensors((args, kwargs))), _plain(outputs), exact and _plain(exact))


def _depends_on_draws(example, args, kwargs, outputs):
    others = _eager_outputs(example.module, args, kwargs, SEED + 1)
    same_shapes = [o.shape for o in outputs] == [o.shape for o in others]
    return not same_shapes or not all(torch.allclose(a, b, rtol=0, atol=0, equal_nan=True) for a, b in zip(outputs, others))


def _eager_outputs(module, args, kwargs, seed=SEED):
    module, args, kwargs = copy.deepcopy((module, args, kwargs))
    torch.manual_seed(seed)
    with torch.no_grad():
        return flatten_tensors(module(*args, **kwargs))


def _plain(tensors):
    return [t.detach().resolve_conj().resolve_neg().clone() for t in tensors]


def _constant_outputs(example, call):
    """Positions of the float outputs that other inputs of the same sizes leave as they are."""
    if not call.inputs:
        return []
    changed = torch.utils._pytree.tree_map(_other_values, (example.args, example.kwargs))
    try:
        others = _eager_outputs(example.module, *changed)
    except Exception:  # an input that must be as it is
        return []
    return [i for i, (own, other) in enumerate(zip(call.outputs, others)) if own.is_floating_point() and own.numel()
            and own.shape == other.shape and not _differs(own, other)]


def _other_values(value):
    """Other floats, and integers in another order; masks stay."""
    if not isinstance(value, torch.Tensor) or value.dtype == torch.bool:
        return value
    if value.is_floating_point():
        return value * 0.5 + torch.randn(value.shape, generator=torch.Generator().manual_seed(5)).to(value.dtype)
    return value.flip(tuple(range(value.dim())))


def _differs(own, other):
    scale = own.double().abs().max()
    return not ((own.double() - other.double()).abs().max() <= LIVELY * scale)
