#!/usr/bin/env python3
"""What `--precision bf16` and `f16` cost and give on f32 models: cosine to f32, size of the .so, time paired with f32.

    tools/dev run python3 tools/bench/precision.py                       the four models of the claim, full size
    tools/dev run python3 tools/bench/precision.py bert_base --tiny --no-times --cpu x86-64-v4

Exit code 1 where a cosine is below 0.9995, a .so is larger than 0.6 of f32's, or a time is more than 1.05 of f32's (the
median of the paired rounds). Tiny models are held to the cosine alone: their code is as large as their weights.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile

SKIPPED = 77
try:
    import torch  # noqa: F401 (export_model.py needs it)
except ImportError:
    print("PyTorch is not installed: skipped")
    sys.exit(SKIPPED)

import numpy as np
from safetensors.numpy import load_file

import peers

MODELS = ["resnet50", "vit_b_16", "bert_base", "gpt2"]
PRECISIONS = ["bf16", "f16"]
MIN_COSINE, MAX_SIZE, MAX_TIME = 0.9995, 0.6, 1.05


def cosine(a, b):
    a, b = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / norms) if norms else float(np.array_equal(a, b))


def exported(name, folder, options):
    """The .pt2 and the inputs of model `name`: from --exported where they are there, else made in `folder`."""
    stem = os.path.join(options.exported or folder, name + ("_tiny" if options.tiny else ""))
    if not os.path.exists(stem + ".pt2"):
        stem = os.path.join(folder, name)
        flags = ["--tiny"] if options.tiny else []
        subprocess.run([sys.executable, os.path.join(peers.HERE, "export_model.py"), name, stem + ".pt2", *flags], check=True)
    return stem + ".pt2", stem + ".reference.safetensors"


def compiled(tenon, path, precision, folder, options):
    so = os.path.join(folder, precision + ".so")
    flags = ["--cpu", options.cpu] if options.cpu else []
    quiet = None if options.warnings else subprocess.DEVNULL
    subprocess.run([tenon, "compile", path, "-o", so, "--precision", precision, *flags], check=True, stderr=quiet)
    return so


def outputs(tenon, so, inputs, options):
    path = so + ".safetensors"
    subprocess.run([tenon, "run", so, "--inputs", inputs, "--outputs", path, "--threads", str(options.threads)], check=True)
    return load_file(path)


def paired_times(name, sos, inputs, options):
    """Per .so the milliseconds of each round; a round runs every one of them in turn, each round another one first."""
    workers = [peers.Worker("tenon", name, options.threads, ["--so", so, "--inputs", inputs]) for so in sos]
    times = [[] for _ in sos]
    for worker in workers:
        worker.round(0.2)
    for first in range(options.rounds):
        for position in range(len(workers)):
            number = (first + position) % len(workers)
            times[number].append(workers[number].round(options.round_seconds))
    for worker in workers:
        worker.close()
    return times


def rows(tenon, name, options):
    with tempfile.TemporaryDirectory() as folder:
        path, inputs = exported(name, folder, options)
        sos = {p: compiled(tenon, path, p, folder, options) for p in ["f32", *options.precisions]}
        values = {p: outputs(tenon, so, inputs, options) for p, so in sos.items()}
        times = dict(zip(sos, paired_times(name, list(sos.values()), inputs, options))) if not options.no_times else {}
        for precision in options.precisions:
            row = {"model": name, "precision": precision}
            row["cosine"] = min(cosine(values[precision][key], value) for key, value in values["f32"].items()
                                if value.dtype.kind == "f")
            row["mb"], row["f32_mb"] = (os.path.getsize(sos[p]) / 1e6 for p in (precision, "f32"))
            if times:
                row["ms"], row["f32_ms"] = (statistics.median(times[p]) for p in (precision, "f32"))
                row["ratio"] = statistics.median(a / b for a, b in zip(times[precision], times["f32"]))
            yield row


def holds(row, options):
    small = options.tiny or row["mb"] <= MAX_SIZE * row["f32_mb"]
    return row["cosine"] >= MIN_COSINE and small and row.get("ratio", 0) <= MAX_TIME


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=MODELS)
    parser.add_argument("--precisions", type=lambda text: text.split(","), default=PRECISIONS)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--exported", help="folder with MODEL.pt2 and MODEL.reference.safetensors, made before")
    parser.add_argument("--cpu", help="compile for this CPU, which must run here; default: native")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--round-seconds", type=float, default=0.5)
    parser.add_argument("--no-times", action="store_true")
    parser.add_argument("--warnings", action="store_true", help="show what the compiler warns of")
    options = parser.parse_args()
    tenon = os.environ.get("TENON", os.path.join(peers.ROOT, "build", "release", "bin", "tenon"))
    print(f"{'model':20} {'as':5} {'cosine':>9} {'.so MB':>8} {'f32 MB':>8} {'size':>6} {'ms':>8} {'f32 ms':>8} {'time':>6}")
    good = True
    for name in options.models:
        for row in rows(tenon, name, options):
            timed = "ms" in row
            print(f"{name:20} {row['precision']:5} {row['cosine']:9.6f} {row['mb']:8.1f} {row['f32_mb']:8.1f} "
                  f"{row['mb'] / row['f32_mb']:6.2f} " +
                  (f"{row['ms']:8.2f} {row['f32_ms']:8.2f} {row['ratio']:6.2f} " if timed else " " * 25) +
                  ("holds" if holds(row, options) else "FAILS"), flush=True)
            good = good and holds(row, options)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
