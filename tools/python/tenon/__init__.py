"""Tenon from Python: export a PyTorch module for the compiler, and run compiled models.

    import tenon
    tenon.export(module, (x,), path="model.pt2")        # needs PyTorch; also writes model.reference.safetensors
    # $ tenon compile model.pt2 -o model.so
    model = tenon.load("model.so")                      # needs NumPy only
    y = model(x)                                        # NumPy or torch tensors in, the exported nesting of outputs back
"""
from tenon.model import Model, TenonError, load

__all__ = ["Model", "TenonError", "export", "load"]


def export(*args, **kwargs):
    """See tenon.exporting.export; imported on first use because it needs PyTorch."""
    from tenon.exporting import export as run

    return run(*args, **kwargs)
