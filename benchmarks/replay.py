"""`python -m benchmarks.replay [--customers N]`: a year and a half of real purchases through two journeys.

The purchases of CDNOW arrive in virtual time, in steps of an hour; mail goes to a real SMTP server on loopback. At the
end everything has to add up for every customer, and two runs with one seed have to be equal to the byte.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import cdnow, sink
from channels.channel import Channel
from engine.app import Options, build, digest_with, read
from engine.clock import SimulatedClock
from engine.engine import Engine, Limits
from engine.store.connect import create, open_store, reading, writing
from engine.store.people import add_contacts
from engine.store.tables import decisions, deliveries, enrollments, events, moves

STEP = timedelta(hours=1)
LEARN_EVERY = timedelta(days=1)
CROWD = Limits(contacts=5000, messages=2000, decisions=50_000)
ENDED = frozenset({"sent", "failed", "suppressed", "capped", "expired", "shadow", "unknown"})
ON_THE_WAY = frozenset({"queued", "claimed", "sending", "deferred"})


@contextmanager
def shop(folder: Path, most: int | None, port: int = 0, channel: Channel | None = None) -> Iterator[Engine]:
    """Give the CD shop's engine on a new store, with its customers in it, on New Year's Day of 1997."""
    url = f"sqlite:///{folder / 'cdnow.db'}"
    env = {"BENCH_STORE": url, "BENCH_EMAIL": "smtp" if port else "maildir", "BENCH_SMTP_PORT": str(port)}
    store = open_store(url, "normal")
    with writing(store) as conn:
        create(conn)
        add_contacts(conn, cdnow.contacts(most), cdnow.FIRST, digest_with(b"bench"))
    channels = None if channel is None else {"email": channel}
    options = Options(clock=SimulatedClock(cdnow.FIRST), store=store, limits=CROWD, channels=channels)
    engine = build(read(cdnow.SHOP, env), options)
    try:
        yield engine
    finally:
        engine.close()


def replay(engine: Engine, most: int | None, until: datetime = cdnow.LAST) -> None:
    """Let the purchases happen, and do all that is due, hour by hour; hours without anything are jumped."""
    clock, waiting = engine.clock, deque(cdnow.events(most))
    assert isinstance(clock, SimulatedClock)  # noqa: S101  (no replay without it)
    learned_at = clock.now()
    while (at := _next(engine, waiting[0].at if waiting else None)) is not None and at <= until:
        clock.jump(max(_hour(at), clock.now() + STEP))
        due = []
        while waiting and (waiting[0].at or at) <= clock.now():
            due.append(waiting.popleft())
        if due:
            engine.record(due)
        engine.drain()
        while engine.deliver().claimed:
            pass
        if clock.now() - learned_at >= LEARN_EVERY:
            learned_at = clock.now()
            engine.learn()


def _next(engine: Engine, event_at: datetime | None) -> datetime | None:
    return min((at for at in (engine.next_alarm(), event_at) if at is not None), default=None)


def _hour(at: datetime) -> datetime:
    """Return the full hour at or after `at`."""
    return at + (datetime.min.replace(tzinfo=at.tzinfo) - at) % STEP


def account(engine: Engine) -> dict[str, Any]:
    """Return what adds up: runs by how they stand, intents by how they ended."""
    with reading(engine.store) as conn:
        runs = _count(conn, enrollments.c.journey, enrollments.c.status)
        reasons = _count(conn, enrollments.c.journey, enrollments.c.reason)
        intents = _count(conn, deliveries.c.status)
        purchases = conn.execute(sa.select(sa.func.count()).select_from(events)).scalar_one()
    return {"runs": runs, "reasons": reasons, "intents": intents, "events": purchases}


def uneven(engine: Engine) -> list[str]:
    """Return the runs whose history does not add up to where they stand; empty when all is well."""
    with reading(engine.store) as conn:
        last = {row.enrollment_id: row for row in conn.execute(sa.select(moves).order_by(moves.c.n))}
        counted = sa.select(moves.c.enrollment_id, sa.func.count()).group_by(moves.c.enrollment_id)
        steps: dict[str, int] = {row[0]: row[1] for row in conn.execute(counted)}
        runs = conn.execute(sa.select(enrollments)).all()
    return [run.id for run in runs if run.id in last and not _even(run, last[run.id], steps[run.id])]


def _even(run: Any, last: Any, steps: int) -> bool:
    """Return whether the run stands where its last move led, as many steps in as it has moves."""
    there = run.status == "left" if last.target == "exit" else last.target == run.state
    return bool(there and last.n >= steps - 1)


def digest(engine: Engine) -> str:
    """Return a hash of everything that happened."""
    said = sha256()
    with reading(engine.store) as conn:
        for table, order in ((moves, ("enrollment_id", "n")), (decisions, ("key",)), (deliveries, ("key",))):
            columns = [c for c in table.c if c.name not in {"owner", "provider_id", "detail"}]
            for row in conn.execute(sa.select(*columns).order_by(*(table.c[name] for name in order))):
                said.update(repr(tuple(row)).encode())
    return said.hexdigest()


def _count(conn: sa.Connection, *columns: sa.ColumnElement[Any]) -> dict[str, int]:
    query = sa.select(*columns, sa.func.count()).group_by(*columns).order_by(*columns)
    return {"/".join(str(part) for part in row[:-1]): row[-1] for row in conn.execute(query)}


def main() -> None:
    """Replay and print what adds up."""
    asked = argparse.ArgumentParser(description="real purchases of 1997-98 through two journeys")
    asked.add_argument("--customers", type=int, default=2000, help="how many of the 23,570")
    most = asked.parse_args().customers
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, sink.sink() as port, shop(Path(folder), most, port) as engine:
        replay(engine, most)
        found, accepted, wrong = account(engine), sink.accepted(port), uneven(engine)
        for name, counts in found.items():
            print(f"{name}: {counts}")
        print(f"mails accepted by the SMTP server: {accepted}; runs that do not add up: {len(wrong)}")
        print(f"digest {digest(engine)[:16]}; {time.perf_counter() - began:.1f} s")
        if wrong or accepted != found["intents"].get("sent", 0):
            raise SystemExit(1)


if __name__ == "__main__":
    main()
