"""The rows of runs: kept as JSON, shown as tables."""
import collections
import json
import os

import zoo

from .entry import STAGES
from .reasons import mechanism

TV = ("tv_cls", "tv_seg", "tv_video", "tv_flow", "tv_det", "tv_det_raw")


class Rows:
    """The rows of a JSON file by mode and name; a later row of an entry replaces the earlier one."""

    def __init__(self, path=None):
        self.path, self.rows = path, {}
        if path and os.path.exists(path):
            with open(path) as file:
                self.rows = {(row["mode"], row["name"]): row for row in json.load(file)}

    def add(self, row):
        self.rows[row["mode"], row["name"]] = row
        if self.path:
            with open(self.path + ".new", "w") as file:
                json.dump(list(self.rows.values()), file, indent=1)
            os.replace(self.path + ".new", self.path)

    def get(self, mode, name):
        return self.rows.get((mode, name))

    def of(self, mode, names=None):
        rows = [row for (m, _), row in self.rows.items() if m == mode and (names is None or row["name"] in names)]
        order = {name: i for i, name in enumerate(zoo.ENTRIES)}
        return sorted(rows, key=lambda row: order.get(row["name"], len(order)))

    def modes(self):
        return sorted({mode for mode, _ in self.rows}, key=lambda m: ("tiny" not in m, "static" not in m, "raw" not in m, m))


def passed(row, stage):
    return row["stage"] == "done" or STAGES.index(row["stage"]) > STAGES.index(stage)


def _families(rows):
    families = collections.defaultdict(list)
    for row in rows:
        families[zoo.family(row["name"])].append(row)
    return [*families.items(), ("all", rows)]


def _counts(rows, columns):
    return [sum(passed(row, column) for row in rows) for column in columns]


def print_table(rows, import_only):
    columns = ["export", "compile"] + ([] if import_only else ["run", "agree"])
    titles = ["export", "import"] if import_only else columns
    print(f"{'family':12}{'entries':>9}" + "".join(f"{title:>9}" for title in titles))
    for family, members in _families(rows):
        print(f"{family:12}{len(members):9}" + "".join(f"{count:9}" for count in _counts(members, columns)))


def print_reasons(rows):
    """Every reason under its mechanism, with the number of entries it stops and of those that it stops alone."""
    groups = collections.defaultdict(lambda: collections.defaultdict(list))
    for row in rows:
        for reason in row["reasons"]:
            groups[mechanism(reason)][reason].append(row)
    stopped = {name: {row["name"] for members in group.values() for row in members} for name, group in groups.items()}
    for name in sorted(groups, key=lambda n: (-len(stopped[n]), n)):
        print(f"\n{name}: {len(stopped[name])} entries")
        print(f"{'entries':>9} {'alone':>6}  reason (an entry)")
        for reason, members in sorted(groups[name].items(), key=lambda item: (-len(item[1]), item[0])):
            alone = sum(len(row["reasons"]) == 1 for row in members)
            print(f"{len(members):9} {alone:6}  {reason} ({members[0]['name']})")


def print_notes(rows):
    """What makes a passed comparison weaker than it looks."""
    for title, weak in [
        ("compared with eager alone, because the model does not run in f64", lambda r: r.get("reference") == "eager"),
        ("with outputs that do not depend on the inputs", lambda r: r.get("constant_outputs")),
        ("dynamic, but compared at the example's sizes only", lambda r: "dynamic" in r["mode"] and len(r.get("calls", "xx")) < 2),
    ]:
        names = [row["name"] for row in rows if row["stage"] == "done" and weak(row)]
        if names:
            print(f"\n{title}: {len(names)}\n  {', '.join(names)}")


def markdown(rows_of_file):
    """One table per size and form: entries, exported, compiled, correct; static and dynamic side by side."""
    lines = []
    modes = rows_of_file.modes()
    for size, form in dict.fromkeys((m.split()[0], m.split()[2]) for m in modes):
        static, dynamic = (rows_of_file.of(f"{size} {shapes} {form}") for shapes in ("static", "dynamic"))
        dynamic_families = dict(_families(dynamic))
        lines += ["", f"{size.capitalize()} models, {form} export:", "",
                  "| family | entries | exported | compiled | correct | dynamic: exported | compiled | correct |",
                  "|---|---|---|---|---|---|---|---|"]
        columns = ["export", "compile", "agree"]
        for family, members in _families(static):
            cells = [len(members), *_counts(members, columns)]
            cells += _counts(dynamic_families[family], columns) if dynamic_families.get(family) else ["-"] * 3
            lines.append(f"| {family} | " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines[1:])
