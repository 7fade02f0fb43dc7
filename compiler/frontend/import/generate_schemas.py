#!/usr/bin/env python3
"""Writes AtenSchemas.inc: the defaults of every ATen overload whose op has a row in a table here.

    tools/dev run python3 compiler/frontend/import/generate_schemas.py

Exported programs leave out arguments that have their default value, and hold no schemas. Run this after adding a row.
"""
import pathlib
import re

import torch

FOLDER = pathlib.Path(__file__).resolve().parent
# Any quoted word in the family files may be an op's name (behind "complex." as well); those ATen does not know are skipped.
WORDS = (word for file in FOLDER.glob("*.cpp") for word in re.findall(r'"(?:complex\.)?([a-zA-Z_][a-zA-Z0-9_]*)', file.read_text()))
NAMES = sorted({name + suffix for name in WORDS for suffix in ("", "1d", "2d", "3d", "1d_with_indices", "2d_with_indices", "3d_with_indices")} | {"amax", "amin", "argmax", "argmin"})


def default_text(value):
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(str, value)) + "]"
    return str(value)


rows = []
# The importer drops the underscore of in-place ops; where an overload has both forms, their defaults are the same.
for name, op in [(name, name + suffix) for name in NAMES for suffix in ("", "_")]:
    packet = getattr(torch.ops.aten, op, None)
    if not isinstance(packet, torch._ops.OpOverloadPacket):
        continue
    for overload in packet.overloads():
        arguments = getattr(packet, overload)._schema.arguments
        if any(argument.is_out for argument in arguments):
            continue
        defaults = [f"{a.name}={default_text(a.default_value)}" for a in arguments
                    if a.has_default_value() and a.default_value is not None]
        if defaults:
            row = f'{{"{name}.{overload}", "{";".join(defaults)}"}},'
            if row not in rows:
                rows.append(row)

header = f"// Made by generate_schemas.py from torch {torch.__version__}: {{overload, defaults other than None}}.\n"
(FOLDER / "AtenSchemas.inc").write_text(header + "\n".join(rows) + "\n")
