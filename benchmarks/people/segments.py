"""G11: segments by the event and for everybody at once, on both databases; SOJOURN_PEOPLE says how many people.

One hundred generated rules over ten events a contact. The baselines in the same run: every rule on its own (no sums
shared), and evaluating all segments instead of those that name the event.
"""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from benchmarks.people.line import Line, NoData, Result
from engine.app import settle
from engine.audience.compile import Pass
from engine.drill.postgres import FAST, NoServer, serve
from engine.filling import Ground, fill
from engine.segments import Segments
from engine.store import membership, passing
from engine.store.alarms import ring
from engine.store.connect import create, open_store, writing
from engine.store.intake import NewEvent, record
from engine.store.tables import alarms, contacts, events
from journeys import Place
from journeys.names import Names
from journeys.parse import parse
from journeys.project import Attribute, Data

PEOPLE = int(os.environ.get("SOJOURN_PEOPLE", "100000"))
EVENTS, SEGMENTS = 10, 100
NAMES = tuple(f"did_{n}" for n in range(8))
NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
DATA = Data(
    {"tier": Attribute("enum", default="basic", choices=("basic", "silver", "gold")), "age": Attribute("number")},
    {name: {"total": "number"} for name in NAMES},
    {},
)


def project() -> Data:
    """Return a hundred segments: attributes, counts, sums, days since, none within, joined by and, or, not."""
    dice = random.Random(5)
    names = Names(DATA, journey=False)
    found = {}
    for n in range(SEGMENTS):
        parts = [_leaf(dice) for _ in range(dice.choice((1, 2, 2, 3)))]
        source = dice.choice((" and ", " or ")).join(parts)
        expression, _ = parse(source if dice.random() < 0.85 else f"not ({source})", Place("data", 1, 1), names, "flag")
        if expression is not None:
            found[f"s{n}"] = expression
    return Data(DATA.attributes, DATA.events, found)


def _leaf(dice: random.Random) -> str:
    event, days = dice.choice(NAMES), dice.choice((7, 30, 90))
    return dice.choice(
        (
            f"count({event} within {days}d) >= {dice.choice((1, 2, 3))}", f"no {event} within {days}d",
            f"sum({event}.total within {days}d) > {dice.choice((20, 50, 100))}", f"days_since({event}) > {days}",
            f"any {event} where event.total > 30 within {days}d", 'contact.tier == "gold"',
            f"contact.age >= {dice.choice((18, 30, 50))}",
        )
    )  # fmt: skip


@contextmanager
def store(database: str) -> Iterator[sa.Engine]:
    """Give an empty store."""
    if database == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield from _opened(f"sqlite:///{folder}/store.db")
        return
    try:
        server = serve(FAST)
    except NoServer as error:
        raise NoData(f"no PostgreSQL: {error}") from error
    with server:
        yield from _opened(server.database("segments"))


def _opened(address: str) -> Iterator[sa.Engine]:
    settle()
    engine = open_store(address, durability="normal")
    with writing(engine) as conn:
        create(conn)
    yield engine
    engine.dispose()


def people(engine: sa.Engine, count: int) -> None:
    """Write contacts with their past."""
    dice = random.Random(7)
    for start in range(0, count, 10_000):
        ids = [f"p{n:07}" for n in range(start, min(start + 10_000, count))]
        with writing(engine) as conn:
            conn.execute(contacts.insert(), [_contact(dice, id_) for id_ in ids])
            conn.execute(events.insert(), [_event(dice, id_, n) for id_ in ids for n in range(EVENTS)])


def _contact(dice: random.Random, id_: str) -> dict[str, object]:
    said = {"tier": dice.choice(("basic", "silver", "gold")), "age": dice.randrange(16, 80)}
    return {"id": id_, "attributes": said, "consents": "", "created_at": NOW, "updated_at": NOW}


def _event(dice: random.Random, id_: str, n: int) -> dict[str, object]:
    at = NOW - timedelta(minutes=dice.randrange(1, 180 * 1440))
    return {
        "id": f"{id_}:{n}", "contact_id": id_, "name": dice.choice(NAMES), "at": at, "received_at": at, "fresh": False,
        "data": {"total": dice.randrange(100)}, "source": "bench", "starts": True,
    }  # fmt: skip


def filled(database: str) -> Callable[[Path | None], Result]:
    """Return the line of one fill of all segments, with each on its own beside it (a tenth of them, counted up)."""

    def run(_: Path | None) -> Result:
        with store(database) as engine:
            people(engine, PEOPLE)
            data = project()
            ground = Ground(data, UTC, NOW)
            began = time.perf_counter()
            with writing(engine) as conn:
                made, _ = fill(conn, ground)
            took = time.perf_counter() - began
            alone = 0.0
            for rule in made.every[: SEGMENTS // 10]:
                began = time.perf_counter()
                with writing(engine) as conn:
                    one = Pass(NOW, data, data.segments)
                    passing.counted(conn, passing.Asked(one.table, {rule.number: one.condition(rule.expression)}))
                alone += time.perf_counter() - began
            began = time.perf_counter()
            with writing(engine) as conn:
                size = membership.count(conn, "s0")
            counting = time.perf_counter() - began
        seconds = took * 1e6 / PEOPLE
        said = f"{took:.1f} s for {PEOPLE:,} x {SEGMENTS}; count {counting * 1000:.0f} ms"
        beside = f"one by one: {alone * 10:.0f} s"
        return Result(
            said, beside, seconds <= 120, {"seconds": took, "alone": alone * 10, "count": counting, "size": size}
        )

    return run


def stepped(database: str, batch: int) -> Callable[[Path | None], Result]:
    """Return the line of events that arrive in batches: recorded, claimed, judged, written."""

    def run(_: Path | None) -> Result:
        with store(database) as engine:
            people(engine, min(PEOPLE, 20_000))
            moving = Segments(project(), UTC)
            moving.ready(engine, NOW)
            own = _paced(engine, moving, batch, whole=False)
            every = _paced(engine, moving, batch, whole=True)
        speed, median, late, micros = own
        said = f"{speed:,.0f} events/s, median {median:.0f} ms, p95 {late:.0f} ms, {micros:.0f} us CPU an event"
        figures = {"events_a_second": speed, "median_ms": median, "p95_ms": late, "cpu_us": micros,
                   "all_segments": every[0]}  # fmt: skip
        ok = late < 1000 and (batch < 1000 or speed >= 5000)
        return Result(said, f"all segments each time: {every[0]:,.0f}/s", ok, figures)

    return run


def _paced(engine: sa.Engine, moving: Segments, batch: int, *, whole: bool) -> tuple[float, float, float, float]:
    """Return events a second, median and 95th percentile of a batch in ms, and microseconds of our CPU an event."""
    dice, times, worked = random.Random(11), [], []
    for turn in range(12):
        now = NOW + timedelta(seconds=turn + 100 * whole)
        ids = sorted(f"p{n:07}" for n in dice.sample(range(min(PEOPLE, 20_000)), batch))
        news = [NewEvent(f"{whole}{turn}:{id_}", id_, dice.choice(NAMES), now, {"total": 40}) for id_ in ids]
        with writing(engine) as conn:
            record(conn, news, now)
            if whole:
                membership.look_again(conn, ids, now)
        began, busy = time.perf_counter(), time.process_time()
        with writing(engine) as conn:
            dues = moving.stand(conn, ids, now)
            conn.execute(alarms.delete().where(alarms.c.contact_id.in_(ids[:1])))
            ring(conn, dues, now)
            conn.execute(events.update().where(events.c.fresh).values(fresh=False))
        times.append(time.perf_counter() - began)
        worked.append(time.process_time() - busy)
    times = sorted(times[2:])
    micros = 1e6 * statistics.mean(worked[2:]) / batch
    return batch / statistics.mean(times), 1000 * statistics.median(times), 1000 * times[-1], micros


def lines() -> Iterator[Line]:
    """Yield the lines of both databases; PostgreSQL where a server can be had."""
    for database in ("sqlite", "postgresql"):
        yield Line(f"G11 {database}, batches of 100", "p95 < 1 s", stepped(database, 100))
        yield Line(f"G11 {database}, batches of 1,000", ">= 5,000 events/s", stepped(database, 1000))
        yield Line(f"G11 {database}, all segments filled", "1M in < 120 s", filled(database))


LINES = tuple(lines())
