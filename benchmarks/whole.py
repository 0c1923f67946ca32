"""The whole engine on the reference journey: every gate, decision, link and ledger row on, SQLite with full durability.

People are loaded before the clock starts; recording their events, entering, stepping, rendering, sending and learning
are inside. Those who only wait (`waiting`) stand in the same journey and are due in a year.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from benchmarks.readers import people
from engine.app import Options, build, digest_with, read
from engine.clock import SimulatedClock
from engine.engine import Engine
from engine.store.connect import create, open_store, reading, writing
from engine.store.intake import NewContact, NewEvent, ring
from engine.store.people import add_contacts
from engine.store.tables import deliveries, enrollments, moves

Variant = Literal["choose", "split"]
REFERENCE = Path(__file__).resolve().parent / "reference"
NOON = datetime(2026, 3, 4, 11, tzinfo=UTC)  # a Wednesday, noon in Paris
BATCH = 1000


def project(folder: Path, variant: Variant) -> Path:
    """Copy the reference project into `folder`, with this variant of its journey."""
    root = folder / variant
    shutil.copytree(REFERENCE, root, ignore=shutil.ignore_patterns("split"))
    if variant == "split":
        shutil.copy(REFERENCE / "split" / "reference.yaml", root / "journeys" / "reference.yaml")
    return root


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run has its project, its store and the port of its SMTP server, and what else its environment says."""

    root: Path
    url: str
    port: int
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        return {"BENCH_STORE": self.url, "BENCH_EMAIL": "smtp", "BENCH_SMTP_PORT": str(self.port), **self.more}


def in_file(root: Path, port: int) -> Place:
    """Return the place of a run on SQLite."""
    return Place(root, f"sqlite:///{root / 'bench.db'}", port)


def prepare(place: Place, count: int, waiting: int = 0) -> tuple[Engine, SimulatedClock]:
    """Return an engine whose store knows the people, and its clock."""
    load(place, count, waiting)
    return opened(place)


def opened(place: Place) -> tuple[Engine, SimulatedClock]:
    """Return an engine on a store that is there, and its clock."""
    clock = SimulatedClock(NOON)
    return build(read(place.root, place.env), Options(clock=clock)), clock


def load(place: Place, count: int, waiting: int = 0) -> None:
    """Make the store and everybody in it, before a clock starts."""
    store = open_store(place.url, "normal")
    with writing(store) as conn:
        create(conn)
    engine = build(read(place.root, place.env), Options(clock=SimulatedClock(NOON), store=store))
    for batch in _batches(_contacts(count + waiting)):
        with writing(store) as conn:
            add_contacts(conn, batch, NOON, digest_with(b"bench"))
    for batch in _batches(_waiters(engine, count, waiting)):
        with writing(store) as conn:
            conn.execute(enrollments.insert(), batch)
            ring(conn, (row["contact_id"] for row in batch), NOON + timedelta(days=365))
    engine.close()


def run(engine: Engine, clock: SimulatedClock, count: int) -> float:
    """Let everybody enter, walk to the end, be sent to and learned from; no other process is at work."""
    for batch in _batches(NewEvent(f"load-{p.id}", p.id, "loaded", NOON) for p in people(count)):
        engine.record(batch)
    for at in (NOON, NOON + timedelta(seconds=2), NOON + timedelta(seconds=4)):
        clock.jump(at)
        engine.drain()
        while engine.deliver().claimed:
            pass
    engine.learn()
    return 0.0


def rows(engine: Engine) -> tuple[int, int]:
    """Return (moves, mails sent); everybody due must have left."""
    with reading(engine.store) as conn:
        steps = conn.execute(sa.select(sa.func.count()).select_from(moves)).scalar_one()
        sent = sa.select(sa.func.count()).select_from(deliveries).where(deliveries.c.status == "sent")
        return steps, conn.execute(sent).scalar_one()


def _contacts(count: int) -> Iterator[NewContact]:
    for person in people(count):
        values: dict[str, Any] = person._asdict()
        key = values.pop("id")
        yield NewContact(key, values, {"email": person.email}, frozenset({"promo"}), "bench")


def _waiters(engine: Engine, first: int, count: int) -> Iterator[Mapping[str, Any]]:
    """Yield enrollments of people who wait for `second` until next year."""
    version = engine.journeys["reference"].version
    begun = NOON - timedelta(days=1)
    for person in islice(people(first + count), first, None):
        yield {
            "id": f"wait{person.id}", "contact_id": person.id, "journey": "reference", "version": version,
            "state": "second", "group": "learner", "status": "active", "phase": "waiting", "entered_at": begun,
            "state_at": begun, "due_at": NOON + timedelta(days=365), "held_since": None, "left_at": None,
            "goal_at": None, "reason": None, "trigger": f"load-{person.id}", "cause": "", "steps": 3, "visits": {},
            "entry": {}, "values": {},
        }  # fmt: skip


def _batches(items: Iterator[Any]) -> Iterator[list[Any]]:
    while batch := list(islice(items, BATCH)):
        yield batch
