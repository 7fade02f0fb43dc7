"""Compiles tiny models of tools/bench/models.py for arm64, runs them under qemu-aarch64, and holds them against f64.

    compare_arm.py            two models in three configurations
    compare_arm.py --full     every model, CPU and vector length
    compare_arm.py --models gpt2,t5_small --configurations neoverse-v1@512

Needs PyTorch, qemu-aarch64, clang with the arm64 libraries, and the arm64 CLI (TENON_AARCH64); where one is absent the test is
skipped (return code 77).
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

import eager  # first: skips where PyTorch is absent
import models
from safetensors.torch import load_file
from tenon.exporting import export, flatten_tensors
import torch

# What a model is compiled for, and the vector lengths in bits it is run at (0: a CPU without SVE).
LENGTHS = (128, 256, 512, 1024, 2048)
FULL = [("generic", 0), ("neoverse-n1", 0)] + [("neoverse-v1", n) for n in LENGTHS] + [("neoverse-v2", n) for n in LENGTHS]
SUBSET = [("generic", 0), ("neoverse-v1", 256), ("neoverse-v2", 512)]
SUBSET_MODELS = ("gpt2", "bert_base")
CPU_WITHOUT_SVE = "neoverse-n1"

# Exits with 0 and prints the vector length in bits, 0 where the CPU has no SVE.
PROBE = r"""
#include <stdio.h>
#include <sys/auxv.h>
int main(void) {
  unsigned long bytes = 0;
  if (getauxval(AT_HWCAP) >> 22 & 1)
    __asm__(".arch_extension sve\n\tcntb %0" : "=r"(bytes));
  printf("%lu\n", bytes * 8);
  return 0;
}
"""


def skip(reason):
    print(f"{reason}: skipped")
    sys.exit(eager.SKIPPED)


def emulator(bits):
    """qemu with SVE vectors of exactly `bits`; without SVE where that is 0."""
    cpu = CPU_WITHOUT_SVE
    if bits:
        # One length on and every other off; sve-max-vq and the default length give other lengths silently.
        cpu = "max," + ",".join(f"sve{n}={'on' if n <= bits else 'off'}" for n in LENGTHS)
        cpu += f",sve-default-vector-length={bits // 8}"
    return ["qemu-aarch64", "-cpu", cpu]


def build_probe(folder):
    source, program = os.path.join(folder, "probe.c"), os.path.join(folder, "probe")
    with open(source, "w") as file:
        file.write(PROBE)
    clang = os.environ.get("TENON_CLANG_C", "clang")
    done = subprocess.run([clang, "--target=aarch64-linux-gnu", "-fuse-ld=lld", source, "-o", program], capture_output=True)
    if done.returncode:
        skip("no program can be compiled for arm64")
    return program


def check_length(probe, bits):
    """Asserts that programs under emulator(bits) have vectors of `bits`."""
    got = int(subprocess.run([*emulator(bits), probe], capture_output=True, text=True, check=True).stdout)
    assert got == bits, f"asked qemu for {bits} bits, got {got}"


def run(so, path, bits, outputs):
    return subprocess.run([*emulator(bits), os.environ["TENON_AARCH64"], "run", so, "--inputs", path, "--outputs", outputs,
                           "--threads", "2"], capture_output=True, text=True)


class Reference:
    """A tiny model exported to `folder`, with eager's and the f64 outputs."""

    def __init__(self, name, folder):
        module, args, kwargs = models.build(name, tiny=True)
        self.name, self.path = name, os.path.join(folder, name + ".pt2")
        export(module, args, kwargs, path=self.path)
        self.inputs = os.path.join(folder, name + ".reference.safetensors")
        with torch.no_grad():
            self.eager = flatten_tensors(module(*args, **kwargs))
            double = eager.to_double_module(module)
            self.exact = flatten_tensors(double(*eager.to_double(args), **eager.to_double(kwargs)))

    def check(self, outputs):
        """The largest scaled error of a file of outputs; raises where one does not agree."""
        tensors = load_file(outputs)
        assert len(tensors) == len(self.eager), f"{len(tensors)} outputs instead of {len(self.eager)}"
        return max(eager.check(f"output {i}", tensors[str(i)], e, x)
                   for i, (e, x) in enumerate(zip(self.eager, self.exact, strict=True)))


def check_model(reference, configurations, folder):
    """Prints a line per configuration; returns how many failed."""
    failed, compiled = 0, {}
    for cpu, bits in configurations:
        label = f"{reference.name:20} {cpu:12} {f'SVE {bits}' if bits else 'no SVE':9}"
        try:
            if cpu not in compiled:
                compiled[cpu] = shutil.copy(
                    eager.compile_program(reference.path, "--target", "aarch64", "--cpu", cpu),
                    os.path.join(folder, f"{reference.name}.{cpu}.so"))
            outputs = os.path.join(folder, "outputs.safetensors")
            done = run(compiled[cpu], reference.inputs, bits, outputs)
            assert done.returncode == 0, f"tenon run exited with {done.returncode}: {done.stderr.strip()}"
            print(f"{label} error {reference.check(outputs):.2e}", flush=True)
        except (AssertionError, RuntimeError, eager.Unsupported) as error:
            failed += 1
            print(f"{label} FAILED: {error}", flush=True)
    for cpu, so in compiled.items():
        if cpu not in ("generic", "neoverse-n1"):
            failed += check_refusal(reference, cpu, so, folder)
    return failed


def check_refusal(reference, cpu, so, folder):
    """A model for SVE on a CPU without it ends with a sentence that names SVE, not with a signal."""
    done = run(so, reference.inputs, 0, os.path.join(folder, "refused.safetensors"))
    refused = done.returncode > 0 and "this CPU lacks" in done.stderr and "sve" in done.stderr
    print(f"{reference.name:20} {cpu:12} no SVE    {'refused' if refused else 'FAILED'}: {done.stderr.strip()}", flush=True)
    return 0 if refused else 1


def parse_configuration(text):
    cpu, _, bits = text.partition("@")
    return cpu, int(bits or 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--models")
    parser.add_argument("--configurations")
    options = parser.parse_args()
    if not shutil.which("qemu-aarch64"):
        skip("qemu-aarch64 is not installed")
    if not os.access(os.environ.get("TENON_AARCH64", ""), os.X_OK):
        skip("the arm64 CLI is not built")
    names = options.models.split(",") if options.models else list(models.MODELS) if options.full else SUBSET_MODELS
    configurations = FULL if options.full else SUBSET
    if options.configurations:
        configurations = [parse_configuration(text) for text in options.configurations.split(",")]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        probe = build_probe(folder)
        for bits in sorted({bits for _, bits in configurations}):
            check_length(probe, bits)
            print(f"vector length {bits}: as asked")
        for name in names:
            try:
                reference = Reference(name, folder)
            except ImportError as error:
                skip(f"{error.name} is not installed")
            failed += check_model(reference, configurations, folder)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
