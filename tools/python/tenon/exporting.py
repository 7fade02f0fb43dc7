"""Writes what `tenon compile` and `tenon compare` read: a .pt2 archive and its reference inputs and outputs."""
import os

import torch
from safetensors.torch import save_file


def flatten_tensors(value):
    """The tensors of a nesting of dicts, lists, tuples and model outputs, in pytree order."""
    leaves = torch.utils._pytree.tree_leaves(value)
    tensors = []
    for leaf in leaves:
        if isinstance(leaf, torch.Tensor):
            tensors.append(leaf)
        elif hasattr(leaf, "to_tuple"):
            tensors += flatten_tensors(leaf.to_tuple())
    return tensors


def export(module, args=(), kwargs=None, *, dynamic_shapes=None, path):
    """Exports `module` for the example inputs and runs it in eager mode.

    module          an nn.Module in eval mode
    args, kwargs    example inputs; a Python int marked in `dynamic_shapes` becomes a 0-d int64 input
    dynamic_shapes  as for torch.export.export
    path            "NAME.pt2"; next to it goes NAME.reference.safetensors with the inputs "input.0", "input.1", … and
                    the eager outputs "output.0", … (flattened tensors, in order): what `tenon compare` takes as both
                    --inputs and --expected

    Returns the ExportedProgram. Raises what torch.export raises.
    """
    kwargs = dict(kwargs or {})
    with torch.no_grad():
        program = torch.export.export(module, tuple(args), kwargs, dynamic_shapes=dynamic_shapes, strict=False)
        torch.export.save(program, path)
        # Copies: a model may mutate its inputs.
        inputs = [t.detach().clone() for t in flatten_tensors((tuple(args), kwargs))]
        outputs = flatten_tensors(module(*args, **kwargs))
    reference = {f"input.{i}": t for i, t in enumerate(inputs)} | {f"output.{i}": t for i, t in enumerate(outputs)}
    # safetensors wants each tensor in memory of its own.
    reference = {name: t.detach().contiguous().clone() for name, t in reference.items()}
    stem = os.path.splitext(path)[0]
    save_file(reference, stem + ".reference.safetensors")
    return program
