"""`python -m benchmarks.bench [--json] [--contacts N]`: the engine beside the bare pipeline, on both databases.

CPU of all processes but the SMTP sink, PostgreSQL's included, per contact of the reference journey. Wall time says
little on a shared machine. PostgreSQL is one of our own, from the same binaries as in the tests, with fsync on.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import os
import platform
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks import bare, bare_postgres, intake, sink, whole, workers
from benchmarks.processor import cpu_of
from channels import dkim
from engine.drill.postgres import NoServer, Server, serve
from engine.store.sealing import new_key

SIZES = (10_000, 1_000_000)
DUE = 5_000
ROUNDS = 3
CREWS = (1, 2, 4)
VARIANTS: tuple[whole.Variant, ...] = ("choose", "split")

Rows = tuple[int, int]  # steps, mails


@dataclass(frozen=True, slots=True)
class Figures:
    """What one system did in one run."""

    system: str
    store: str
    contacts: int
    enrolled: int
    cpu_ms_per_contact: float
    steps_per_cpu_s: float
    mails_per_cpu_s: float
    steps: int
    mails: int
    wall_s: float
    resident_mb: int | None = None  # of the largest worker


@dataclass(slots=True)
class Ground:
    """Where to measure: the SMTP sink, a folder, and PostgreSQL when that is the store."""

    port: int
    folder: Path
    server: Server | None = None
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def store(self) -> str:
        return "PostgreSQL" if self.server else "SQLite"

    def empty(self, folder: Path) -> str:
        """Return the address of a new store."""
        if self.server:
            return self.server.database(f"bench_{next(self._numbers)}")
        return f"sqlite:///{folder / 'bench.db'}"

    def cpu(self) -> float:
        """Return the CPU seconds of this process and of the server."""
        return time.process_time() + (cpu_of(self.server.pid) if self.server else 0.0)


def measured(
    ground: Ground, system: str, sizes: tuple[int, int], run: Callable[[], float], rows: Callable[[], Rows]
) -> Figures:
    """Run and return the figures; `run` gives the CPU seconds of its other processes, `rows` what was written."""
    before = sink.accepted(ground.port)
    began, cpu = time.perf_counter(), ground.cpu()
    elsewhere = run()
    spent, wall = ground.cpu() - cpu + elsewhere, time.perf_counter() - began
    steps, mails = rows()
    return _checked(
        Figures(
            system=system,
            store=ground.store,
            contacts=sizes[0],
            enrolled=sum(sizes),
            cpu_ms_per_contact=round(spent * 1000 / sizes[0], 4),
            steps_per_cpu_s=round(steps / spent),
            mails_per_cpu_s=round(mails / spent),
            steps=steps,
            mails=mails,
            wall_s=round(wall, 2),
        ),
        sink.accepted(ground.port) - before,
    )


def bare_figures(ground: Ground, sizes: tuple[int, int]) -> Figures:
    """Measure the bare pipeline; `sizes` are (contacts due, contacts that only wait)."""
    with tempfile.TemporaryDirectory(dir=ground.folder) as folder:
        if ground.server:
            url = ground.empty(Path(folder)).replace("+psycopg", "")
            bare_postgres.load(url, *sizes)
            run, rows = lambda: bare_postgres.run(url, ground.port), lambda: bare_postgres.rows(url)
        else:
            store = Path(folder) / "bare.db"
            bare.load(store, *sizes)
            run, rows = lambda: bare.run(store, ground.port), lambda: bare.rows(store)
        return measured(ground, "bare pipeline", sizes, run, rows)


def engine_figures(ground: Ground, system: str, sizes: tuple[int, int], loaded: Path | None = None) -> Figures:
    """Measure the whole engine in this process; `loaded`: a store that has its people already, to be copied."""
    with tempfile.TemporaryDirectory(dir=ground.folder) as folder:
        root = whole.project(Path(folder), "split" if system == "split" else "choose")
        if system in EXTRAS:
            EXTRAS[system](root)
        place = whole.Place(root, ground.empty(root), ground.port)
        if loaded:
            shutil.copy(loaded, root / "bench.db")
        else:
            whole.load(place, *sizes)
        engine, clock = whole.opened(place)
        try:
            return measured(
                ground, f"sojourn, {system}", sizes, lambda: whole.run(engine, clock, sizes[0]),
                lambda: whole.rows(engine),
            )  # fmt: skip
        finally:
            engine.close()


def _signed(kind: str, root: Path) -> None:
    """Sign every mail with a key of its own."""
    (root / "dkim.pem").write_text(dkim.generate(kind), encoding="ascii")
    settings = root / "sojourn.yaml"
    said = 'dkim: {domain: shop.example, selector: bench, key: "${file:dkim.pem}"}'
    text = settings.read_text(encoding="utf-8").replace("    connections:", f"    {said}\n    connections:")
    settings.write_text(text, encoding="utf-8")


def _sealed(root: Path) -> None:
    """Keep addresses unreadable without a key."""
    with (root / "sojourn.yaml").open("a", encoding="utf-8") as settings:
        settings.write(f"\nencryption: {{keys: {new_key()}}}\n")


EXTRAS: dict[str, Callable[[Path], None]] = {
    "RSA": functools.partial(_signed, "rsa"),
    "Ed25519": functools.partial(_signed, "ed25519"),
    "sealed": _sealed,
}
"""What is done to the project in a variant that costs extra, each with a decision for everybody."""


def crew_figures(ground: Ground, count: int, size: int) -> Figures:
    """Measure several processes on one store, on the machine's clock."""
    with tempfile.TemporaryDirectory(dir=ground.folder) as folder:
        root = whole.project(Path(folder), "choose")
        place = whole.Place(root, ground.empty(root), ground.port, {"BENCH_ZONE": workers.zone()})
        whole.load(place, count)
        did: list[workers.Shared] = []

        def run() -> float:
            before = time.process_time()
            did.append(workers.share(place, count, size))
            return did[0].cpu_s - (time.process_time() - before)

        engine, _ = whole.opened(place)
        try:
            found = measured(ground, f"{size} worker{'s' * (size > 1)}", (count, 0), run, lambda: whole.rows(engine))
        finally:
            engine.close()
    return replace(found, wall_s=round(did[0].wall_s, 2), resident_mb=round(did[0].resident_mb))


def _checked(figures: Figures, accepted: int) -> Figures:
    wanted = figures.contacts * 8 // 5
    if not figures.mails == accepted == wanted:
        raise SystemExit(f"{figures.system}: {figures.mails} mails sent, {accepted} accepted, {wanted} expected")
    return figures


def bench(ground: Ground, contacts: int, crews: Sequence[int], say: Callable[[str], None]) -> dict[str, Any]:
    """Run everything in turn, ROUNDS times, on one database; return every figure: the median of each."""
    runs: dict[str, list[Figures]] = {}
    engine_figures(ground, "choose", (200, 0))  # first uses are slow everywhere
    for _ in range(ROUNDS):
        runs.setdefault("bare", []).append(bare_figures(ground, (contacts, 0)))
        for system in (*VARIANTS, *EXTRAS):
            runs.setdefault(system, []).append(engine_figures(ground, system, (contacts, 0)))
    for crew in crews:
        runs[f"{crew} workers"] = [crew_figures(ground, contacts, crew)]
    found = {name: _median(some) for name, some in runs.items()}
    for name, figures in found.items():
        say(_line(figures, None if name == "bare" else found["bare"]))
    return {
        "figures": {name: asdict(figures) for name, figures in found.items()},
        "ratio_to_bare": {name: _ratio(figures, found["bare"]) for name, figures in found.items() if name != "bare"},
    }


def grown(ground: Ground, sizes: Sequence[int], say: Callable[[str], None]) -> dict[str, Any]:
    """Measure the same number of people due, among few and among many who only wait; SQLite."""
    found: list[Figures] = []
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=ground.folder) as folder:
            root = whole.project(Path(folder), "choose")
            place = whole.in_file(root, ground.port)
            whole.load(place, DUE, size - DUE)
            some = [engine_figures(ground, "choose", (DUE, size - DUE), root / "bench.db") for _ in range(ROUNDS)]
        found.append(_median(some))
        say(_line(found[-1], None))
    ratio = _ratio(found[-1], found[0])
    say(f"{sizes[-1]:,} enrolled instead of {sizes[0]:,}: {ratio:.2f} times")
    return {"figures": [asdict(figures) for figures in found], "ratio": ratio}


@contextmanager
def grounds(names: Sequence[str], port: int, folder: Path) -> Iterator[list[Ground]]:
    """Give the databases that were asked for and can be had."""
    found = [Ground(port, folder)] if "sqlite" in names else []
    server = None
    if "postgresql" in names:
        try:
            server = serve(DURABLE)
            found.append(Ground(port, folder, server))
        except NoServer as error:
            print(f"PostgreSQL is not measured: {error}", flush=True)
    try:
        yield found
    finally:
        if server:
            server.stop()


DURABLE = ("listen_addresses=", "max_connections=100", "shared_buffers=256MB")


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
    f"{'system':<17}{'store':<11}{'due':>7}{'enrolled':>11}{'CPU ms':>9}{'steps':>9}{'mails':>9}{'times':>7}"
    f"{'wall':>8}\n{'':<46}{'/contact':>9}{'/CPU-s':>9}{'/CPU-s':>9}{'bare':>7}{'s':>8}"
)


def _line(figures: Figures, beside: Figures | None) -> str:
    times = f"{_ratio(figures, beside):.1f}" if beside else ""
    memory = f"  {figures.resident_mb} MB" if figures.resident_mb else ""
    return (
        f"{figures.system:<17}{figures.store:<11}{figures.contacts:>7,}{figures.enrolled:>11,}"
        f"{figures.cpu_ms_per_contact:>9.3f}{figures.steps_per_cpu_s:>9,}{figures.mails_per_cpu_s:>9,}{times:>7}"
        f"{figures.wall_s:>8.1f}{memory}"
    )


def _nothing(_: str) -> None:
    """Keep quiet: --json prints once."""


def _asked() -> argparse.Namespace:
    asked = argparse.ArgumentParser(description="CPU per contact: the whole engine beside a bare pipeline")
    asked.add_argument("--json", action="store_true", help="print one JSON object at the end, nothing else")
    asked.add_argument("--contacts", type=int, default=5000, help="of the reference journey (a multiple of 100)")
    asked.add_argument("--sizes", type=int, nargs="*", default=SIZES, help=f"enrolled, of whom {DUE:,} are due")
    asked.add_argument("--workers", type=int, nargs="*", default=CREWS, help="processes on one store")
    asked.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    asked.add_argument("--intake", type=int, default=40_000, help="events through the web doors; 0 = none")
    given = asked.parse_args()
    if given.contacts < 100 or given.contacts % 100 or min(given.sizes, default=DUE) < DUE:
        asked.error(f"--contacts is a multiple of 100, and --sizes are at least {DUE}")
    return given


def _taken_in(given: argparse.Namespace, say: Callable[[str], None]) -> Iterator[intake.Figures]:
    for figures in intake.measured(given.databases, given.intake - given.intake % 80):
        say(intake.line(figures))
        yield figures


def main() -> None:
    """Print the figures as they come, or as JSON at the end."""
    given = _asked()
    say: Callable[[str], None] = _nothing if given.json else functools.partial(print, flush=True)
    result: dict[str, Any] = {"machine": _machine(), "rounds": ROUNDS}
    say(HEAD)
    with sink.sink() as port, tempfile.TemporaryDirectory() as folder:
        with grounds(given.databases, port, Path(folder)) as found:
            for ground in found:
                result[ground.store] = bench(ground, given.contacts, given.workers, say)
        if given.sizes:
            result["sizes"] = grown(Ground(port, Path(folder)), given.sizes, say)
    if given.intake:
        say(f"\n{intake.HEAD}")
        result["intake"] = [asdict(one) for one in _taken_in(given, say)]
    if given.json:
        print(json.dumps(result, indent=2))
    else:
        print(f"\n{result['machine']['cpus']} CPUs, load {result['machine']['load']}; a step is a row of history")


if __name__ == "__main__":
    main()
