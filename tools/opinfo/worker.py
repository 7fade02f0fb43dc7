"""Exports, compiles, runs and judges the samples of items, in a process that may crash."""
import logging
import os
import re
import sys
import tempfile
import time
import typing
import warnings

import torch

import tenon
from judging import Reference, disagreement
from programs import Program
from samples import ENTRIES, UNDEFINED_VALUES, InPlace, chosen, error_samples, samples, seed
from tenon.compiling import BatchCompiler

SAMPLES_PER_PROGRAM = 16

AGREES, TYPES_AGREE, FAILED, UNSUPPORTED, ABSENT = "agrees", "types agree", "failed", "unsupported", "absent"


class Row(typing.NamedTuple):
    """What became of a sample. ABSENT: there is nothing to compile, PyTorch itself cannot run or export it."""

    number: int
    status: str
    reason: str = ""
    compile_ms: float = 0  # of the program, in the row of its first sample


def unsupported_ops(message):
    """[("aten.sort.default", "no importer row"), …] of the compiler's list."""
    return re.findall(r"^  (\S+): (.*?)(?: \(\d+ times\))?$", message, flags=re.MULTILINE)


def general(message):
    """`message` without what differs from sample to sample."""
    message = re.sub(r"\S*/\S+\.(pt2|so|mlir|o)\b:?|loc\(.*?\)+:?|node '\w+'|\S*\.py:\d+(:\d+)?:?", "", message)
    message = re.sub(r"\b(tensor|memref|vector)<[^ ]*>?", r"\1<…>", message)
    message = re.sub(r"kernel_\w+", "kernel_…", message)
    return re.sub(r"(?<![\w.])-?\d[\d.e+-]*", "N", message).strip()[:200]


def _not_to_be_refused(op, sample):
    """Why a compiled program may take a call that op_db lists as an error; None where it must refuse it."""
    try:
        op(*sample.args, **sample.kwargs)
    except Exception as error:
        # The runtime keeps inputs that share memory with what is written apart (see tenon.h).
        return "arguments share memory" if "single memory location" in str(error) else None
    return "eager takes it"


class Worker:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="tenon-opinfo-")
        self.compiler = BatchCompiler(jobs=1)
        self.count = 0

    def measure(self, item, count, alone, in_place, announce):
        """Rows of at most `count` samples of `item` (0: all), called in place if so. `alone`: one program per sample.
        `announce(number)` is told which samples come next."""
        op = InPlace(ENTRIES[item.entry]) if in_place else ENTRIES[item.entry]
        rows, ready = [], []
        for sample in chosen(samples(item), count, item):
            try:
                ready.append((sample, Reference(op, sample, values=item.entry not in UNDEFINED_VALUES)))
                if not ready[-1][1].own:
                    ready.pop()
                    rows.append(Row(sample.number, ABSENT, "no tensor results"))
            except Exception as error:
                rows.append(Row(sample.number, ABSENT, f"eager: {general(str(error))}"))
        size = 1 if alone else SAMPLES_PER_PROGRAM
        for start in range(0, len(ready), size):
            rows += self._measure_together(op, item, ready[start:start + size], announce)
        return rows

    def _measure_together(self, op, item, group, announce):
        announce(group[0][0].number)
        rows = self._try_together(op, item, group)
        if rows is not None:
            return rows
        # The program as a whole did not come through: find out which of its halves do.
        middle = len(group) // 2
        return (self._measure_together(op, item, group[:middle], announce) +
                self._measure_together(op, item, group[middle:], announce))

    def _try_together(self, op, item, group):
        """The rows of a group; None where another division of it may say more."""

        def for_one(status, reason):
            return [Row(group[0][0].number, status, reason)] if len(group) == 1 else None

        seed(item)
        try:
            program = Program(op, [sample for sample, _ in group], [len(reference.own) for _, reference in group],
                              self._path(".pt2"))
        except Exception as error:
            return for_one(ABSENT, f"export: {general(type(error).__name__ + ' ' + str(error))[:80]}")
        so = self._path(".so")
        start = time.monotonic()
        outcome = self.compiler.compile(program.path, so)
        compile_ms = (time.monotonic() - start) * 1e3
        if outcome.exit_code == 3:
            return self._without_missing(op, item, group, program, outcome) or for_one(
                UNSUPPORTED, "; ".join(sorted({f"{op}: {general(why)}" for op, why in unsupported_ops(outcome.message)}))
                or general(outcome.message))
        if outcome.exit_code != 0:
            return for_one(FAILED, f"compiler: {general(outcome.message)}")
        try:
            results = self._run(so, program)
        except Exception as error:
            if len(group) == 1 and (why := program.refusal()):
                return for_one(ABSENT, f"the exported program refuses what eager takes: {general(why)}")
            return for_one(FAILED, f"run: {general(str(error))}")
        rows = []
        for (sample, reference), actual, draws in zip(group, results, program.draws(), strict=True):
            why = disagreement(actual, reference)
            if why and draws and reference.values:  # then eager's numbers came from another seed
                reference.values = False
                why = disagreement(actual, reference)
            agrees = AGREES if reference.values else TYPES_AGREE
            rows.append(Row(sample.number, FAILED if why else agrees, why or "", 0 if rows else compile_ms))
        return rows

    def _without_missing(self, op, item, group, program, outcome):
        """Marks the samples that use ops without a row and tries the rest; None where that is not the reason."""
        missing = {target for target, why in unsupported_ops(outcome.message) if why == "no importer row"}
        rows, rest = [], []
        for member, targets in zip(group, program.targets()):
            if used := missing & targets:
                rows.append(Row(member[0].number, UNSUPPORTED, "; ".join(f"{t}: no importer row" for t in sorted(used))))
            else:
                rest.append(member)
        if not rows:
            return None
        return rows + (self._measure_together(op, item, rest, lambda number: None) if rest else [])

    def _run(self, so, program):
        """Results of the compiled program, call by call."""
        model = tenon.load(so, num_threads=1)
        os.remove(so)
        arrays = model.run_flat(program.inputs)
        results = []
        for array, info in zip(arrays, model.outputs):
            tensor = torch.from_numpy(array)
            results.append(tensor.view(torch.bfloat16) if info["dtype"] == "bfloat16" else tensor)
        model.close()
        return program.split(results)

    def measure_errors(self, item, announce):
        """Rows of the calls that eager refuses: exported ones must be refused by the compiled program as well."""
        op = ENTRIES[item.entry]
        rows = []
        for sample in error_samples(item):
            announce(sample.number)
            if why := _not_to_be_refused(op, sample):
                rows.append(Row(sample.number, ABSENT, why))
                continue
            try:
                program = Program(op, [sample], [], self._path(".pt2"))
            except Exception:
                rows.append(Row(sample.number, ABSENT, "torch.export refuses it"))
                continue
            so = self._path(".so")
            outcome = self.compiler.compile(program.path, so)
            if outcome.exit_code:
                status = UNSUPPORTED if outcome.exit_code == 3 else FAILED
                rows.append(Row(sample.number, status, f"compiler: {general(outcome.message)}"))
                continue
            try:
                self._run(so, program)
                rows.append(Row(sample.number, FAILED, "runs where eager raises"))
            except tenon.TenonError:
                rows.append(Row(sample.number, AGREES))
        return rows

    def _path(self, suffix):
        self.count += suffix == ".pt2"
        return os.path.join(self.folder.name, f"{self.count}{suffix}")

    def close(self):
        self.compiler.close()
        self.folder.cleanup()


def serve(connection):
    """Measures the items that come through `connection` until None comes. Sends ("at", number) and ("rows", rows)."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)  # torch.export explains at length what it cannot do
    sys.stdout = open(os.devnull, "w")  # torch prints graphs that it cannot export
    torch.set_num_threads(1)
    worker = Worker()
    while (task := connection.recv()) is not None:
        item, count, alone, errors, in_place = task
        announce = lambda number: connection.send(("at", number))
        rows = worker.measure_errors(item, announce) if errors else worker.measure(item, count, alone, in_place, announce)
        connection.send(("rows", rows))
    worker.close()
