"""Compiles many archives by one process: `tenon compile --batch`.

    with BatchCompiler("build/release/bin/tenon") as compiler:
        outcome = compiler.compile("model.pt2", "model.so")      # or submit() many, and take outcomes as they come
        if outcome.exit_code == 3: print(outcome.message)        # what the compiler cannot do
"""
import json
import os
import subprocess
import typing


class Outcome(typing.NamedTuple):
    model: str
    output: str
    exit_code: int  # 0, or why not: 2 bad input, 3 unsupported, 4 internal error
    message: str


class BatchCompiler:
    """A running compiler. Not for several threads. `tenon`: its path, default $TENON; `jobs`: models compiled at once."""

    def __init__(self, tenon=None, jobs=None, flags=()):
        command = [tenon or os.environ["TENON"], "compile", "--batch", *(["--jobs", str(jobs)] if jobs else []), *flags]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def submit(self, model, output):
        """Begins to compile the archive `model` to `output`."""
        self._process.stdin.write(f"{model}\t{output}\n")
        self._process.stdin.flush()

    def next_outcome(self):
        """Waits for the next of the submitted models to end."""
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the batch compiler ended with {self._process.wait()}; its standard error says why")
        return Outcome(**json.loads(line))

    def compile(self, model, output):
        """Compiles one archive; nothing else may be under way."""
        self.submit(model, output)
        return self.next_outcome()

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
