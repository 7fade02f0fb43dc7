"""Models compiled for arm64 and run under qemu-aarch64, at any SVE vector length or without SVE, held against f64."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

import eager  # first: skips where PyTorch is absent
import tenon
import torch
from safetensors.torch import load_file, save_file
from tenon.exporting import export

# SVE's vector lengths in bits that are powers of two; 0 stands for a CPU without SVE.
LENGTHS = (128, 256, 512, 1024, 2048)
CPU_WITHOUT_SVE = "neoverse-n1"
COMPILED_WITHOUT_SVE = ("generic", "neoverse-n1")

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


def require():
    """Skips the test where models cannot be run under emulation."""
    if not shutil.which("qemu-aarch64"):
        skip("qemu-aarch64 is not installed")
    if not os.access(os.environ.get("TENON_AARCH64", ""), os.X_OK):
        skip("the arm64 CLI is not built")


def emulator(bits):
    """qemu with SVE vectors of exactly `bits`; without SVE where that is 0."""
    cpu = CPU_WITHOUT_SVE
    if bits:
        # One length on and every other off; sve-max-vq and the default length give other lengths silently.
        cpu = "max," + ",".join(f"sve{n}={'on' if n <= bits else 'off'}" for n in LENGTHS)
        cpu += f",sve-default-vector-length={bits // 8}"
    return ["qemu-aarch64", "-cpu", cpu]


def check_lengths(lengths):
    """Asserts that programs under emulator(bits) have vectors of `bits`, and prints so."""
    with tempfile.TemporaryDirectory() as folder:
        source, probe = os.path.join(folder, "probe.c"), os.path.join(folder, "probe")
        with open(source, "w") as file:
            file.write(PROBE)
        clang = os.environ.get("TENON_CLANG_C", "clang")
        if subprocess.run([clang, "--target=aarch64-linux-gnu", "-fuse-ld=lld", source, "-o", probe],
                          capture_output=True).returncode:
            skip("no program can be compiled for arm64")
        for bits in lengths:
            got = int(subprocess.run([*emulator(bits), probe], capture_output=True, text=True, check=True).stdout)
            assert got == bits, f"asked qemu for {bits} bits, got {got}"
            print(f"vector length {bits}: as asked")


# --- a machine for compare_*.py ----------------------------------------------------------------------------------------------

SERVER = "model_server"  # test/emulation, beside the arm64 CLI


def parse_configuration(text):
    """("neoverse-v1", 256) of "neoverse-v1@256"."""
    cpu, _, bits = text.partition("@")
    return cpu, int(bits or 0)


def label(cpu, bits):
    return f"{cpu}@{bits}"


def machine(text):
    """The machine that "CPU@BITS" names, whose emulator has been checked; skips the test where there is none."""
    require()
    cpu, bits = parse_configuration(text)
    check_lengths([bits])
    return Emulated(cpu, bits)


class Emulated:
    """An arm64 machine under qemu; stands for eager.Host."""

    is_host = False

    def __init__(self, cpu, bits):
        self.flags, self.bits = ("--target", "aarch64", "--cpu", cpu), bits

    def load(self, path):
        return EmulatedModel(path, self.bits)


class EmulatedModel:
    """What tests use of tenon.Model, for a model that an emulated program has loaded."""

    def __init__(self, path, bits):
        self.stem = path[: -len(".so")]
        server = os.path.join(os.path.dirname(os.environ["TENON_AARCH64"]), SERVER)
        self.process = subprocess.Popen([*emulator(bits), server, path, "2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.read_answer()

    def read_answer(self):
        answer = self.process.stdout.readline().split(maxsplit=2)
        assert answer, f"the emulated program ended with {self.process.wait()}"
        if answer[0] == "failed":
            raise tenon.TenonError(int(answer[1]), answer[2].rstrip("\n"))

    def send(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        self.read_answer()

    def run_flat(self, tensors):
        """As tenon.Model.run_flat, of torch tensors and numbers; also writes to inputs that the model mutates."""
        tensors = [torch.as_tensor(tensor) for tensor in tensors]
        inputs, outputs = self.stem + ".inputs.safetensors", self.stem + ".outputs.safetensors"
        save_file({str(i): tensor.detach().resolve_conj().contiguous().clone() for i, tensor in enumerate(tensors)}, inputs)
        self.send("run", inputs, outputs)
        results = load_file(outputs)
        for i, tensor in enumerate(tensors):
            if f"input.{i}" in results:
                tensor.detach().copy_(results.pop(f"input.{i}"))
        results = [results[str(i)] for i in range(len(results))]
        return [(result.view(torch.uint16) if result.dtype == torch.bfloat16 else result).numpy() for result in results]

    def reset_state(self):
        self.send("reset")

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def __del__(self):
        if not getattr(self, "process", None) or self.process.stdin.closed:
            return
        self.close()


# --- models at several lengths ---------------------------------------------------------------------------------------------

# The instruction's fixed bits; the others are registers.
BFMMLA, BFMMLA_MASK = 0x6460E400, 0xFFE0FC00
MIN_COSINE = 0.9995


def angle_error(name, actual, exact):
    """1 - cosine; raises where that is below the bound of `--precision`."""
    if not exact.is_floating_point():
        return 0.0
    a, b = actual.double().flatten(), exact.double().flatten()
    cosine = (a @ b / (a.norm() * b.norm())).item()
    assert cosine >= MIN_COSINE, f"{name}: cosine {cosine:.6f} to f64"
    return 1 - cosine


class NotExported(Exception):
    """torch.export refuses the module."""


class Case:
    """A module exported to `folder`, with eager's and the f64 outputs; compiled once per CPU."""

    def __init__(self, name, module, args, kwargs, folder, dynamic_shapes=None, flags=()):
        """`flags`: tenon compile's; with --precision, outputs are held to their angle to the f64 ones."""
        self.name, self.folder, self.flags = name, folder, flags
        file = os.path.join(folder, name.replace("/", "."))
        self.path, self.inputs = file + ".pt2", file + ".reference.safetensors"
        self.eager, self.exact = eager.reference(module, args, kwargs)
        try:
            export(module, args, kwargs, dynamic_shapes=dynamic_shapes, path=self.path)
        except Exception as error:
            raise NotExported(f"torch.export: {type(error).__name__}") from error
        self.compiled = {}

    def so_for(self, cpu):
        if cpu not in self.compiled:
            so = eager.compile_program(self.path, "--target", "aarch64", "--cpu", cpu, *self.flags)
            self.compiled[cpu] = shutil.move(so, f"{self.path}.{cpu}.so")
        return self.compiled[cpu]

    def run(self, cpu, bits, outputs, *emulator_flags):
        return subprocess.run([*emulator(bits), *emulator_flags, os.environ["TENON_AARCH64"], "run", self.so_for(cpu), "--inputs", self.inputs,
                               "--outputs", outputs, "--threads", "2"], capture_output=True, text=True)

    def error(self, cpu, bits):
        """The largest scaled error of a run; raises where the run fails or an output does not agree."""
        outputs = os.path.join(self.folder, "outputs.safetensors")
        done = self.run(cpu, bits, outputs)
        assert done.returncode == 0, f"tenon run exited with {done.returncode}: {done.stderr.strip()[-300:]}"
        tensors = load_file(outputs)
        assert len(tensors) == len(self.eager), f"{len(tensors)} outputs instead of {len(self.eager)}"
        if "--precision" in self.flags:
            return max(angle_error(f"output {i}", tensors[str(i)], x) for i, x in enumerate(self.exact))
        return max([eager.check(f"output {i}", tensors[str(i)], eager.real_parts(e), eager.real_parts(x))
                    for i, (e, x) in enumerate(zip(self.eager, self.exact, strict=True))], default=0.0)

    def executes_bfmmla(self, cpu, bits):
        """Whether a run comes to a BFMMLA of SVE: it is in the code that the emulator translates."""
        log = os.path.join(self.folder, "translated")
        done = self.run(cpu, bits, os.path.join(self.folder, "ignored.safetensors"), "-d", "in_asm", "-D", log)
        assert done.returncode == 0, f"tenon run exited with {done.returncode}: {done.stderr.strip()[-300:]}"
        with open(log, errors="replace") as file:
            return any(int(word, 16) & BFMMLA_MASK == BFMMLA
                       for line in file for word in re.findall(r"\b64[0-9a-f]{6}\b", line))

    def is_refused(self, cpu):
        """True where a CPU without SVE refuses the model for `cpu` with a sentence that names SVE."""
        done = self.run(cpu, 0, os.path.join(self.folder, "refused.safetensors"))
        return done.returncode > 0 and "this CPU lacks" in done.stderr and "sve" in done.stderr

    def outcome(self, cpu, bits):
        """The largest error at one configuration as text, or "FAILED: ..."."""
        try:
            return f"{self.error(cpu, bits):.1e}"
        except (AssertionError, RuntimeError, eager.Unsupported) as error:
            return f"FAILED: {error}"
