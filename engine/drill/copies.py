"""Drill 39: a copy of the store made while it is served, put back later: what has gone out does not go out again.

Rules
- What the copy cannot know is told again, as `sojourn db restored` says: events, whose ids count once.
- A copy made at any moment is whole; a store that is older than what left this machine sends nothing by itself.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from channels.captured import CapturedChannel
from engine.app import RESTORED, watch_over
from engine.copies import copy_of, put_back
from engine.drill.checks import Account, Sent, account, name_of
from engine.drill.course import Course
from engine.drill.drill import Ask, Found, judged
from engine.drill.ground import MAIL, START, Setting, make_store
from engine.engine import Engine, Limits
from engine.sent_log import SentLog
from engine.store import restoring
from engine.store.connect import writing
from engine.store.intake import NewEvent, record
from engine.store.restoring import Gap

JOURNEY = """\
journey: trip
topic: promo
enter: {event: started}
states:
  one: {send: email/hello}
  two: {after: 1h, send: email/more}
"""
END = timedelta(hours=3)
SETTING = Setting(
    journeys={"trip": JOURNEY},
    messages={"email/hello.html": MAIL, "email/more.html": MAIL},
    limits='quiet_hours: {from: "03:00", to: "03:01"}',
)


@dataclass(slots=True)
class Machine:
    """A machine with a store on its disk, and the world that it writes to."""

    course: Course
    path: Path
    box: CapturedChannel = field(default_factory=lambda: CapturedChannel("email"))

    def engine(self) -> Engine:
        """Start a process that notes what leaves."""
        made = self.course.engine({"email": self.box}, limits=Limits(contacts=20, messages=20))
        watch_over(made.post, self.course.store, self.course.folder)
        return made

    def tell(self, first: int, last: int, at: datetime) -> None:
        """Say that these people have started: the same words whenever it is said."""
        with writing(self.course.store) as conn:
            record(conn, [NewEvent(f"e{n}", f"p{n}", "started", at, {"value": 5}) for n in range(first, last)], at)

    def work(self, engine: Engine, rounds: int) -> None:
        """Do some of what is due."""
        for _ in range(rounds):
            engine.tick()
            engine.deliver()

    def account(self) -> Account:
        """Hold the ledger against the world."""
        arrived = Counter(name_of(one.key, "email") for one in self.box.envelopes)
        return account(self.course.store, Sent(arrived))


def restored(ask: Ask) -> Found:
    """Drill 39: copies at random moments of a run, each put back when all is over."""
    count, times = ask.some(200, 30), ask.some(6, 2)
    founds, wrong, gaps = list[Account](), list[str](), list[int]()
    for n in range(times):
        chance = random.Random(f"{ask.seed}:{n}")  # noqa: S311 - a seed is what makes a failure happen again
        found, gap, said = _round(ask.folder / str(n), count, chance)
        founds.append(found)
        gaps.append(gap.sent)
        wrong += [f"copy {n + 1}: {one}" for one in (*said, *judged(found, "").wrong)]
        ask.tell(f"copy {n + 1} of {times}")
    total = {
        name: sum(getattr(one, name) for one in founds) for name in ("lost", "duplicated", "unexpected", "unknown")
    }
    scale = f"N={count}, {times} copies while sending, {sum(gaps):,} messages went out after them, SQLite"
    figures = {"sent_after_the_copy": gaps, "accepted": sum(one.accepted for one in founds)}
    return Found(scale, **total, wrong=tuple(wrong), figures=figures)


def _round(folder: Path, count: int, chance: random.Random) -> tuple[Account, Gap, list[str]]:
    """Send, copy meanwhile, send the rest, put the copy back, and live on."""
    path = folder / "copied.db"
    here = Machine(Course(folder, SETTING, f"sqlite:///{path}"), path)
    here.course.settle(count)
    copy = _copied(here, count, chance)
    here.course.store.dispose()
    put_back(here.course.url, copy, here.course.clock.now())
    here.course.store = make_store(here.course.url, "normal")
    wrong = list(_sends(here, "a store that was put back"))
    gap = _said(here)
    here.tell(0, count, START)
    engine = here.engine()
    here.course.live(engine, here.course.clock.now() + END)
    engine.close()
    found = here.account()
    here.course.store.dispose()
    if found.intents != 2 * count or found.accepted != 2 * count:
        wrong.append(f"{found.intents} messages, {found.accepted} went out, of {2 * count}")
    return found, gap, wrong


def _copied(here: Machine, count: int, chance: random.Random) -> Path:
    """Do all that there is to do; a copy is made at a moment of it, while a process sends."""
    clock, early = here.course.clock, chance.randrange(count // 2, count)
    engine = here.engine()
    here.tell(0, early, START)
    if chance.random() < 0.5:  # the second message, too, may be on its way
        here.course.live(engine, START)
        clock.jump(START + timedelta(hours=1))
    here.work(engine, chance.randrange(1, 6))
    sending = threading.Thread(target=here.work, args=(engine, 6))
    sending.start()
    copy = copy_of(here.course.url, here.path.with_name("copy.db"), clock.now())
    sending.join()
    here.tell(early, count, START)
    here.course.live(engine, clock.now() + (END if chance.random() < 0.5 else timedelta(0)))
    engine.close()
    return copy


def _sends(here: Machine, what: str) -> Iterator[str]:
    """Say whether anything leaves a store that does not know what has left."""
    before, engine = here.box.count, here.engine()
    engine.drain()
    said = engine.deliver().troubles
    engine.close()
    if here.box.count != before:
        yield f"{here.box.count - before} messages left {what}"
    if said != (RESTORED,):
        yield f"{what} says {said}"


def _said(here: Machine) -> Gap:
    """Do what `sojourn db restored` does."""
    with writing(here.course.store) as conn:
        log = SentLog(here.course.folder, restoring.ledger(conn))
        return restoring.remember(conn, log.since(restoring.unsure_since(conn)), here.course.clock.now())
