"""Registration of functions that compare something with eager, and the loop that runs them.

    compare_X.py [NAME...]                        all cases of that file, or those whose name contains a given text
    compare_X.py --on neoverse-v1@256 [NAME...]   compiled for that CPU and run under qemu, with SVE vectors of so many bits (0:
                                                  on a CPU without SVE)
"""
import argparse
import sys
import tempfile
import traceback

import eager  # first: skips where PyTorch is absent
import torch

CASES = {}
ONLY_ON_HOST = set()


def case(f):
    """Registers `f(folder)`, which raises where something does not agree, and may return the largest error."""
    CASES[f.__name__] = f
    return f


def case_on_host(f):
    """The same for what is about the Python package, which loads models of its own architecture only."""
    ONLY_ON_HOST.add(f.__name__)
    return case(f)


def run(name):
    """Runs a case; returns "agrees" or the error as text. Raises what the case raises."""
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as folder:
        error = CASES[name](folder)
    return "agrees" if error is None else f"{error:.1e}"


def chosen(texts):
    """The names of the cases that can run on eager.machine and contain one of `texts`, if any are given."""
    return [name for name in CASES if (not texts or any(text in name for text in texts))
            and (eager.machine.is_host or name not in ONLY_ON_HOST)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--on", metavar="CPU@BITS", help="compile for this arm64 CPU, run under emulation")
    options = parser.parse_args()
    if options.on:
        import emulation

        eager.machine = emulation.machine(options.on)
    names, failures = chosen(options.names), 0
    for name in names:
        try:
            print(f"{name}: {run(name)}", flush=True)
        except Exception as error:
            failures += 1
            print(f"{name}: FAILED", flush=True)
            traceback.print_exception(error, limit=-2)
    print(f"{len(names) - failures} of {len(names)} agree")
    sys.exit(1 if failures else 0)
