"""G8: from the question to the audience, a million people, ten million order lines, five thousand products, SQLite."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np

from benchmarks.people.line import Line, Result
from engine.campaigning import choose
from engine.gathering import current
from engine.store.connect import open_store, reading
from journeys.load import load

PEOPLE = int(os.environ.get("SOJOURN_PEOPLE", "1000000"))
PRODUCTS, ORDERS_EACH, LINES_EACH, FAMILIES = 5_000, 3.3, 3, 100
DAYS, NOW = 400, 1_800_000_000  # seconds since 1970
DATA = """
contact: {country: text}
events: {order_placed: {total: number, items: list}}
buying: {event: order_placed, value: total, items: items}
"""
CAMPAIGN = """
campaign: big
products: {family: f7}
send: email/welcome_hello
volume: 10%
topic: promo
"""


@lru_cache(maxsize=1)
def measured() -> dict[str, float]:
    """Make the shop, then ask twice, each time in a process of its own: cold (no arrays yet), warm."""
    with tempfile.TemporaryDirectory(prefix="sojourn-scale-") as folder:
        root = Path(folder) / "shop"
        run = [sys.executable, "-m", "benchmarks.people.scale", str(root)]
        subprocess.run([*run, "make"], check=True)
        cold = json.loads(subprocess.run([*run, "ask"], check=True, capture_output=True, text=True).stdout)
        warm = json.loads(subprocess.run([*run, "ask"], check=True, capture_output=True, text=True).stdout)
    return {
        "cold_s": cold["seconds"], "cold_cpu_s": cold["cpu"], "warm_s": warm["again"], "warm_cpu_s": warm["again_cpu"],
        "first_s": warm["seconds"], "gb": cold["gb"], "warm_gb": warm["gb"], "people": cold["people"],
    }  # fmt: skip


def make(root: Path) -> None:
    """Write a project with its store: people with tastes for families, orders over 400 days."""
    subprocess.run(
        [str(Path(sys.executable).parent / "sojourn"), "init", str(root), "-q"], check=True, capture_output=True
    )
    for old in (root / "journeys").glob("*.yaml"):
        old.unlink()
    (root / "data.yaml").write_text(DATA, "utf-8")
    (root / "campaigns").mkdir()
    (root / "campaigns" / "big.yaml").write_text(CAMPAIGN, "utf-8")
    chance = np.random.default_rng(0)
    db = sqlite3.connect(root / "sojourn.db")
    db.execute("PRAGMA journal_mode = OFF")
    db.execute("PRAGMA synchronous = OFF")
    for index in ("events_of_contact", "addresses_by_address"):
        db.execute(f"DROP INDEX IF EXISTS {index}")
    micros = NOW * 1_000_000
    names = [(f"p{n:07d}",) for n in range(PEOPLE)]
    db.executemany(
        f"""INSERT INTO contacts (id, attributes, consents, created_at, updated_at)
            VALUES (?, '{{}}', 'promo', {micros}, {micros})""",
        names,
    )
    db.executemany(
        f"""INSERT INTO addresses (contact_id, channel, address, added_at)
            VALUES (?1, 'email', ?1 || '@x.example', {micros})""",
        names,
    )
    skus = [
        (
            f"s{n:04d}",
            json.dumps({"name": f"thing {n % 977} of kind {n % FAMILIES}", "family": f"f{n % FAMILIES}"}),
            micros,
        )
        for n in range(PRODUCTS)
    ]
    db.executemany("INSERT INTO products (sku, attributes, updated_at) VALUES (?, ?, ?)", skus)
    keen = chance.gamma(0.8, ORDERS_EACH / 0.8, PEOPLE)
    for start in range(0, PEOPLE, 50_000):
        _orders(db, chance, start, keen[start : start + 50_000])
    db.execute("CREATE INDEX events_of_contact ON events (contact_id, name, at)")
    db.execute("ANALYZE")
    db.commit()
    db.close()


def _orders(db: sqlite3.Connection, chance: np.random.Generator, start: int, keen: np.ndarray) -> None:
    counts = chance.poisson(keen)
    who = np.repeat(np.arange(len(keen)), counts)
    at = (NOW - chance.integers(1, DAYS * 86_400, len(who))) * 1_000_000
    home = chance.integers(0, FAMILIES, len(keen))[who]
    lines = chance.poisson(LINES_EACH - 1, len(who)) + 1
    order = np.repeat(np.arange(len(who)), lines)
    family = np.where(chance.random(len(order)) < 0.6, home[order], chance.integers(0, FAMILIES, len(order)))
    place = (chance.pareto(1.2, len(order)) * 3).astype(np.int64) % (PRODUCTS // FAMILIES)
    sku = place * FAMILIES + family
    ends = np.cumsum(lines)
    rows = []
    for n in range(len(who)):
        items = ",".join(
            f'{{"sku":"s{one:04d}","quantity":1,"price":9.5}}' for one in sku[ends[n] - lines[n] : ends[n]]
        )
        rows.append(
            (f"e{start}-{n}", f"p{start + who[n]:07d}", int(at[n]), f'{{"total":{9.5 * lines[n]},"items":[{items}]}}')
        )
    db.executemany(
        f"""INSERT INTO events (id, contact_id, name, at, received_at, data, source, fresh, starts)
            VALUES (?, ?, 'order_placed', ?, {NOW * 1_000_000}, ?, 'bench', 0, 0)""", rows)  # fmt: skip


def ask(root: Path) -> dict[str, float]:
    """Ask for the audience, twice in one process; the second time everything is in memory."""
    definitions = load(root, {})
    now = datetime.fromtimestamp(NOW, UTC)
    project = definitions.project
    if project is None:
        raise SystemExit("the project cannot be read")
    store = open_store(project.store)
    began, cpu = time.perf_counter(), time.process_time()
    night = current(store, project, now)
    with reading(store) as conn:
        mine = choose(conn, definitions, night, definitions.campaigns["big"], now)
        seconds, first = time.perf_counter() - began, time.process_time() - cpu
        began, cpu = time.perf_counter(), time.process_time()
        choose(conn, definitions, night, definitions.campaigns["big"], now)
        again, again_cpu = time.perf_counter() - began, time.process_time() - cpu
    gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": seconds, "cpu": first, "again": again, "again_cpu": again_cpu, "gb": gb,
            "people": len(mine.audience.people), "lines": night.arrays.lines}  # fmt: skip


def cold(_: Path | None) -> Result:
    one = measured()
    return Result(f"{one['cold_cpu_s']:.0f} CPU s, {one['cold_s']:.0f} s by the clock", "", one["cold_cpu_s"] < 60, one)


def warm(_: Path | None) -> Result:
    one = measured()
    says = f"{one['warm_s']:.1f} s ({one['warm_cpu_s']:.1f} CPU s), first {one['first_s']:.1f} s"
    return Result(says, "", one["warm_cpu_s"] < 2)


def memory(_: Path | None) -> Result:
    one = measured()
    return Result(f"{one['gb']:.1f} GB cold, {one['warm_gb']:.1f} warm", "", one["gb"] < 3)


LINES = (
    Line("G8 ask -> audience, 1M x 10M x 5k, cold", "< 60 s", cold),
    Line("G8 ask -> audience, warm", "< 2 s", warm),
    Line("G8 memory at its most", "< 3 GB", memory),
)

if __name__ == "__main__":
    if sys.argv[2] == "make":
        make(Path(sys.argv[1]))
    else:
        print(json.dumps(ask(Path(sys.argv[1]))))
