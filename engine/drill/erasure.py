"""Drill 33: people are erased, and no byte of them is left; what was counted still adds up."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from channels.captured import CapturedChannel
from engine import erasing
from engine.app import Options, build, digest_of
from engine.clock import SimulatedClock
from engine.drill.drill import Ask, Found
from engine.drill.ground import START, TWO, Setting, definitions, lay, make_store
from engine.engine import Engine, Limits
from engine.exporting import export
from engine.redacting import redacted
from engine.store.connect import reading, writing
from engine.store.counting import journey_numbers
from engine.store.intake import (
    ConsentChange,
    NewContact,
    NewEvent,
    Suppression,
    add_contacts,
    change_consents,
    record,
    suppress,
)
from engine.store.law_tables import tombstones
from engine.store.tables import deliveries, events, suppressions
from engine.store.values import to_json

GOAL = "goal: {event: paid, within: 7d, value: event.total, exit: false}\n"
SHARE = 10  # one in so many is erased


def erasure(ask: Ask) -> Found:
    """Erase 500 of 5,000 people, then look for them in the database, its log, ours, and an export of somebody else."""
    count = ask.some(5000, 60)
    url = f"sqlite:///{ask.folder / 'drill.db'}"
    with _said(ask.folder / "said.log"):
        engine = _lived(ask.folder, url, count)
        gone = [_mailbox(n) for n in range(0, count, SHARE)]
        before = _figures(engine)
        again = erase(engine, gone)
        after = _figures(engine)
        _export(engine, ask.folder / "export.json", _mailbox(1))
        wrong = [*_differing(before, after), *_brought_back(engine, gone), *([again] if again else [])]
        wrong += _kept_hashes(engine, len(gone))
        engine.store.dispose()
    left = grep(ask.folder, [word for n in range(0, count, SHARE) for word in _words(n)])
    there = grep(ask.folder, _words(1))  # a search that finds nobody proves nothing
    wrong += [f"{times} times in {file}" for file, times in left.items()]
    wrong += [] if there else ["the search does not even find who is still there"]
    figures = {"people": count, "erased": len(gone), "left": sum(left.values())}
    return Found(f"{count} people, {len(gone)} erased", wrong=tuple(wrong), figures=figures)


def erase(engine: Engine, ids: Iterable[str]) -> str | None:
    """Erase people as `sojourn contact erase` does; return what could not be scrubbed."""
    kept = erasing.figures(engine.project, engine.journeys.values())
    erasing.erase(engine.store, ids, kept, (engine.post.terms.digest, engine.clock.now))
    return erasing.scrub(engine.store)


def grep(folder: Path, words: Iterable[str]) -> dict[str, int]:
    """Return by file how often one of these words stands in its bytes, whatever the file is."""
    wanted = [word.encode() for word in words]
    found = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = file.read_bytes()
        if times := sum(word in content for word in wanted):
            found[file.name] = times
    return found


def _mailbox(n: int) -> str:
    return f"quill{n:05}@drill.test"


def _words(n: int) -> tuple[str, str, str]:
    return _mailbox(n), f"Zephyrine{n:05}", f"+4930{n:07}"


def _lived(folder: Path, url: str, count: int) -> Engine:
    """Make people who have had a journey, messages, orders, bounces and second thoughts; an id is a mailbox."""
    lay(folder, url, Setting(journeys={"trip": TWO + GOAL}))
    store = make_store(url, "normal")
    files = definitions(folder)
    engine = build(
        files, Options(clock=SimulatedClock(START), channels={"email": CapturedChannel("email")}, store=store)
    )
    engine.limits = Limits(contacts=5000, messages=5000)
    with writing(store) as conn:
        add_contacts(conn, [_person(n) for n in range(count)], START, engine.post.terms.digest)
        record(conn, [_event(n, "started", {"value": 1, "by": _words(n)[1]}) for n in range(count)], START)
    engine.drain()
    while engine.deliver().claimed:
        pass
    with writing(store) as conn:
        record(conn, [_event(n, "paid", {"total": n, "to": _mailbox(n)}) for n in range(0, count, 2)], START)
        moved = [
            NewContact(_mailbox(n), {"street": _words(n)[1]}, {"email": f"new.{_mailbox(n)}"})
            for n in range(0, count, 3)
        ]
        add_contacts(conn, moved, START, engine.post.terms.digest)
        no = [
            ConsentChange(_mailbox(n), "promo", "", granted=False, source=f"mail of {_mailbox(n)}")
            for n in range(0, count, 4)
        ]
        change_consents(conn, no, START)
        suppress(
            conn,
            [Suppression("email", _mailbox(n), "hard") for n in range(0, count, 5)],
            engine.post.terms.digest,
            START,
        )
    engine.drain()
    logging.getLogger("sojourn.drill").warning("contact %s is parked", _mailbox(0))
    return engine


def _person(n: int) -> NewContact:
    mailbox, name, phone = _words(n)
    return NewContact(
        mailbox, {"email": mailbox, "first_name": name, "phone": phone}, {"email": mailbox}, frozenset({"promo"})
    )


def _event(n: int, name: str, data: Mapping[str, Any]) -> NewEvent:
    return NewEvent(f"{name} of {_mailbox(n)}", _mailbox(n), name, None, data)


def _figures(engine: Engine) -> dict[str, Any]:
    """Return every number that a report is made of."""
    with reading(engine.store) as conn:
        numbers = asdict(journey_numbers(conn, "trip"))
        d = deliveries.c
        sent = conn.execute(sa.select(d.message, sa.func.count()).where(d.status == "sent").group_by(d.message)).all()
        total = sum(_totals(conn))
    runs = sum(numbers.pop("inside").values()) + sum(numbers.pop("left").values())
    for name in ("parked", "messages"):
        numbers.pop(name)
    return {**numbers, "runs": runs, "sent": dict(map(tuple, sent)), "money": total}


def _totals(conn: sa.Connection) -> Iterator[float]:
    yield from (
        data.get("total", 0) for data in conn.execute(sa.select(events.c.data).where(events.c.name == "paid")).scalars()
    )


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [f"{name} was {before[name]} and is {after[name]}" for name in before if before[name] != after[name]]


def _brought_back(engine: Engine, gone: list[str]) -> list[str]:
    """An import of the same people adds none of them."""
    with writing(engine.store) as conn:
        people = [NewContact(f"other-{n}", {}, {"email": one.upper()}) for n, one in enumerate(gone)]
        counts = add_contacts(conn, [*(NewContact(one) for one in gone), *people], START, engine.post.terms.digest)
    return [f"{counts.new} were brought back by an import"] if counts.new else []


def _kept_hashes(engine: Engine, gone: int) -> list[str]:
    with reading(engine.store) as conn:
        stones = conn.execute(sa.select(sa.func.count()).select_from(tombstones)).scalar_one()
        listed = conn.execute(sa.select(sa.func.count()).select_from(suppressions)).scalar_one()
    return [] if stones >= 2 * gone and listed else [f"{stones} hashes and {listed} suppressions are left"]


def _export(engine: Engine, file: Path, who: str) -> None:
    with writing(engine.store) as conn:
        found = export(conn, who, digest_of(engine.project), engine.clock.now())
    file.write_text(to_json(found), encoding="utf-8")


@contextmanager
def _said(file: Path) -> Iterator[None]:
    """Keep what is logged as the command line prints it."""

    class Lines(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return redacted(super().format(record))

    handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(Lines())
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
