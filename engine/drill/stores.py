"""Drills 7, 20 and 21: two engines on one store, a store that somebody else locks, a store that is damaged."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from channels.captured import CapturedChannel
from engine.app import Options, build
from engine.drill.checks import Account, Sent, account, name_of
from engine.drill.course import Course
from engine.drill.drill import Ask, Found, Skipped, judged
from engine.drill.ground import START, TWO, Setting, definitions, start
from engine.engine import Engine, Limits
from engine.errors import EngineError, StoreError
from engine.presence import Mark
from engine.store.connect import open_store, reading
from engine.store.tables import deliveries, enrollments, moves

QUIET = 'quiet_hours: {from: "03:00", to: "03:01"}'


def two_engines(ask: Ask) -> Found:
    """Drill 7: two engines started by mistake on one store: every step once, and the second one is told."""
    count = ask.some(400, 40)
    urls = [f"sqlite:///{ask.folder / 'two.db'}"]
    with contextlib.suppress(Skipped):
        urls += [ask.postgres()] if ask.postgres else []
    founds, wrong = [], list[str]()
    for n, url in enumerate(urls):
        course = Course(ask.folder / str(n), Setting(journeys={"trip": TWO}, limits=QUIET), url)
        course.settle(count)
        start(course.store, count, START)
        boxes = [CapturedChannel("email"), CapturedChannel("email")]
        _at_once([_working(course, box) for box in boxes])
        founds.append(_taken(course, boxes))
        wrong += _twice(course, founds[-1], count)
        course.store.dispose()
    wrong += _untold(ask.folder / "two.db")
    total = {
        name: sum(getattr(one, name) for one in founds) for name in ("lost", "duplicated", "unexpected", "unknown")
    }
    wrong += [one for found in founds for one in judged(found, "").wrong]
    return Found(f"N={count}, 2 engines, {' and '.join(url.partition(':')[0] for url in urls)}", **total,
                 wrong=tuple(wrong))  # fmt: skip


def _taken(course: Course, boxes: list[CapturedChannel]) -> Account:
    arrived = Counter(name_of(one.key, "email") for box in boxes for one in box.envelopes)
    return account(course.store, Sent(arrived))


def _working(course: Course, box: CapturedChannel) -> Callable[[], None]:
    engine = course.engine({"email": box}, limits=Limits(contacts=20, messages=20))

    def work() -> None:
        idle = 0
        while idle < 3:
            done = engine.tick().due + engine.deliver().claimed
            idle = 0 if done else idle + 1

    return work


def _at_once(jobs: list[Callable[[], None]]) -> None:
    troubles: list[BaseException] = []

    def guarded(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as bug:  # noqa: BLE001 - told below
            troubles.append(bug)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if troubles:
        raise troubles[0]


def _twice(course: Course, found: Account, count: int) -> Iterator[str]:
    with reading(course.store) as conn:
        runs = conn.execute(sa.select(sa.func.count()).select_from(enrollments)).scalar_one()
        stepped = conn.execute(sa.select(sa.func.count()).select_from(moves)).scalar_one()
    if (runs, found.intents, stepped) != (count, 2 * count, 3 * count):
        yield f"{runs} runs, {found.intents} messages, {stepped} moves of {count}, {2 * count}, {3 * count}"


def _untold(store: Path) -> list[str]:
    first, second = Mark(store), Mark(store)
    told = bool(second.other)
    second.remove()
    first.remove()
    return [] if told else ["the second engine was not told of the first"]


def locked(ask: Ask) -> Found:
    """Drill 20: somebody else holds the write lock: one clear line, nothing twice, and then it goes on."""
    count, seconds = ask.some(200, 20), min(5.0, 1.5 * ask.scale + 0.3)
    path = ask.folder / "locked.db"
    course = Course(ask.folder, Setting(limits=QUIET), f"sqlite:///{path}")
    course.settle(count)
    start(course.store, count, START)
    course.store.dispose()
    store = open_store(course.url, "normal", timedelta(seconds=0.1))
    box = CapturedChannel("email")
    files = definitions(course.folder)
    engine = build(files, Options(clock=course.clock, store=store, channels={"email": box}, limits=Limits(20, 20)))
    said, wrong = _while_locked(path, engine, seconds), list[str]()
    if not said or any("locked by another process" not in one for one in said):
        wrong.append(f"what was said: {said}")
    course.store = store
    for _ in range(count):
        if not engine.drain().due and not engine.deliver().claimed:
            break
    found = _taken(course, [box])
    if found.intents != 2 * count:
        wrong.append(f"{found.intents} messages of {2 * count}")
    store.dispose()
    return judged(found, f"N={count}, locked for {seconds:.1f} s", wrong=wrong, figures={"refused": len(said)})


def _while_locked(path: Path, engine: Engine, seconds: float) -> list[str]:
    """Work while another process's transaction is open; return what the operator would have read."""
    said: list[str] = []
    engine.tick()
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for job in (engine.tick, engine.deliver):
                try:
                    job()
                except StoreError as error:
                    said.append(str(error))
        other.execute("ROLLBACK")
    other.close()
    return said


def damaged(ask: Ask) -> Found:
    """Drill 21: the file of the store is cut off, overwritten, replaced or gone: refused by name, never made anew."""
    count = ask.some(200, 50)
    wrong: list[str] = []
    said: dict[str, str] = {}
    for name, harm in HARMS.items():
        folder = ask.folder / name.replace(" ", "-")
        path = folder / "harmed.db"
        folder.mkdir()
        course = Course(folder, Setting(limits=QUIET), f"sqlite:///{path}")
        course.settle(count)
        start(course.store, count, START)
        engine = course.engine({"email": CapturedChannel("email")})
        engine.drain()
        with reading(course.store) as conn:
            before = conn.execute(sa.select(sa.func.count()).select_from(deliveries)).scalar_one()
        course.store.dispose()
        _quiet(path)
        harm(path)
        said[name], sent = _started(folder, path)
        wrong += _unsaid(name, said[name], path, sent if before else 0)
    return Found(f"{len(HARMS)} kinds of damage", wrong=tuple(wrong), figures=said)


def _quiet(path: Path) -> None:
    """Bring everything into the one file."""
    with contextlib.closing(sqlite3.connect(path)) as conn:
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def _started(folder: Path, path: Path) -> tuple[str, int]:
    """Start an engine on what is left; return what it says, and how many messages it sent all the same."""
    box = CapturedChannel("email")
    try:
        engine = build(definitions(folder), Options(channels={"email": box}, url=f"sqlite:///{path}"))
        engine.drain()
        engine.deliver()
        engine.close()
    except EngineError as error:
        return str(error), box.count
    return "", box.count


def _unsaid(name: str, said: str, path: Path, sent: int) -> Iterator[str]:
    if not said:
        yield f"{name}: nothing was said"
    elif path.name not in said and name not in ("gone", "empty"):
        yield f"{name}: the file is not named: {said}"
    if sent:
        yield f"{name}: {sent} messages were sent from a damaged store"
    if name == "gone" and path.exists() and path.stat().st_size:
        yield f"{name}: an empty store was made"


def _cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def _zero(path: Path) -> None:
    """Zero the pages in the middle."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(bytes(size - 8192))


HARMS: dict[str, Callable[[Path], object]] = {
    "cut off": _cut,
    "zeroed": _zero,
    "garbage": lambda path: path.write_bytes(b"this is no store, it is a text\n" * 500),
    "empty": lambda path: path.write_bytes(b""),
    "gone": lambda path: path.unlink(),
}
