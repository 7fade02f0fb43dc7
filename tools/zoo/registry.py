"""Where the families of the zoo enter their models, and what every entry goes through when it is built."""
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.export import Dim

WEIGHT_SEED, INPUT_SEED, ENLIVEN_SEED = 0, 1, 7
DYNAMIC = Dim.DYNAMIC

ENTRIES = {}


class Example(NamedTuple):
    """A module in eval mode and one call of it. `dynamic_shapes` is what torch.export.export takes, or None."""

    module: nn.Module
    args: tuple
    kwargs: dict
    dynamic_shapes: Any


def register(name, make):
    """Enters `make(tiny, batch) -> (module, args, kwargs, dynamic_shapes)` as "family/model"."""
    if name in ENTRIES:
        raise ValueError(f"zoo entry '{name}' exists already")
    ENTRIES[name] = make


def family(name):
    return name.split("/")[0]


def seed_inputs():
    """Called between module and inputs, so that inputs do not depend on how many weights were drawn."""
    torch.manual_seed(INPUT_SEED)


def build(name, tiny=False, batch=None):
    """The Example of entry `name`; the same name gives the same weights and inputs. Batch 1 at full size, 2 when tiny.
    With batch 1 the batch stays static: export specialises on sizes of one."""
    batch = batch or (2 if tiny else 1)
    torch.manual_seed(WEIGHT_SEED)
    module, args, kwargs, dynamic = ENTRIES[name](tiny, batch)
    enliven(module.eval(), args, kwargs)
    return Example(module, args, kwargs, _without_batch(dynamic) if batch == 1 else dynamic)


def enliven(module, args=(), kwargs=None):
    """Gives freshly initialised weights life, so that a comparison can fail: parameters that are all zero get small
    random values, batch norms the statistics of the example input (else signals die out). In place."""
    state = torch.get_rng_state()
    torch.manual_seed(ENLIVEN_SEED)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.is_floating_point() and parameter.numel() and not parameter.any():
                parameter.normal_(0, 0.02)
        _take_statistics(module, args, kwargs or {})
    torch.set_rng_state(state)
    return module


def _take_statistics(module, args, kwargs):
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    if not norms:
        return
    before = [(norm.momentum, norm.training) for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
        norm.train(True)
    try:
        module(*args, **kwargs)
    except ValueError:  # one value per channel has no variance: the norm keeps the statistics it was made with
        pass
    for norm, (momentum, training) in zip(norms, before):
        norm.momentum = momentum
        norm.train(training)
        norm.running_var.clamp_(min=1e-3)
        norm.num_batches_tracked.zero_()


def _without_batch(shapes):
    if isinstance(shapes, dict):
        if shapes and all(isinstance(k, int) for k in shapes):
            return {k: v for k, v in shapes.items() if k != 0} or None
        return {k: _without_batch(v) for k, v in shapes.items()}
    if isinstance(shapes, (list, tuple)):
        return type(shapes)(_without_batch(v) for v in shapes)
    return shapes
