"""`python -m benchmarks.people [--json] [--data DIR] [--only G1]`: every aim about people, measured anew."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: figures of one thread
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import dataclasses
import importlib
import json
import pkgutil
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import people
from benchmarks.people.line import Line, NoData

HEAD = f"{'':<2}{'line':<46}{'aim':<30}{'measured':<46}{'baseline in the same run':<46}{'s':>6}"


def main() -> None:
    asked = argparse.ArgumentParser(description="what is aimed at about people, and what was measured")
    asked.add_argument("--json", action="store_true", help="print one JSON object at the end, nothing else")
    asked.add_argument(
        "--data", default=os.environ.get("SOJOURN_DATA", ""), help="folder with the real logs (or SOJOURN_DATA)"
    )
    asked.add_argument("--only", default="", help="lines or modules whose name begins so, such as G14 or plan")
    given = asked.parse_args()
    data = Path(given.data) if given.data else None
    if data is not None and not data.is_dir():
        raise SystemExit(f"there is no folder {data}")
    if not given.json:
        print("" if data else "no real logs: lines that need them are left out (--data DIR or SOJOURN_DATA)\n")
        print(HEAD)
    rows = []
    for row in measured(given.only, data):
        rows.append(row)
        if not given.json:
            print(shown(row), flush=True)
    machine = {"cpus": os.cpu_count(), "python": platform.python_version()}
    if given.json:
        print(json.dumps({"lines": rows, "machine": machine}))
    raise SystemExit(1 if any(row["ok"] is False for row in rows) else 0)


def measured(only: str, data: Path | None) -> Iterator[dict[str, Any]]:
    """Run the lines and yield each as it is done."""
    for module, line in lines():
        if not (line.name.startswith(only) or module.startswith(only)):
            continue
        say(f"{line.name} ...")
        began = time.perf_counter()
        row: dict[str, Any] = {"line": line.name, "module": module, "aim": line.aim}
        try:
            row |= dataclasses.asdict(line.run(data))
        except NoData as missing:
            row |= {"measured": f"left out: {missing}", "baseline": "", "ok": None, "figures": None}
        say("")
        yield row | {"seconds": round(time.perf_counter() - began, 1)}


def say(words: str) -> None:
    """Show on a terminal what is being measured."""
    if sys.stderr.isatty():
        print(f"\r{words:<70}", end="\r", file=sys.stderr, flush=True)


def lines() -> Iterator[tuple[str, Line]]:
    """Yield the lines of every module of this folder, by module."""
    for found in sorted(pkgutil.iter_modules(people.__path__), key=lambda one: one.name):
        if not found.name.startswith("__"):
            module = importlib.import_module(f"{people.__name__}.{found.name}")
            for line in getattr(module, "LINES", ()):
                yield found.name, line


def shown(row: dict[str, Any]) -> str:
    mark = {True: "✓", False: "✗", None: " "}[row["ok"]]
    return f"{mark:<2}{row['line']:<46}{row['aim']:<30}{row['measured']:<46}{row['baseline']:<46}{row['seconds']:>6}"


if __name__ == "__main__":
    main()
