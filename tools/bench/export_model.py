#!/usr/bin/env python3
"""Exports one of models.py: `export_model.py MODEL OUT.pt2 [--tiny] [--f64]` writes OUT.pt2 and OUT.reference.safetensors
(tenon.export); --f64 adds OUT.f64.safetensors, the outputs of the model in double precision."""
import argparse
import copy
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "python"))

import torch
from safetensors.torch import save_file

import models
from tenon.exporting import export, flatten_tensors


def to_double(value):
    return value.double() if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def f64_outputs(module, args, kwargs):
    """The outputs of a copy of `module` with weights and inputs in double precision."""
    double = copy.deepcopy(module).double()
    with torch.no_grad():
        return flatten_tensors(double(*map(to_double, args), **{k: to_double(v) for k, v in kwargs.items()}))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=models.MODELS)
    parser.add_argument("path")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--f64", action="store_true")
    options = parser.parse_args()
    module, args, kwargs = models.build(options.model, options.tiny)
    export(module, args, kwargs, path=options.path)
    if options.f64:
        outputs = f64_outputs(module, args, kwargs)
        save_file({f"output.{i}": t.contiguous().clone() for i, t in enumerate(outputs)},
                  os.path.splitext(options.path)[0] + ".f64.safetensors")


if __name__ == "__main__":
    main()
