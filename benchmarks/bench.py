"""`python -m benchmarks.bench [--json] [--contacts N]`: the engine beside the bare pipeline, in one run.

CPU of all processes but the SMTP sink, per contact of the reference journey. Wall time says little on a shared machine.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import platform
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import bare, sink, whole

SIZES = (10_000, 200_000)
DUE = 5_000
ROUNDS = 3
VARIANTS: tuple[whole.Variant, ...] = ("choose", "split")

Rows = tuple[int, int]  # steps, mails


@dataclass(frozen=True, slots=True)
class Figures:
    """What one system did in one run."""

    system: str
    contacts: int
    enrolled: int
    cpu_ms_per_contact: float
    steps_per_cpu_s: float
    mails_per_cpu_s: float
    steps: int
    mails: int
    wall_s: float


def measured(system: str, sizes: tuple[int, int], run: Callable[[], float], rows: Callable[[], Rows]) -> Figures:
    """Run and return the figures; `run` gives the CPU seconds of its other processes, `rows` what was written."""
    began, cpu = time.perf_counter(), _cpu()
    elsewhere = run()
    spent, wall = _cpu() - cpu + elsewhere, time.perf_counter() - began
    steps, mails = rows()
    return Figures(
        system=system,
        contacts=sizes[0],
        enrolled=sum(sizes),
        cpu_ms_per_contact=round(spent * 1000 / sizes[0], 4),
        steps_per_cpu_s=round(steps / spent),
        mails_per_cpu_s=round(mails / spent),
        steps=steps,
        mails=mails,
        wall_s=round(wall, 2),
    )


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def bare_figures(port: int, sizes: tuple[int, int]) -> Figures:
    """Measure the bare pipeline; `sizes` are (contacts due, contacts that only wait)."""
    with tempfile.TemporaryDirectory() as folder:
        store, before = Path(folder) / "bare.db", sink.accepted(port)
        bare.load(store, *sizes)
        figures = measured("bare pipeline", sizes, lambda: bare.run(store, port), lambda: bare.rows(store))
    return _checked(figures, sink.accepted(port) - before)


def engine_figures(port: int, variant: whole.Variant, sizes: tuple[int, int]) -> Figures:
    """Measure the whole engine; `sizes` as above."""
    with tempfile.TemporaryDirectory() as folder:
        engine, clock = whole.prepare(whole.project(Path(folder), variant), port, *sizes)
        before = sink.accepted(port)
        figures = measured(
            f"sojourn, {variant}", sizes, lambda: whole.run(engine, clock, sizes[0]), lambda: whole.rows(engine)
        )
        engine.close()
    return _checked(figures, sink.accepted(port) - before)


def _checked(figures: Figures, accepted: int) -> Figures:
    wanted = figures.contacts * 8 // 5
    if not figures.mails == accepted == wanted:
        raise SystemExit(f"{figures.system}: {figures.mails} mails sent, {accepted} accepted, {wanted} expected")
    return figures


def bench(contacts: int, sizes: Sequence[int], say: Callable[[str], None]) -> dict[str, Any]:
    """Run everything in turn, ROUNDS times, and return one object with every figure: the median of each."""
    runs: dict[str, list[Figures]] = {}
    with sink.sink() as port:
        engine_figures(port, "choose", (200, 0))  # first uses are slow everywhere
        for _ in range(ROUNDS):
            runs.setdefault("bare", []).append(bare_figures(port, (contacts, 0)))
            for variant in VARIANTS:
                runs.setdefault(variant, []).append(engine_figures(port, variant, (contacts, 0)))
            for size in sizes:
                runs.setdefault(str(size), []).append(engine_figures(port, "choose", (DUE, size - DUE)))
    found = {name: _median(some) for name, some in runs.items()}
    for name, figures in found.items():
        say(_line(figures, None if name == "bare" else found["bare"]))
    grown = [found[str(size)] for size in sizes]
    return {
        "machine": _machine(),
        "rounds": ROUNDS,
        "bare": asdict(found["bare"]),
        "engine": {variant: asdict(found[variant]) for variant in VARIANTS},
        "ratio_to_bare": {variant: _ratio(found[variant], found["bare"]) for variant in VARIANTS},
        "sizes": [asdict(figures) for figures in grown],
        "ratio_of_sizes": round(grown[-1].cpu_ms_per_contact / grown[0].cpu_ms_per_contact, 2),
    }


def _median(runs: Sequence[Figures]) -> Figures:
    """Return the run in the middle: machines change their speed while one measures."""
    return sorted(runs, key=lambda figures: figures.cpu_ms_per_contact)[len(runs) // 2]


def _ratio(figures: Figures, to: Figures) -> float:
    return round(figures.cpu_ms_per_contact / to.cpu_ms_per_contact, 2)


def _machine() -> dict[str, Any]:
    return {
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "load": round(os.getloadavg()[0], 1),
    }


HEAD = (
    f"{'system':<18}{'due':>9}{'enrolled':>10}{'CPU ms':>10}{'steps':>12}{'mails':>12}{'times':>8}\n"
    f"{'':<37}{'/contact':>10}{'/CPU-s':>12}{'/CPU-s':>12}{'bare':>8}"
)


def _line(figures: Figures, beside: Figures | None) -> str:
    times = f"{_ratio(figures, beside):.1f}" if beside else "1"
    return (
        f"{figures.system:<18}{figures.contacts:>9,}{figures.enrolled:>10,}{figures.cpu_ms_per_contact:>10.3f}"
        f"{figures.steps_per_cpu_s:>12,}{figures.mails_per_cpu_s:>12,}{times:>8}"
    )


def _nothing(_: str) -> None:
    """Keep quiet: --json prints once."""


def main() -> None:
    """Print the figures as they come, or as JSON at the end."""
    asked = argparse.ArgumentParser(description="CPU per contact: the whole engine beside a bare pipeline")
    asked.add_argument("--json", action="store_true", help="print one JSON object at the end, nothing else")
    asked.add_argument(
        "--contacts", type=int, default=5000, help="contacts of the reference journey (a multiple of 100)"
    )
    asked.add_argument("--sizes", type=int, nargs="+", default=SIZES, help=f"enrolled, of whom {DUE:,} are due")
    given = asked.parse_args()
    if given.contacts < 100 or given.contacts % 100 or min(given.sizes) < DUE:
        asked.error(f"--contacts is a multiple of 100, and --sizes are at least {DUE}")
    say: Callable[[str], None] = _nothing if given.json else functools.partial(print, flush=True)
    say(HEAD)
    result = bench(given.contacts, given.sizes, say)
    if given.json:
        print(json.dumps(result, indent=2))
    else:
        print(f"\n{given.sizes[-1]:,} enrolled instead of {given.sizes[0]:,}: {result['ratio_of_sizes']:.2f} times")
        print(f"{result['machine']['cpus']} CPUs, load {result['machine']['load']}; a step is a row of history")


if __name__ == "__main__":
    main()
