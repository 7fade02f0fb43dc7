"""Runs the samples of PyTorch's op_db through the compiler and compares them with eager PyTorch.

    tools/dev run python3 tools/opinfo --ops add,nn.functional.conv2d -v
    tools/dev run python3 tools/opinfo --sample 2000 --require-all      the seeded sample of the tests
    tools/dev run python3 tools/opinfo --per-item 3 --all ROWS          everything, a few samples of each; may be interrupted

An item is an entry of op_db in one dtype and one layout. A sample that the compiler refuses with exit code 3 is not claimed;
every other one must agree with eager (judging.py says when). Prints the share of op_db that is claimed and the failures,
grouped by reason. TENON names the compiler (default: the release build). Exit code 0 unless --require-all is given and a
claimed sample fails, or fewer than --sample agree.
"""
import argparse
import collections
import itertools
import json
import multiprocessing
import multiprocessing.connection
import os
import random
import statistics
import sys
import time

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(CHECKOUT, "tools/python"))
os.environ.setdefault("TENON", os.path.join(CHECKOUT, "build/release/bin/tenon"))

SKIPPED = 77
try:
    import torch
except ImportError:
    print("PyTorch is not installed: skipped")
    sys.exit(SKIPPED)

import samples
from worker import ABSENT, AGREES, FAILED, TYPES_AGREE, UNSUPPORTED, Row, serve

NUM_PARTS = 60  # of about a minute each with --per-item 3, on two cores
ITEMS_PER_PROCESS = 300  # every compiled program stays mapped


class Crew:
    """A process that measures one item at a time, and its successors."""

    def __init__(self, options):
        self.options = options
        self.item = None
        self._start()

    def _start(self):
        self.connection, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("fork").Process(target=serve, args=(theirs,), daemon=False)
        self.process.start()
        theirs.close()
        self.done = 0

    def give(self, item, alone=False):
        if self.done >= ITEMS_PER_PROCESS:
            self.stop()
            self._start()
        self.item, self.alone, self.at, self.since = item, alone, 0, time.monotonic()
        self.done += 1
        self.connection.send((item, self.options.per_item, alone, self.options.errors, self.options.in_place))

    def news(self):
        """The rows of the item once they are there, else None."""
        late = time.monotonic() - self.since > self.options.time_limit
        try:
            while not late and self.connection.poll():
                kind, value = self.connection.recv()
                if kind == "rows":
                    return value
                self.at = value
        except (EOFError, ConnectionError):
            return self._ended("crash")
        return self._ended("time limit") if late else None

    def _ended(self, how):
        self.process.kill()
        self.process.join()
        self._start()
        if self.alone or self.options.errors:
            return [Row(self.at, FAILED, how)]
        self.give(self.item, alone=True)
        return None

    def stop(self):
        self.connection.send(None)
        self.process.join()


def measure(items, options):
    """Yields (item, rows) until the items or --sample are used up."""
    waiting, crews, agreed = list(items), [Crew(options) for _ in range(options.jobs)], 0
    while True:
        for crew in crews:
            if crew.item is None and waiting and not (options.sample and agreed >= options.sample):
                crew.give(waiting.pop(0))
        busy = [crew for crew in crews if crew.item is not None]
        if not busy:
            break
        multiprocessing.connection.wait([crew.connection for crew in busy], timeout=1)
        for crew in busy:
            rows = crew.news()
            if rows is not None:
                agreed += sum(row.status == AGREES for row in rows)
                item, crew.item = crew.item, None
                yield item, rows
    for crew in crews:
        crew.stop()


# --- the report -------------------------------------------------------------------------------------------------------


def share(part, whole):
    return f"{part} of {whole} ({100 * part / max(whole, 1):.1f} %)"


def print_report(results, options):
    counts = collections.Counter(row.status for _, rows in results for row in rows)
    statuses = collections.defaultdict(collections.Counter)
    for item, rows in results:
        statuses[item.entry].update(row.status for row in rows)
    claimed = [name for name, count in statuses.items() if not count.keys() <= {UNSUPPORTED, ABSENT}]
    whole = [name for name in claimed if not statuses[name][UNSUPPORTED]]
    print_reasons(results, UNSUPPORTED, options.reasons)
    print_reasons(results, FAILED, options.reasons)
    print(f"\nentries of op_db run: {len(statuses)} of {len(samples.ENTRIES)}; "
          f"claimed: {share(len(claimed), len(statuses))}, {len(whole)} of them with every sample")
    ran = sum(counts.values()) - counts[ABSENT]
    print(f"samples claimed: {share(ran - counts[UNSUPPORTED], ran)}; "
          f"{counts[ABSENT]} more that PyTorch itself does not run or export")
    times = [row.compile_ms for _, rows in results for row in rows if row.compile_ms]
    if times:
        median = statistics.median(times)
        print(f"{len(times)} programs; compiling one took {median:.0f} ms at the median, {options.jobs} at a time: "
              f"one every {median / options.jobs:.0f} ms")
    print(f"{counts[AGREES]} samples agree, {counts[FAILED]} fail; "
          f"{counts[TYPES_AGREE]} more, whose values are random or undefined in eager, have its dtypes and shapes")
    return counts


def print_reasons(results, status, limit):
    entries, count = collections.defaultdict(set), collections.Counter()
    for item, rows in results:
        for row in rows:
            if row.status == status:
                entries[row.reason].add(item.entry)
                count[row.reason] += 1
    if count:
        print(f"\n{status}:\nsamples entries")
    for reason, number in count.most_common(limit):
        names = ", ".join(sorted(entries[reason])[:4])
        print(f"{number:7} {len(entries[reason]):7}  {reason} ({names})")
    if limit and len(count) > limit:
        print(f"        and {len(count) - limit} reasons more; --reasons 0 prints all")


def parse_arguments():
    parser = argparse.ArgumentParser(prog="opinfo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ops", help="comma-separated entries (without a variant: all variants), or @FILE; default all")
    parser.add_argument("--dtypes", default=",".join(samples.DTYPES), help="comma-separated; default " + ",".join(samples.DTYPES))
    parser.add_argument("--layouts", default=",".join(samples.LAYOUTS), help="comma-separated; default contiguous,transposed")
    parser.add_argument("--per-item", type=int, default=0, help="so many samples of each item, drawn; default all")
    parser.add_argument("--sample", type=int, help="items in an order drawn with --seed until so many samples agree")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", default="1/1", help="K/N: of N equal parts of the items the K-th")
    parser.add_argument("--all", metavar="FOLDER", help=f"the items in {NUM_PARTS} parts, whose rows are kept in FOLDER; parts that "
                        "are there are not run again")
    parser.add_argument("--errors", action="store_true", help="instead of the valid calls those that eager refuses")
    parser.add_argument("--in-place", action="store_true", help="the in-place variants of the ops that have one")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--time-limit", type=float, default=120, help="seconds per item")
    parser.add_argument("--reasons", type=int, default=40, help="lines of each list of reasons; 0: all")
    parser.add_argument("--json", help="where every row is written, a line of JSON each, as it comes")
    parser.add_argument("--require-all", action="store_true", help="exit code 1 unless every claimed sample agrees")
    parser.add_argument("-v", "--verbose", action="store_true", help="a line per failing sample as it comes")
    options = parser.parse_args()
    options.reasons = options.reasons or None
    if options.sample and not options.per_item:
        options.per_item = 6
    return options


def listed(text):
    """The names of "a,b" or of "@FILE": one per line, # begins a comment."""
    if not text.startswith("@"):
        return text.split(",")
    with open(text[1:]) as file:
        return [line.strip() for line in file if line.strip() and not line.startswith("#")]


def chosen_items(options):
    entries = options.ops and listed(options.ops)
    if entries:
        unknown = set(entries) - {op.name for op in samples.ENTRIES.values()} - set(samples.ENTRIES)
        if unknown:
            sys.exit(f"opinfo: op_db has no entry {', '.join(sorted(unknown))}")
        entries = [name for name, op in samples.ENTRIES.items() if name in entries or op.name in entries]
    items = list(samples.items(options.dtypes.split(","), options.layouts.split(","), entries, options.in_place))
    if options.sample:
        random.Random(options.seed).shuffle(items)
    part, parts = map(int, options.part.split("/"))
    return items[part - 1::parts]


def measured(options, path):
    """(item, rows) of all chosen items, written to `path` as they come."""
    results = []
    file = open(path, "w") if path else None
    for item, rows in measure(chosen_items(options), options):
        results.append((item, rows))
        if file:
            file.write("".join(json.dumps([*item, *row]) + "\n" for row in rows))
            file.flush()
        for row in rows:
            if options.verbose and row.status == FAILED:
                print(f"{item} {row.number}: {row.reason}", flush=True)
    return results


def rows_in(path):
    with open(path) as file:
        for item, rows in itertools.groupby(map(json.loads, file), key=lambda line: line[:3]):
            yield samples.Item(*item), [Row(*row[3:]) for row in rows]


def measured_in_parts(options):
    """As measured(), part after part. A part whose rows are in the folder already is not run again."""
    os.makedirs(options.all, exist_ok=True)
    results = []
    for part in range(1, NUM_PARTS + 1):
        path, options.part = os.path.join(options.all, f"{part}.json"), f"{part}/{NUM_PARTS}"
        if not os.path.exists(path):
            measured(options, path + ".unfinished")
            os.replace(path + ".unfinished", path)
            print(f"part {part} of {NUM_PARTS} is done", file=sys.stderr)
        results += rows_in(path)
    return results


def main():
    options = parse_arguments()
    results = measured_in_parts(options) if options.all else measured(options, options.json)
    counts = print_report(results, options)
    missing = options.sample and counts[AGREES] < options.sample
    return int(options.require_all and (counts[FAILED] > 0 or bool(missing)))


if __name__ == "__main__":
    sys.exit(main())
