"""What the tables of layers and functions wrap their rows in."""
import torch
from torch import nn


class Function(nn.Module):
    """A function as a module; with `parameters`, modules by name, the function gets the module itself first."""

    def __init__(self, function, **parameters):
        super().__init__()
        self.function = function
        self.takes_self = bool(parameters)
        for name, value in parameters.items():
            setattr(self, name, value)

    def forward(self, *args):
        out = self.function(self, *args) if self.takes_self else self.function(*args)
        # torch.return_types.* have no name in a serialised program
        return tuple(torch.utils._pytree.tree_leaves(out)) if isinstance(out, (list, tuple)) else out


class Called(nn.Module):
    """A module called with fixed keyword arguments."""

    def __init__(self, module, **kwargs):
        super().__init__()
        self.module, self.kwargs = module, kwargs

    def forward(self, *args):
        return self.module(*args, **self.kwargs)


class Training(nn.Module):
    """A module that stays in training mode after .eval()."""

    def __init__(self, module):
        super().__init__()
        self.module = module.train()

    def train(self, mode=True):
        return self

    def forward(self, x):
        return self.module(x)
