"""Several processes on one store do the reference journey: how they share it, and what they cost together.

Each worker is `python -m benchmarks.workers ROOT URL PORT`: an engine that ticks and delivers as long as its standard
input is open, on the machine's clock, in a zone where it is noon now. It prints its CPU seconds and its memory.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from benchmarks import whole
from benchmarks.readers import people
from engine.app import build, read
from engine.engine import Engine
from engine.store.connect import open_store, reading, writing
from engine.store.intake import NewEvent, record
from engine.store.tables import deliveries, enrollments

REST = 0.02  # seconds a worker rests when there is nothing to do
PATIENCE = 600.0


@dataclass(frozen=True, slots=True)
class Shared:
    """What the workers did together: CPU seconds, the largest memory in MB, seconds on the clock, mails by worker."""

    cpu_s: float
    resident_mb: float
    wall_s: float
    mails: tuple[int, ...]


def zone() -> str:
    """Return a zone in which it is about noon now: nobody is asleep there."""
    hours = datetime.now(UTC).hour - 12
    return f"Etc/GMT{hours:+d}" if hours else "UTC"


def share(place: whole.Place, count: int, workers: int) -> Shared:
    """Let the workers do it all: from the events that let people in to the last mail."""
    environment = {**os.environ, **place.env}
    command = [sys.executable, "-m", "benchmarks.workers", str(place.root), place.url, str(place.port)]
    root = Path(__file__).resolve().parent.parent
    crew = [
        subprocess.Popen(command, cwd=root, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(workers)
    ]
    for worker in crew:
        if worker.stdout is None or worker.stdout.readline() != "ready\n":
            raise SystemExit("a worker did not start")
    began, cpu = time.perf_counter(), time.process_time()
    store = open_store(place.url)
    _let_in(store, count)
    spent, wall = time.process_time() - cpu, _finished(store, count, began)
    store.dispose()
    said = [json.loads(worker.communicate(timeout=60)[0]) for worker in crew]
    return Shared(
        spent + sum(one["cpu_s"] for one in said),
        max(one["resident_mb"] for one in said),
        wall,
        tuple(one["mails"] for one in said),
    )


def _let_in(store: sa.Engine, count: int) -> None:
    now = datetime.now(UTC)
    news = [NewEvent(f"load-{p.id}", p.id, "loaded", now) for p in people(count)]
    for first in range(0, count, whole.BATCH):
        with writing(store) as conn:
            record(conn, news[first : first + whole.BATCH], now)


def _finished(store: sa.Engine, count: int, began: float) -> float:
    """Wait until everybody has left and nothing is on its way; return how long it took."""
    left = sa.select(sa.func.count()).where(enrollments.c.status == "left")
    sent = sa.select(sa.func.count()).where(deliveries.c.status == "sent")
    while time.perf_counter() - began < PATIENCE:
        with reading(store) as conn:
            if conn.execute(left).scalar_one() == count and conn.execute(sent).scalar_one() == count * 8 // 5:
                return time.perf_counter() - began
        time.sleep(0.25)
    raise SystemExit(f"not finished after {PATIENCE:.0f} s")


def work(root: Path, environment: Mapping[str, str]) -> None:
    """Be a worker until standard input ends."""
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    engine = build(read(root, environment))
    print("ready", flush=True)
    began, mails = time.process_time(), 0
    while not ended.is_set():
        busy, sent = _once(engine)
        mails += sent
        if not busy:
            ended.wait(REST)
    engine.learn()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    engine.close()
    said = {"cpu_s": time.process_time() - began, "resident_mb": usage.ru_maxrss / 1024, "mails": mails}
    print(json.dumps(said), flush=True)


def _once(engine: Engine) -> tuple[bool, int]:
    ticked, posted = engine.tick(), engine.deliver()
    return bool(ticked.due or posted.claimed), posted.sent


if __name__ == "__main__":
    place = whole.Place(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), {"BENCH_ZONE": os.environ["BENCH_ZONE"]})
    work(place.root, place.env)
