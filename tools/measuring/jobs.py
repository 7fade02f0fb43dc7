"""A process and a time limit for every entry, so that a crash is a row of the result."""
import json
import multiprocessing
import os
import shutil
import signal
import time

import torch

from .entry import measured


def mode(options):
    """What, besides its name, makes an entry's program."""
    return f"{'tiny' if options.tiny else 'full'} {'dynamic' if options.dynamic else 'static'} {options.form}" + (
        f" {options.dtype}" if options.dtype else "")


def _run(name, options, folder, result_path):
    def report(row):
        with open(result_path + ".new", "w") as file:
            json.dump(row, file)
        os.replace(result_path + ".new", result_path)

    with open(os.path.join(folder, "log"), "w") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    torch.set_num_threads(1)
    report(measured(name, options, folder, report))


class Job:
    """A running entry."""

    def __init__(self, name, options, work):
        self.name, self.options = name, options
        self.folder = os.path.join(work, mode(options).replace(" ", "-"), name)
        os.makedirs(self.folder, exist_ok=True)
        self.result_path = os.path.join(self.folder, "result.json")
        if os.path.exists(self.result_path):
            os.remove(self.result_path)
        self.start = time.monotonic()
        self.process = multiprocessing.get_context("fork").Process(
            target=_run, args=(name, options, self.folder, self.result_path))
        self.process.start()

    def result(self):
        """The row of the entry once it has ended, else None."""
        seconds = time.monotonic() - self.start
        is_late = seconds > self.options.time_limit
        if self.process.is_alive() and not is_late:
            return None
        if is_late:
            self.process.kill()
        self.process.join()
        row = dict(stage="export", reasons=["export: crash"])
        if os.path.exists(self.result_path):
            with open(self.result_path) as file:
                row = json.load(file)
        if is_late:
            row["reasons"] = [f"{row['stage']}: time limit"]
        elif self.process.exitcode < 0:
            row["reasons"] = [f"{row['stage']}: {signal.Signals(-self.process.exitcode).name}"]
        self._clean()
        return dict(row, name=self.name, mode=mode(self.options), seconds=round(seconds, 2))

    def _clean(self):
        so = os.path.join(self.folder, "model.so")
        if not self.options.work:
            shutil.rmtree(self.folder, ignore_errors=True)
        elif os.path.exists(so):
            os.remove(so)


def measure_all(names, options, work, ended, end):
    """Measures the entries, --jobs at a time, and starts none after `end` (monotonic); `ended(row)` is called for each."""
    waiting, running = list(names), []
    while waiting or running:
        if time.monotonic() > end:
            waiting = []
        while waiting and len(running) < options.jobs:
            running.append(Job(waiting.pop(0), options, work))
        time.sleep(0.02)
        for job in list(running):
            row = job.result()
            if row is not None:
                running.remove(job)
                ended(row)
