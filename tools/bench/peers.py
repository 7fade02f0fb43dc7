#!/usr/bin/env python3
"""Times systems on one model, paired: every round runs each system once, one at a time, so that drift hits all alike.

    tools/dev run python3 tools/bench/peers.py resnet50 bert_base --systems eager,aoti,ort,tenon --threads 1,2

Systems are processes of their own (worker.py). Prints, per model and thread count, the median milliseconds of each system and
the median of the per-round ratios to Tenon. Tenon's .so is compiled first with build/release/bin/tenon.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

# Debian's PyTorch takes the pthread OpenBLAS beside oneDNN's OpenMP: two pools that spin, 3-6 times slower on 2 threads.
# Peers get their best configuration: one OpenMP for both.
OPENMP_BLAS = "/usr/lib/x86_64-linux-gnu/openblas-openmp/libopenblas.so.0"

ROUNDS = 7
ROUND_SECONDS = 0.6


class Worker:
    """A system's process; `facts` is what it said when ready (with "error" where it cannot do the model)."""

    def __init__(self, system, model, threads, extra=()):
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads))
        if system in ("eager", "aoti") and os.path.exists(OPENMP_BLAS):
            environment["LD_PRELOAD"] = OPENMP_BLAS
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "worker.py"), system, model, str(threads), *extra], env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.facts = self._read()

    def _read(self):
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": "the process died"}

    def round(self, seconds):
        """The median milliseconds of one round of runs."""
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return statistics.median(self._read()["ms"])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(model, systems, threads, so=None, inputs=None, tiny=False, rounds=ROUNDS):
    """{system: {"ms": median, "rounds": [...], facts…}} of `systems` on `model`, measured in turn."""
    workers = {}
    for system in systems:
        extra = ["--tiny"] if tiny else []
        if system == "tenon":
            extra += ["--so", so, "--inputs", inputs]
        workers[system] = Worker(system, model, threads, extra)
    rows = {system: dict(worker.facts, rounds=[]) for system, worker in workers.items()}
    for _ in range(rounds):
        for system, worker in workers.items():
            if "error" not in worker.facts:
                rows[system]["rounds"].append(worker.round(ROUND_SECONDS))
    for system, worker in workers.items():
        worker.close()
        if rows[system]["rounds"]:
            rows[system]["ms"] = statistics.median(rows[system]["rounds"])
    return rows


def ratio(rows, system, base="tenon"):
    """The median over rounds of system's time divided by base's; None where one of them did not run."""
    if not rows.get(system, {}).get("rounds") or not rows.get(base, {}).get("rounds"):
        return None
    return statistics.median(a / b for a, b in zip(rows[system]["rounds"], rows[base]["rounds"]))


def compile_model(model, folder, tiny=False, flags=()):
    """Exports `model` into `folder` and compiles it in processes of their own; returns the paths of .so and reference."""
    stem = os.path.join(folder, model)
    subprocess.run([sys.executable, os.path.join(HERE, "export_model.py"), model, stem + ".pt2"] + (["--tiny"] if tiny else []),
                   check=True)
    tenon = os.environ.get("TENON", os.path.join(ROOT, "build", "release", "bin", "tenon"))
    subprocess.run([tenon, "compile", stem + ".pt2", "-o", stem + ".so", *flags], check=True)
    return stem + ".so", stem + ".reference.safetensors"


def main():
    import models

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=list(models.MODELS))
    parser.add_argument("--systems", default="eager,aoti,ort,tenon")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", help="also write the rows to this file")
    options = parser.parse_args()
    systems, results = options.systems.split(","), []
    print(f"{'model':<20} {'threads':>7} " + " ".join(f"{s + ' ms':>10}" for s in systems) + "   " +
          " ".join(f"{s + '/tenon':>11}" for s in systems if s != "tenon"))
    with tempfile.TemporaryDirectory() as folder:
        for model in options.models:
            so, reference = compile_model(model, folder, options.tiny) if "tenon" in systems else (None, None)
            for threads in map(int, options.threads.split(",")):
                rows = measure(model, systems, threads, so, reference, options.tiny, options.rounds)
                results.append({"model": model, "threads": threads, "rows": rows})
                cells = [f"{rows[s]['ms']:>10.2f}" if "ms" in rows[s] else f"{'-':>10}" for s in systems]
                ratios = [ratio(rows, s) for s in systems if s != "tenon"]
                print(f"{model:<20} {threads:>7} " + " ".join(cells) + "   " +
                      " ".join(f"{r:>11.2f}" if r else f"{'-':>11}" for r in ratios), flush=True)
                for system in systems:
                    if "error" in rows[system]:
                        print(f"    {system}: {rows[system]['error']}", file=sys.stderr)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
