#!/usr/bin/env python3
"""The main job on real models: export with PyTorch, compile, run, compare with eager and f64, time, print the table.

Run it as `tools/dev demo [MODEL...] [--tiny] [--threads N] [--no-peers]`.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
from safetensors.numpy import load_file

import models
import peers

# An output agrees when its error against f64 is at most twice eager's own, or this share of the output's scale.
ERROR_FACTOR, ERROR_FLOOR = 2.0, 1e-5


def scaled_error(actual, exact):
    """The largest difference of the outputs, each divided by the largest magnitude of its exact output."""
    worst = 0.0
    for name, reference in exact.items():
        scale = max(float(np.abs(reference).max(initial=0)), 1e-30)
        worst = max(worst, float(np.abs(actual[name].astype(np.float64) - reference).max(initial=0)) / scale)
    return worst


def spread(exact):
    """True when every output varies: a constant output would make any comparison pass."""
    return all(float(np.ptp(value)) > 0 for value in exact.values() if value.size > 1)


def run_model(tenon, name, folder, options):
    stem = os.path.join(folder, name)
    flags = ["--tiny"] if options.tiny else []
    subprocess.run([sys.executable, os.path.join(peers.HERE, "export_model.py"), name, stem + ".pt2", "--f64", *flags], check=True)
    start = time.perf_counter()
    subprocess.run([tenon, "compile", stem + ".pt2", "-o", stem + ".so"], check=True)
    row = {"model": name, "compile_s": time.perf_counter() - start, "so_mb": os.path.getsize(stem + ".so") / 1e6}
    row.update(json.loads(subprocess.run([tenon, "inspect", stem + ".so", "--json"], check=True, capture_output=True, text=True).stdout))
    program = json.loads(subprocess.run([tenon, "inspect", stem + ".pt2", "--json"], check=True, capture_output=True, text=True).stdout)
    row["nodes"] = program["nodes"]
    reference = load_file(stem + ".reference.safetensors")
    exact = load_file(stem + ".f64.safetensors")
    subprocess.run([tenon, "run", stem + ".so", "--inputs", stem + ".reference.safetensors", "--outputs", stem + ".out.safetensors",
                    "--threads", str(options.threads)], check=True)
    outputs = {f"output.{key}": value for key, value in load_file(stem + ".out.safetensors").items()}
    row["eager_error"], row["error"] = scaled_error(reference, exact), scaled_error(outputs, exact)
    row["agrees"] = spread(exact) and row["error"] <= max(ERROR_FACTOR * row["eager_error"], ERROR_FLOOR)
    systems = ["tenon"] if options.no_peers else ["eager", "aoti", "ort", "tenon"]
    row["times"] = peers.measure(name, systems, options.threads, stem + ".so", stem + ".reference.safetensors", options.tiny)
    for file in os.listdir(folder):
        os.remove(os.path.join(folder, file))
    return row


COLUMNS = [
    ("model", 20, lambda r: r["model"]),
    ("nodes", 6, lambda r: r["nodes"]),
    ("kernels", 8, lambda r: r["kernels"]),
    ("calls", 6, lambda r: r["library_calls"]),
    ("compile s", 10, lambda r: f"{r['compile_s']:.2f}"),
    ("aoti s", 7, lambda r: seconds(r, "aoti")),
    (".so MB", 7, lambda r: f"{r['so_mb']:.0f}"),
    ("error", 9, lambda r: f"{r['error']:.1e}"),
    ("eager's", 9, lambda r: f"{r['eager_error']:.1e}"),
    ("eager ms", 9, lambda r: milliseconds(r, "eager")),
    ("aoti ms", 8, lambda r: milliseconds(r, "aoti")),
    ("ort ms", 7, lambda r: milliseconds(r, "ort")),
    ("tenon ms", 9, lambda r: milliseconds(r, "tenon")),
    ("", 8, lambda r: "agrees" if r["agrees"] else "DIFFERS"),
]


def seconds(row, system):
    value = row["times"].get(system, {}).get("compile_s")
    return f"{value:.1f}" if value else "-"


def milliseconds(row, system):
    value = row["times"].get(system, {}).get("ms")
    return f"{value:.2f}" if value else "-"


def main():
    parser = argparse.ArgumentParser(prog="tools/dev demo", description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=list(models.MODELS), help="default: all")
    parser.add_argument("--tiny", action="store_true", help="two layers and small images instead of full size")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-peers", action="store_true", help="time Tenon only")
    options = parser.parse_args()
    tenon = os.environ.get("TENON", os.path.join(peers.ROOT, "build", "release", "bin", "tenon"))
    print(f"error: max |y - y64| / max |y64| over the outputs; ms: median of {peers.ROUNDS} paired rounds, {options.threads} threads")
    print(" ".join(f"{title:>{width}}" for title, width, _ in COLUMNS), flush=True)
    agree = True
    with tempfile.TemporaryDirectory() as folder:
        for name in options.models:
            row = run_model(tenon, name, folder, options)
            agree = agree and row["agrees"]
            print(" ".join(f"{str(cell(row)):>{width}}" for _, width, cell in COLUMNS), flush=True)
    sys.exit(0 if agree else 1)


if __name__ == "__main__":
    main()
