"""What came out of many comparisons at several configurations: printed as a table, kept in a file, and gone on with."""
import hashlib
import json
import os
import time


class Results:
    """Texts by entry and configuration: an error or "agrees", "FAILED: ...", "unsupported: ...".

    With `path`, they are kept there after each entry; those of a compiler or an arm64 runtime that has changed are dropped.
    `minutes`: after so long, nothing further is begun.
    """

    def __init__(self, path=None, minutes=None):
        self.path, self.build = path, build_of_programs()
        self.end = time.monotonic() + 60 * minutes if minutes else float("inf")
        self.entries = {}
        if path and os.path.exists(path):
            with open(path) as file:
                kept = json.load(file)
            if kept["build"] == self.build:
                self.entries = kept["entries"]
            else:
                print(f"{path} is about another build: everything is run again", flush=True)

    def missing(self, entry, configurations):
        """The configurations of which `entry` has no result."""
        return [c for c in configurations if c not in self.entries.get(entry, {})]

    def add_all(self, entry, outcomes):
        """Adds the (configuration, text) of a generator, which is left where the time is over."""
        for configuration, text in outcomes:
            self.add(entry, configuration, text)
            if self.is_over():
                return

    def is_over(self):
        return time.monotonic() > self.end

    def add(self, entry, configuration, text):
        """Adds a text, and prints it."""
        self.entries.setdefault(entry, {})[configuration] = text
        print(f"{entry:44} {configuration:16} {text[:400]}", flush=True)
        if self.path:
            with open(self.path + ".new", "w") as file:
                json.dump({"build": self.build, "entries": self.entries}, file, indent=1)
            os.replace(self.path + ".new", self.path)

    def failed(self):
        return [entry for entry, outcomes in self.entries.items() if any(map(is_failure, outcomes.values()))]

    def print_table(self, configurations):
        """One line per entry, one column per configuration; below, how many agree at all of them."""
        used = [c for c in configurations if any(c in outcomes for outcomes in self.entries.values())]
        print(f"\n{'':44}" + "".join(f"{c:>17}" for c in used))
        for entry, outcomes in self.entries.items():
            print(f"{entry:44}" + "".join(f"{outcomes.get(c, '-').split(':')[0]:>17}" for c in used))
        for suite in dict.fromkeys(entry.split(":")[0] for entry in self.entries):
            texts = [outcomes.values() for entry, outcomes in self.entries.items() if entry.split(":")[0] == suite]
            agree = sum(all(is_agreement(text) for text in outcomes) for outcomes in texts)
            print(f"{suite}: {agree} of {len(texts)} agree at all lengths they were run at ({sum(map(len, texts))} runs)")


def is_failure(text):
    return text.startswith("FAILED")


def is_agreement(text):
    return not text.startswith(("FAILED", "unsupported"))


def build_of_programs():
    """A text that changes with the compiler and with the arm64 runtime."""
    digest = hashlib.sha256()
    for variable in ("TENON", "TENON_AARCH64"):
        with open(os.environ[variable], "rb") as file:
            digest.update(file.read())
    archive = os.path.join(os.path.dirname(os.environ["TENON"]), "../lib/tenon/aarch64/libtenon_runtime.a")
    with open(archive, "rb") as file:
        digest.update(file.read())
    return digest.hexdigest()[:16]
