"""Tests that compiling holds a model's weights once: the archive is mapped and copied from there. Needs PyTorch."""
import subprocess
import sys
import unittest

try:
    import torch
except ImportError as error:
    print(f"{error.name} is not installed: skipped")
    sys.exit(77)

import tenon
from tenon_command import DONE, TENON, CommandTest

MIB = 1 << 20


# A process starts with the peak of the one that started it, and this one has held the model: so one that has not starts it.
LAUNCHER = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def peak_memory(*arguments):
    """Runs a command; returns its exit code and the largest resident set, in bytes, of its processes."""
    done = subprocess.run([sys.executable, "-c", LAUNCHER, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    return done.returncode, int(done.stdout) * 1024


class CompileMemory(CommandTest):
    def test_weights_are_held_once(self):
        """The contract allows 1.5 W + 1 GB; at this W a second copy would not be seen there, so the bound is closer."""
        module = torch.nn.Sequential(torch.nn.Linear(8192, 6144, bias=False), torch.nn.Linear(6144, 8192, bias=False)).eval()
        weights = sum(p.nbytes for p in module.parameters())
        path = self.folder / "net.pt2"
        tenon.export(module, (torch.randn(1, 8192),), path=str(path))
        code, peak = peak_memory(TENON, "compile", path, "-o", self.folder / "net.so")
        print(f"weights {weights / MIB:.0f} MiB, peak {peak / MIB:.0f} MiB")
        self.assertEqual(code, DONE)
        self.assertGreater((self.folder / "net.so").stat().st_size, weights)
        self.assertLess(peak, 1.5 * weights + 150 * MIB)


if __name__ == "__main__":
    unittest.main()
