"""The history: a plain test that the people lived through in halves, each in a process of its own where cores allow.

Rules
- People are independent of each other while nobody learns, so the halves are what one engine would have made of them
  all; the winback journey's limit a day is halved with them.
- The halves are always two, on one core too: the same seed gives the same history on every machine.
"""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import traceback
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from multiprocessing.connection import Connection, wait
from operator import add
from pathlib import Path
from typing import cast

import sqlalchemy as sa

from engine.app import Options
from engine.clock import SimulatedClock
from engine.demo import files
from engine.demo.crowd import Coming, Crowd, Memory
from engine.demo.doors import Noted
from engine.engine import Ticked
from engine.errors import EngineError
from engine.simulate import CROWD, virtual
from engine.store.tables import metadata
from engine.world import World

HALVES = 2
WORTH_A_PROCESS = 20_000  # person-days: below, starting one takes longer than it saves
COMMON = (
    "deployments",
    "dictionaries",
    "schedules",
    "segment_numbers",
    "suppressions",
    "templates",
)  # both halves may have the same row

At = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Half:
    """Every second person of a world, from `start` on; `path` is where their store goes."""

    number: int
    project: Path
    seed: int
    contacts: int
    start: datetime
    days: int
    path: Path


@dataclass(frozen=True, slots=True)
class Lived:
    """What is left of a history beside its store: what is still to come, what the world remembers, what was done."""

    coming: tuple[Coming, ...]
    memory: Memory
    ticked: Ticked


def live_through(halves: Sequence[Half], at: At) -> Lived:
    """Let both halves live, and return what is left; their stores lie where they say."""
    size = halves[0].contacts * halves[0].days
    if _cores() >= HALVES and size >= WORTH_A_PROCESS:
        return _together(_beside_each_other(halves, at))
    return _together([_live(half, _after(half, len(halves), at)) for half in halves])


def _after(half: Half, count: int, at: At) -> At:
    """Return how far all are when this half, whose turn comes after the others', is at a day."""
    return lambda day: at((half.number * half.days + day) / count)


def merge(halves: Sequence[Half], store: sa.Engine) -> None:
    """Put the halves' stores into one, which is empty and in memory."""
    with store.connect() as conn:
        raw = cast("sqlite3.Connection", conn.connection.dbapi_connection)
        with closing(sqlite3.connect(halves[0].path)) as first:
            first.backup(raw)
        for half in halves[1:]:
            raw.execute("ATTACH ? AS half", (str(half.path),))
            for table in metadata.sorted_tables:
                raw.execute(_copy(table))
            raw.execute("DETACH half")


def save(store: sa.Engine, path: Path) -> None:
    """Copy a store in memory to a file, whole."""
    with store.connect() as conn, closing(sqlite3.connect(path)) as target:
        cast("sqlite3.Connection", conn.connection.dbapi_connection).backup(target)


def _copy(table: sa.Table) -> str:
    columns = ", ".join(f'"{c.name}"' for c in table.columns if c.autoincrement is not True)
    orders = ", ".join(f'"{c.name}"' for c in table.primary_key.columns)
    keep = "INSERT OR IGNORE INTO" if table.name in COMMON else "INSERT INTO"
    name = f'"{table.name}"'
    return " ".join((keep, f"main.{name} ({columns}) SELECT", columns, f"FROM half.{name} ORDER BY", orders))


def _cores() -> int:
    with suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _live(half: Half, at: At) -> Lived:
    """Live one half, leave its store where it says, and return the rest."""
    clock = SimulatedClock(half.start)
    doors = {name: Noted(name, clock) for name in ("email", "push")}
    with files.as_plain_test(half.project, HALVES) as plain:
        engine = virtual(plain, half.start, Options(channels=doors, limits=CROWD), clock)
        crowd = Crowd(World(half.seed, half.contacts, half.start), engine, tuple(doors.values()), half.number, HALVES)
        crowd.move_in()
        crowd.live(half.start + timedelta(days=half.days), lambda now: at((now - half.start) / timedelta(days=1)))
    save(engine.engine.store, half.path)
    engine.engine.close()
    return Lived(tuple(crowd.coming), crowd.memory, engine.ticked)


def _together(lived: Sequence[Lived]) -> Lived:
    coming = tuple(sorted((one for some in lived for one in some.coming), key=lambda one: one[:2]))
    memory = Memory({}, {})
    for some in lived:
        memory.topics.update(some.memory.topics)
        memory.heard.update(some.memory.heard)
    return Lived(coming, memory, reduce(add, (some.ticked for some in lived)))


def _beside_each_other(halves: Sequence[Half], at: At) -> list[Lived]:
    """Live each half in its own process; whatever ends this one ends them."""
    context = multiprocessing.get_context("spawn")
    lines: dict[Connection, int] = {}
    workers = []
    try:
        for half in halves:
            here, there = context.Pipe(duplex=False)
            workers.append(context.Process(target=_work, args=(half, there), daemon=True))
            workers[-1].start()
            there.close()
            lines[here] = half.number
        found = _listen(lines, at)
        for worker in workers:
            worker.join()
    finally:
        for worker in workers:
            worker.kill()
    return [found[half.number] for half in halves]


def _listen(lines: dict[Connection, int], at: At) -> dict[int, Lived]:
    """Pass on how far the slower half is, until both are through."""
    days = dict.fromkeys(lines.values(), 0.0)
    found: dict[int, Lived] = {}
    while lines:
        for line in cast("list[Connection]", wait(list(lines))):
            number, said = lines[line], _said(line)
            if isinstance(said, Lived):
                found[number] = said
                del lines[line]
                line.close()
            else:
                days[number] = said
        at(min(days.values()))
    return found


def _said(line: Connection) -> Lived | float:
    """Return what a process says: a day, or what is left of its half."""
    try:
        said: Lived | float | str = line.recv()
    except EOFError:
        said = "a process that played the history was ended from outside"
    if isinstance(said, str):
        raise EngineError(said)
    return said


def _work(half: Half, line: Connection) -> None:
    """What a process does: live, say each day, and hand over what is left; a fault goes home as text."""
    try:
        line.send(_live(half, lambda day: line.send(day) if day == int(day) else None))
    except Exception:
        line.send(traceback.format_exc())
        raise
