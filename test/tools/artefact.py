"""Tests what a compiled model is made of: its exports, the libraries it needs, their size."""
import os
import pathlib
import re
import subprocess
import unittest

from tenon_command import CommandTest

LIMIT_MB = 100
# What every machine with a C++ program has.
SYSTEM = re.compile(r"^(lib(c|m|stdc\+\+|gcc_s|dl|pthread|rt)\.so|ld-linux|linux-vdso)")
# (fixture, whether it calls a library)
MODELS = [("mlp", True), ("conv_bn_relu", True), ("buffer_mutation", True), ("import_guards", False), ("import_views", False)]


def needed(path):
    """Every library of the closure: name -> place."""
    listed = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    return {pathlib.Path(row[0]).name: row[2] if "=>" in row else row[0] for row in rows}


class Artefact(CommandTest):
    def test_exports(self):
        for name, _ in MODELS:
            with self.subTest(name=name):
                symbols = subprocess.run(["nm", "-D", "--defined-only", self.compile(name)], capture_output=True, text=True, check=True)
                self.assertRegex(symbols.stdout, r"\A[0-9a-f]+ T tenon_model_entry\n\Z")

    def test_closure(self):
        for name, has_calls in MODELS:
            with self.subTest(name=name):
                libraries = needed(self.compile(name))
                self.assertNotIn("not", libraries.values())  # "not found"
                beyond = {library: place for library, place in libraries.items() if not SYSTEM.match(library)}
                for library in beyond:
                    self.assertNotRegex(library, "(?i)python|torch|c10|LLVM|MLIR|tenon")
                megabytes = sum(os.path.getsize(place) for place in beyond.values()) / 1e6
                print(f"{name}: {megabytes:.1f} MB in {', '.join(sorted(beyond)) or 'no library'}")
                self.assertLessEqual(megabytes, LIMIT_MB)
                if not has_calls:
                    self.assertFalse([library for library in beyond if re.search("dnnl|blas", library)], beyond)

    def test_runs_without_an_environment(self):
        """Neither PATH nor HOME nor the compiler's folders are asked for at load."""
        model = self.compile("import_views")
        from tenon_command import TENON, run

        done = subprocess.run([TENON, "bench", model, "--min-time", "0"], env={}, cwd="/", capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
