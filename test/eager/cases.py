"""Registration of functions that compare something with eager, and the loop that runs them.

`compare_X.py [NAME...]` runs all cases of that file, or those whose name contains a given text.
"""
import sys
import tempfile
import traceback

import eager  # first: skips where PyTorch is absent
import torch

CASES = {}


def case(f):
    """Registers `f(folder)`, which raises where something does not agree."""
    CASES[f.__name__] = f
    return f


def main():
    failures = 0
    names = [n for n in CASES if not sys.argv[1:] or any(text in n for text in sys.argv[1:])]
    for name in names:
        torch.manual_seed(1)
        with tempfile.TemporaryDirectory() as folder:
            try:
                CASES[name](folder)
                print(f"{name}: agrees", flush=True)
            except Exception as error:
                failures += 1
                print(f"{name}: FAILED", flush=True)
                traceback.print_exception(error, limit=-2)
    print(f"{len(names) - failures} of {len(names)} agree")
    sys.exit(1 if failures else 0)
