"""Compiles one model of tools/bench/models.py, tiny, and compares it with eager: `compare_model.py NAME`."""
import sys
import tempfile

import eager  # first: skips where PyTorch is absent
import models


def main():
    try:
        module, args, kwargs = models.build(sys.argv[1], tiny=True)
    except ImportError as error:
        print(f"{error.name} is not installed: skipped")
        sys.exit(eager.SKIPPED)
    with tempfile.TemporaryDirectory() as folder:
        print(f"{sys.argv[1]}: error against f64 {eager.compare(module, args, kwargs, folder):.2e}")


if __name__ == "__main__":
    main()
