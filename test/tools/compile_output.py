"""Tests what `tenon compile` writes and shows: files appear atomically, progress on a terminal only, crashes are reported."""
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import time
import unittest

from tenon_command import DONE, FIXTURES, INTERNAL, TENON, CommandTest, files_in, reproducer_of, run, unsupported_archive

STAGES = ["import", "normalize", "fuse", "buffers", "kernels", "wrapper", "link"]
MODEL = FIXTURES / "conv_bn_relu.pt2"


class Shown(CommandTest):
    def test_silent_when_piped(self):
        done = run("compile", MODEL, "-o", self.folder / "m.so")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (DONE, "", ""))

    def test_progress_on_a_terminal(self):
        code, shown = on_terminal("compile", MODEL, "-o", self.folder / "m.so")
        self.assertEqual(code, DONE)
        for index, stage in enumerate(STAGES):
            self.assertRegex(shown, rf"\r\x1b\[K\[{index + 1}/{len(STAGES)}\] {stage} \([0-9.]+ s\)")
        self.assertRegex(shown, r"link: ([1-9][0-9]*) of \1 kernels")
        self.assertNotIn("\n", shown)  # one line, rewritten
        self.assertTrue(shown.endswith("\r\x1b[K"))  # and removed

    def test_progress_gives_way_to_an_error(self):
        code, shown = on_terminal("compile", unsupported_archive(self.folder), "-o", self.folder / "m.so")
        self.assertEqual(code, 3)
        self.assertRegex(shown, r"\r\x1b\[Ktenon: [^\x1b]*not supported")

    def test_verbose(self):
        done = run("compile", MODEL, "-o", self.folder / "m.so", "-v")
        self.assertEqual((done.returncode, done.stdout), (DONE, ""))
        for index, stage in enumerate(STAGES):
            self.assertRegex(done.stderr, rf"(?m)^\[{index + 1}/{len(STAGES)}\] {stage} \([0-9.]+ s\)$")
        for name in ("fold-batch-norm", "bufferize", "vectorize-kernels"):
            self.assertRegex(done.stderr, rf"(?m)^ +[0-9.]+ ms  \S*{name}")
        self.assertRegex(done.stderr, r"done \([0-9.]+ s\)\n\Z")

    def test_verbose_says_when_it_failed(self):
        done = run("compile", unsupported_archive(self.folder), "-o", self.folder / "m.so", "-v")
        self.assertRegex(done.stderr, r"(?m)^failed \([0-9.]+ s\)$")

    def test_explain(self):
        done = run("compile", MODEL, "-o", self.folder / "m.so", "--explain")
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        self.assertRegex(done.stdout, r"(?m)^node '\w+' .*: form-kernels: ")


class Written(CommandTest):
    def test_save_ir(self):
        self.compile("mlp", "--save-ir", self.folder / "ir")
        names = [f"{i + 1:02}-{stage}.mlir" for i, stage in enumerate(STAGES[:5])] + ["06-wrapper.cpp"]
        self.assertEqual(sorted(p.name for p in (self.folder / "ir").iterdir()), names)

    def test_emit(self):
        for kind, pattern in [("mlir", r"func\.func @main"), ("llvm", r"define .*void @|target triple"), ("asm", r"\.globl|\.type"),
                              ("cpp", r"tenon_model_entry")]:
            with self.subTest(kind=kind):
                out = self.folder / f"out.{kind}"
                self.assertEqual(run("compile", MODEL, "-o", out, "--emit", kind).returncode, DONE)
                self.assertRegex(out.read_text(), pattern)
        self.assertEqual(sorted(files_in(self.folder)), ["out.asm", "out.cpp", "out.llvm", "out.mlir"])

    def test_modes(self):
        model = self.compile("mlp", "--weights", "file")
        umask = os.umask(0)
        os.umask(umask)
        self.assertEqual(model.stat().st_mode & 0o111, 0o111 & ~umask)
        self.assertEqual((self.folder / "mlp.weights").stat().st_mode & 0o111, 0)

    def test_old_output_is_replaced_only_by_a_whole_one(self):
        out = self.folder / "m.so"
        out.write_text("old")
        self.assertNotEqual(run("compile", unsupported_archive(self.folder), "-o", out).returncode, DONE)
        self.assertEqual(out.read_text(), "old")
        self.assertEqual(run("compile", MODEL, "-o", out).returncode, DONE)
        self.assertEqual(sorted(files_in(self.folder)), ["m.so", "mystery.pt2"])
        self.assertEqual(run("inspect", out).returncode, DONE)


class Interrupted(CommandTest):
    def begin(self):
        """Starts a compilation and waits until it has its child; returns both."""
        # A temporary folder of its own: what is left there of an interrupted compilation is removed with the test's folder.
        (self.folder / "out").mkdir()
        (self.folder / "tmp").mkdir()
        process = subprocess.Popen([TENON, "compile", MODEL, "-o", self.folder / "out" / "m.so", "-v"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(self.folder / "tmp")})
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while not (child := children.read_text().split()):
            time.sleep(0.001)
        return process, int(child[0])

    def await_stage(self, process, stage):
        lines = []
        while not lines or f"] {stage} " not in lines[-1]:
            line = process.stderr.readline()
            self.assertTrue(line, "the compilation ended before stage " + stage)
            lines.append(line)

    def test_crashes_become_internal_errors(self):
        """A signal from outside stands for the compiler's own: what reaches the parent is the same."""
        for number, name in [(signal.SIGSEGV, "segmentation fault"), (signal.SIGABRT, "aborted"), (signal.SIGKILL, "killed")]:
            with self.subTest(name=name):
                process, child = self.begin()
                self.await_stage(process, "link")
                os.kill(child, number)
                stderr = process.communicate(timeout=60)[1]
                self.assertEqual(process.returncode, INTERNAL, stderr)
                last = stderr.rstrip("\n").split("\n")[-1]
                # A line of -v that the signal cut off may come before it.
                self.assertRegex(last, rf"tenon: stage 'link': the compiler crashed \({name}\); please report this with '")
                self.assertIn("llvm", reproducer_of(last).read_text())
                self.assertNotIn("out/m.so", files_in(self.folder))
                if number != signal.SIGKILL:  # which gives no chance to remove the unfinished file
                    self.assertEqual(list((self.folder / "out").iterdir()), [])
                for folder in ("out", "tmp"):
                    subprocess.run(["rm", "-r", self.folder / folder], check=True)

    def test_killed_compilation_leaves_nothing(self):
        """kill -9 of the command: its child ends with it and removes what it had begun."""
        process, child = self.begin()
        self.await_stage(process, "link")
        process.kill()
        process.wait()
        deadline = time.monotonic() + 30
        while is_running(child) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertFalse(is_running(child))
        self.assertEqual(list((self.folder / "out").iterdir()), [])


def is_running(pid):
    """False for an ended process, waited for or not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def on_terminal(*arguments):
    """Runs tenon with a terminal as standard error; returns its exit code and what the terminal got."""
    master, slave = pty.openpty()
    process = subprocess.Popen([TENON, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=slave)
    os.close(slave)
    shown = b""
    try:
        while chunk := os.read(master, 4096):
            shown += chunk
    except OSError:  # the terminal's other end is closed
        pass
    os.close(master)
    return process.wait(), shown.decode()


class Inspected(CommandTest):
    def test_keys_of_json_are_those_of_the_help(self):
        """`inspect --help` documents every key, and no other."""
        help_text = run("inspect", "--help").stdout
        documented = set(re.findall(r"\b[a-z]+(?:_[a-z]+)*\b", help_text[help_text.index("keys of --json") :]))
        archive = json.loads(run("inspect", FIXTURES / "dynamic_shapes.pt2", "--json").stdout)
        model = json.loads(run("inspect", self.compile("mlp"), "--json").stdout)
        for description in (archive, model):
            self.assertEqual(set(description) - documented, set())
        both = {"kind", "name", "torch_version", "weights_bytes", "inputs", "outputs", "symbols"}
        self.assertEqual(set(archive), both | {"nodes", "ops"})
        self.assertEqual(set(model), both | {"tenon_version", "target", "cpu", "features", "precision", "numerics", "kernels",
                                             "library_calls", "state_bytes"})
        self.assertEqual((archive["kind"], archive["name"]), ("archive", "dynamic_shapes"))
        self.assertEqual((model["kind"], model["name"], model["library_calls"]), ("model", "mlp", 2))
        self.assertEqual(archive["nodes"], sum(archive["ops"].values()))

    def test_name_is_escaped(self):
        """The name of the file is a string of the description, whatever it holds."""
        odd = self.folder / 'a "quoted\\" ??( näme.v2.pt2'
        shutil.copy(FIXTURES / "mlp.pt2", odd)
        out = self.folder / "odd.so"
        done = run("compile", odd, "-o", out)
        self.assertEqual(done.returncode, DONE, done.stderr)
        self.assertEqual(json.loads(run("inspect", out, "--json").stdout)["name"], odd.stem)
        self.assertIn(odd.stem + ": median", run("bench", out, "--min-time", 0).stdout)


class Batch(CommandTest):
    def compile_batch(self, *lines, flags=()):
        """The finished process and its answers by model."""
        done = run("compile", "--batch", *flags, input="".join(f"{line}\n" for line in lines))
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        return done, {answer["model"]: answer for answer in answers}

    def test_every_model_gets_an_answer(self):
        models = [str(FIXTURES / f"{name}.pt2") for name in ("mlp", "conv_bn_relu", "dynamic_shapes")]
        missing, unsupported = str(self.folder / "absent.pt2"), str(unsupported_archive(self.folder))
        output = {model: str(self.folder / f"{index}.so") for index, model in enumerate([*models, missing, unsupported])}
        done, answers = self.compile_batch(*(f"{model}\t{so}" for model, so in output.items()), flags=["--jobs", 2])
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        self.assertEqual({model: answer["output"] for model, answer in answers.items()}, output)
        for model in models:
            self.assertEqual((answers[model]["exit_code"], answers[model]["message"]), (DONE, ""))
            self.assertEqual(run("inspect", output[model]).returncode, DONE)
        self.assertEqual(answers[missing]["exit_code"], 2)
        self.assertEqual(answers[unsupported]["exit_code"], 3)
        self.assertRegex(answers[unsupported]["message"], "2 operations are not supported")
        self.assertFalse(os.path.exists(output[missing]) or os.path.exists(output[unsupported]))

    def test_the_same_file_as_alone(self):
        alone = self.compile("mlp", output="mlp.so").read_bytes()
        other = self.folder / "other"
        other.mkdir()
        before = (f"{FIXTURES / name}.pt2\t{other / name}.so" for name in ("conv_bn_relu", "dynamic_shapes"))
        self.compile_batch(*before, f"{FIXTURES / 'mlp.pt2'}\t{other / 'mlp.so'}", flags=["--jobs", 1])
        self.assertEqual((other / "mlp.so").read_bytes(), alone)

    def test_a_crash_concerns_one_model(self):
        process = subprocess.Popen([TENON, "compile", "--batch", "--jobs", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

        def answer_for(name):
            process.stdin.write(f"{FIXTURES / 'mlp.pt2'}\t{self.folder / name}\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        self.assertEqual(answer_for("first.so")["exit_code"], DONE)
        child = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0]
        os.kill(int(child), signal.SIGKILL)
        crashed = answer_for("second.so")
        self.assertEqual(crashed["exit_code"], INTERNAL)
        self.assertRegex(crashed["message"], r"the compiler crashed \(killed\)")
        self.assertEqual(answer_for("third.so")["exit_code"], DONE)
        process.stdin.close()
        self.assertEqual(process.wait(timeout=60), DONE)
        process.stdout.close()

    def test_ends_when_nobody_reads_the_answers(self):
        """Even with lines to come: whoever gave up on a compilation must not leave it behind."""
        process = subprocess.Popen([TENON, "compile", "--batch", "--jobs", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.stdin.write(f"{FIXTURES / 'mlp.pt2'}\t{self.folder / 'unheard.so'}\n".encode())
        process.stdin.flush()
        process.stdout.close()
        process.wait(timeout=60)
        process.stdin.close()

    def test_a_line_that_is_no_pair(self):
        done, answers = self.compile_batch("model.pt2")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(answers["model.pt2"]["message"], "the line has no two paths; write MODEL.pt2, a tab and MODEL.so")

    def test_contradicting_arguments(self):
        self.assert_sentence(run("compile", MODEL, "-o", self.folder / "m.so", "--batch"), 2, "--batch takes models and outputs")
        self.assert_sentence(run("compile", MODEL), 2, "a model and an output are required; give MODEL.pt2")


if __name__ == "__main__":
    unittest.main()
