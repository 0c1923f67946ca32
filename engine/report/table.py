"""The numbers behind a report as one long CSV: table, row, measure, value."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from typing import Any

from engine.report.findings import Findings

_KEYS = ("name", "group", "message", "arm", "label", "rule", "day", "before")


def csv_text(findings: Findings) -> str:
    """Return every count of the findings, one per line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("table", "row", "measure", "value"))
    for table, value in _fields(findings):
        writer.writerows((table, *line) for line in _lines(value))
    return out.getvalue()


def _fields(findings: Findings) -> Iterator[tuple[str, Any]]:
    for name in findings.__dataclass_fields__:
        if name not in ("meta", "notes"):
            yield name, getattr(findings, name)


def _lines(value: Any) -> Iterator[tuple[str, str, Any]]:
    if isinstance(value, tuple):
        for n, row in enumerate(value):
            yield from _row(row) if is_dataclass(row) else [(str(n), "count", row)]
    elif is_dataclass(value):
        yield from _row(value)
    elif value is not None:
        yield ("", "count", value)


def _row(row: Any) -> Iterator[tuple[str, str, Any]]:
    cells = asdict(row)
    key = next((name for name in _KEYS if name in cells), None)
    label = str(cells.pop(key)) if key else ""
    for measure, value in cells.items():
        if isinstance(value, dict):
            yield from ((label, f"{measure}:{k}", v) for k, v in value.items())
        elif isinstance(value, tuple):
            yield from ((label, f"{measure}:{n}", v) for n, v in enumerate(value, 1))
        elif value is not None and value != "":
            yield (label, measure, value)
