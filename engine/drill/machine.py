"""Drill 9: whatever is done in whatever order, the engine does what a page of Python says that it does.

`Machine` has an engine over a store and, beside it, that page: what must be true of four people on a journey of two
messages. Whoever drives it (a seed here, a generator in the tests) calls its acts in any order, and asks `wrong` after
each.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from channels.captured import CapturedChannel
from channels.failpoints import armed
from engine.app import Options, build, digest_of, usable
from engine.clock import SimulatedClock
from engine.deploying import deploy
from engine.drill.checks import Sent, account, name_of
from engine.drill.drill import Ask, Found, Skipped
from engine.drill.ground import START, Setting, definitions, lay, make_store, people, settle
from engine.engine import Engine
from engine.erasing import erase, figures
from engine.failpoints import Exit, Strike
from engine.planning import Wish
from engine.store.connect import reading, writing
from engine.store.intake import ConsentChange, NewEvent, change_consents, record
from engine.store.tables import deliveries, enrollments, metadata

JOURNEY = """\
journey: trip
topic: promo
enter: {event: started}
states:
  one: {send: email/hello}
  two: {after: WAIT, send: email/again}
"""
QUIET = 'quiet_hours: {from: "03:00", to: "03:01"}'
LEASE = timedelta(minutes=16)
HALF = timedelta(minutes=30)  # nothing here ever falls into the one quiet minute
LATE = timedelta(hours=24)  # a message that is later than this is skipped; the first is due when its event is looked at
PEOPLE = 4
STEPS = 50
BATCHED = 4  # messages that one end of a process can leave in doubt: there are no more


@dataclass(slots=True)
class Person:
    """What must be true of one contact."""

    here: bool = False
    erased: bool = False
    consents: bool = True
    stage: int = 0  # 0: not in, 1: hello is due, 2: again is due, 3: over
    due: datetime | None = None
    messages: list[str] = field(default_factory=list)  # statuses, in order


class Machine:
    """An engine with its page; the store is emptied first."""

    def __init__(self, folder: Path, store: sa.Engine) -> None:
        self.folder, self.store = folder, store
        with writing(store) as conn:
            for table in reversed(metadata.sorted_tables):
                conn.execute(table.delete())
        self.clock, self.box = SimulatedClock(START + HALF), CapturedChannel("email")
        self.wait, self.kills, self.odd = 24, 0, list[str]()
        self.people = {n: Person() for n in range(PEOPLE)}
        self._write()
        self.engine = self._build()

    def close(self) -> None:
        """Let go of the channels."""
        self.engine.post.close()

    def enrol(self, n: int) -> None:
        """Tell who person n is; whoever was erased is not told of again."""
        if not self.people[n].erased:
            settle(self.store, self.folder, [people(PEOPLE)[n]], self.clock.now())
            self.people[n].here = True

    def event(self, n: int) -> None:
        """Tell that person n has started; only the first time counts."""
        person, now = self.people[n], self.clock.now()
        with writing(self.store) as conn:
            record(conn, [NewEvent(f"e{n}", f"p{n}", "started", now, {"value": 1})], now)
        if person.here and person.stage == 0:
            person.stage, person.due = 1, now

    def consent(self, n: int, *, granted: bool) -> None:
        """Person n says yes or no."""
        if self.people[n].here:
            change = ConsentChange(f"p{n}", "promo", "", granted=granted, source="machine")
            with writing(self.store) as conn:
                change_consents(conn, [change], self.clock.now())
            self.people[n].consents = granted

    def time(self, hours: int) -> None:
        """Let hours go by."""
        self.clock.jump(self.clock.now() + timedelta(hours=hours))

    def edit(self, hours: int) -> None:
        """Deploy the journey with another wait."""
        self.wait = hours
        self._write()
        deploy(self.store, definitions(self.folder), Wish(), self.clock.now())

    def erase(self, n: int) -> None:
        """Person n wants to be forgotten."""
        files = definitions(self.folder)
        kept = figures(usable(files), files.journeys.values())
        erase(self.store, [f"p{n}"], kept, (digest_of(usable(files)), self.clock.now))
        if self.people[n].here:
            self.people[n] = Person(erased=True)

    def tick(self) -> None:
        """Step everybody who is due."""
        self.engine.drain()
        self._ticked()

    def deliver(self) -> None:
        """Send what is due."""
        self.engine.deliver()
        self._delivered()

    def killed_in_a_tick(self, n: int) -> None:
        """End the process at the n-th point of a tick: all of it has happened, or nothing."""
        before = deepcopy(self.people)
        with self._killed(n) as strike:
            self.engine.tick()
        self._ticked()
        if strike.struck is not None and any(self._apart()):
            self.people = before

    def killed_in_a_delivery(self, n: int) -> None:
        """End the process at the n-th point of a delivery; the next one takes back what is over, and goes on."""
        with self._killed(n) as strike:
            self.engine.deliver()
        if strike.struck is not None:
            self.clock.jump(self.clock.now() + LEASE)
            self.engine.deliver()
            for number, person in self.people.items():
                pairs = zip(person.messages, self.statuses(number), strict=True)
                person.messages = [self._settled(*pair) for pair in pairs]
        self._delivered()

    def statuses(self, n: int) -> list[str]:
        """Return how the messages of person n stand."""
        d = deliveries.c
        query = sa.select(d.status).where(d.contact_id == f"p{n}").order_by(d.queued_at, d.key)
        with reading(self.store) as conn:
            return list(conn.execute(query).scalars())

    def wrong(self) -> Iterator[str]:
        """Yield where the engine and the page do not agree, and what is lost or there twice."""
        yield from self.odd
        yield from self._apart()
        arrived = dict.fromkeys((name_of(one.key, "email") for one in self.box.envelopes), 1)
        found = account(self.store, Sent(arrived))
        if len(arrived) != len(self.box.envelopes) or not found.clean or found.unknown > BATCHED * self.kills:
            yield f"{len(self.box.envelopes)} sent, {found}"

    def _apart(self) -> Iterator[str]:
        """Yield whose messages and run are not what the page says."""
        e = enrollments.c
        with reading(self.store) as conn:
            runs = {row.contact_id: row.status for row in conn.execute(sa.select(e.contact_id, e.status))}
        for n, person in self.people.items():
            if (found := self.statuses(n)) != person.messages:
                yield f"p{n}: messages are {found}, the page says {person.messages}"
            stands = {0: None, 1: None, 2: "active", 3: "left"}[person.stage]
            if runs.get(f"p{n}") != stands:
                yield f"p{n}: the run is {runs.get(f'p{n}')}, the page says {stands}"

    def _write(self) -> None:
        journey = JOURNEY.replace("WAIT", f"{self.wait}h")
        url = self.store.url.render_as_string(hide_password=False)
        lay(self.folder, url, Setting(journeys={"trip": journey}, limits=QUIET))

    def _build(self) -> Engine:
        return build(
            definitions(self.folder), Options(clock=self.clock, store=self.store, channels={"email": self.box})
        )

    @contextmanager
    def _killed(self, n: int) -> Iterator[Strike]:
        strike = Strike(n, "exit")
        try:
            with armed(strike):
                yield strike
        except Exit:
            self.kills += 1
        self.engine = self._build()

    def _ticked(self) -> None:
        now = self.clock.now()
        for person in self.people.values():
            while person.due is not None and person.due <= now:
                if person.consents and (person.stage == 1 or now - person.due <= LATE):
                    person.messages.append("queued")
                person.stage += 1
                person.due = now + timedelta(hours=self.wait) if person.stage == 2 else None

    def _delivered(self) -> None:
        for person in self.people.values():
            ends = "sent" if person.consents else "suppressed"
            person.messages = [ends if one == "queued" else one for one in person.messages]

    def _settled(self, before: str, after: str) -> str:
        """A message that was on its way when a process ended is there, or in doubt; nothing else has changed."""
        if after != before and not (before == "queued" and after in ("sent", "unknown", "suppressed")):
            self.odd.append(f"a message was {before} and is {after}")
        return after


Act = Callable[[Machine, random.Random], object]
WHO = range(PEOPLE)
ACTS: Mapping[str, Act] = {
    "enrol": lambda m, c: m.enrol(c.choice(WHO)),
    "event": lambda m, c: m.event(c.choice(WHO)),
    "consent": lambda m, c: m.consent(c.choice(WHO), granted=c.random() < 0.7),
    "time": lambda m, c: m.time(c.choice((0, 7, 25))),
    "edit": lambda m, c: m.edit(c.choice((24, 48))),
    "erase": lambda m, c: m.erase(c.choice(WHO)),
    "tick": lambda m, _: m.tick(),
    "deliver": lambda m, _: m.deliver(),
    "killed in a tick": lambda m, c: m.killed_in_a_tick(c.randrange(2)),
    "killed in a delivery": lambda m, c: m.killed_in_a_delivery(c.randrange(8)),
}
OFTEN = {"enrol": 4, "event": 4, "consent": 1, "time": 3, "edit": 1, "erase": 0.4, "tick": 4, "deliver": 3}
WEIGHTS = [OFTEN.get(name, 1.0) for name in ACTS]


def agrees(ask: Ask) -> Found:
    """Drill 9: histories by a seed, on SQLite and, fewer, on PostgreSQL."""
    count, wrong, kills = ask.some(40, 3), list[str](), 0
    urls = {f"sqlite:///{ask.folder / 'machine.db'}": count}
    with contextlib.suppress(Skipped):
        urls |= {ask.postgres(): max(1, count // 4)} if ask.postgres else {}
    for url, times in urls.items():
        store = make_store(url, "normal")
        for n in range(times):
            machine = Machine(ask.folder / "files", store)
            wrong += _history(machine, f"{ask.seed}:{n}")
            kills += machine.kills
            machine.close()
            ask.tell(f"{n + 1} of {times} histories on {store.dialect.name}")
        store.dispose()
    names = " and ".join(f"{times} on {url.partition(':')[0].partition('+')[0]}" for url, times in urls.items())
    return Found(f"{names}, {STEPS} acts each, {kills} ends", wrong=tuple(wrong[:5]), figures={"kills": kills})


def _history(machine: Machine, seed: str) -> list[str]:
    """Do one act after the other until the page is contradicted; return what was done and where."""
    chance, done = random.Random(seed), list[str]()  # noqa: S311 - a seed is what makes a failure happen again
    for name in chance.choices(list(ACTS), WEIGHTS, k=STEPS):
        ACTS[name](machine, chance)
        done.append(name)
        if wrong := list(machine.wrong()):
            return [f"history {seed} on {machine.store.dialect.name}, {', '.join(done[-8:])}: {wrong[0]}"]
    return []
