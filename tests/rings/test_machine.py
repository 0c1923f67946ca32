"""Whatever is done in whatever order, the engine does what a page of Python says that it does; on both databases."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from channels.captured import CapturedChannel
from channels.failpoints import armed
from engine.app import Options, build, digest_of
from engine.clock import SimulatedClock
from engine.deploying import deploy
from engine.drill.checks import Sent, account, name_of
from engine.drill.ground import START, Setting, definitions, lay, people, settle
from engine.erasing import erase, figures
from engine.failpoints import Exit, Strike
from engine.planning import Wish
from engine.store.connect import open_store, reading, writing
from engine.store.intake import ConsentChange, NewEvent, change_consents, record
from engine.store.tables import deliveries, enrollments, metadata

MORE = int(os.environ.get("SOJOURN_EXAMPLES", "1"))
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
WHO = st.integers(0, 3)


@dataclass
class Person:
    """What must be true of one contact, by the page of Python."""

    here: bool = False
    erased: bool = False
    consents: bool = True
    stage: int = 0  # 0: not in, 1: hello is due, 2: again is due, 3: over
    due: datetime | None = None
    messages: list[str] | None = None  # statuses, in order


class Machine(RuleBasedStateMachine):
    url: str
    folder: object

    @initialize()
    def begin(self) -> None:
        self.store = open_store(self.url, durability="normal")
        with writing(self.store) as conn:
            for table in metadata.tables.values():
                conn.execute(table.delete())
        self.clock, self.box, self.wait, self.kills = SimulatedClock(START + HALF), CapturedChannel("email"), 24, 0
        self.people = {n: Person(messages=[]) for n in range(4)}
        self.write()
        self.engine = self.build()

    def write(self) -> None:
        lay(self.folder, self.url, Setting(journeys={"trip": JOURNEY.replace("WAIT", f"{self.wait}h")}, limits=QUIET))

    def build(self):
        options = Options(clock=self.clock, store=self.store, channels={"email": self.box})
        return build(definitions(self.folder), options)

    @rule(n=WHO)
    def enrol(self, n: int) -> None:
        if self.people[n].erased:
            return
        settle(self.store, self.folder, [people(4)[n]], self.clock.now())
        self.people[n].here = True

    @rule(n=WHO)
    def event(self, n: int) -> None:
        person = self.people[n]
        with writing(self.store) as conn:
            record(conn, [NewEvent(f"e{n}", f"p{n}", "started", self.clock.now(), {"value": 1})], self.clock.now())
        if person.here and person.stage == 0:
            person.stage, person.due = 1, self.clock.now()

    @precondition(lambda self: any(person.here for person in self.people.values()))
    @rule(n=WHO, granted=st.booleans())
    def consent(self, n: int, granted: bool) -> None:
        if self.people[n].here:
            change = ConsentChange(f"p{n}", "promo", "", granted=granted, source="machine")
            with writing(self.store) as conn:
                change_consents(conn, [change], self.clock.now())
            self.people[n].consents = granted

    @rule(hours=st.sampled_from((0, 7, 25)))
    def time(self, hours: int) -> None:
        self.clock.jump(self.clock.now() + timedelta(hours=hours))

    @rule(wait=st.sampled_from((24, 48)))
    def edit(self, wait: int) -> None:
        self.wait = wait
        self.write()
        deploy(self.store, definitions(self.folder), Wish(), self.clock.now())

    @precondition(lambda self: self.clock.now() > START + timedelta(days=2))
    @rule(n=WHO)
    def erase(self, n: int) -> None:
        digest, files = digest_of(self.engine.project), definitions(self.folder)
        erase(self.store, [f"p{n}"], figures(files.project, files.journeys.values()), (digest, self.clock.now))
        if self.people[n].here:
            self.people[n] = Person(erased=True, messages=[])

    @rule()
    def tick(self) -> None:
        self.engine.drain()
        self.ticked()

    @rule()
    def deliver(self) -> None:
        self.engine.deliver()
        self.delivered()

    @rule(n=st.integers(0, 1))
    def killed_in_a_tick(self, n: int) -> None:
        with self.killed(n) as strike:
            self.engine.tick()
        if strike.struck is None or strike.struck.applied:
            self.ticked()

    @rule(n=st.integers(0, 7))
    def killed_in_a_delivery(self, n: int) -> None:
        with self.killed(n) as strike:
            self.engine.deliver()
        if strike.struck is None:
            self.delivered()
            return
        self.clock.jump(self.clock.now() + LEASE)
        self.engine.deliver()  # takes back what is over, and goes on
        for number, person in self.people.items():
            person.messages = [self.settled(*pair) for pair in zip(person.messages, self.statuses(number), strict=True)]
        self.delivered()

    @contextmanager
    def killed(self, n: int):
        strike = Strike(n, "exit")
        try:
            with armed(strike):
                yield strike
        except Exit:
            self.kills += 1
        self.engine = self.build()

    def ticked(self) -> None:
        now = self.clock.now()
        for person in self.people.values():
            while person.due is not None and person.due <= now:
                late = now - person.due > timedelta(hours=24)
                if person.consents and not late:
                    person.messages.append("queued")
                person.stage += 1
                person.due = now + timedelta(hours=self.wait) if person.stage == 2 else None

    def delivered(self) -> None:
        for person in self.people.values():
            ends = "sent" if person.consents else "suppressed"
            person.messages = [ends if one == "queued" else one for one in person.messages]

    @staticmethod
    def settled(before: str, after: str) -> str:
        """A message that was on its way when a process ended is there, or in doubt; nothing else has changed."""
        assert after == before or (before == "queued" and after in ("sent", "unknown", "suppressed")), (before, after)
        return after

    def statuses(self, n: int) -> list[str]:
        d = deliveries.c
        query = sa.select(d.status).where(d.contact_id == f"p{n}").order_by(d.queued_at, d.key)
        with reading(self.store) as conn:
            return list(conn.execute(query).scalars())

    @invariant()
    def the_engine_did_what_the_page_says(self) -> None:
        if not hasattr(self, "engine"):
            return
        e = enrollments.c
        with reading(self.store) as conn:
            runs = dict(tuple(row) for row in conn.execute(sa.select(e.contact_id, e.status)))
        for n, person in self.people.items():
            assert self.statuses(n) == person.messages, n
            stands = {0: None, 1: None, 2: "active", 3: "left"}[person.stage]
            assert runs.get(f"p{n}") == stands, n

    @invariant()
    def nothing_is_lost_or_twice(self) -> None:
        if hasattr(self, "engine"):
            arrived = dict.fromkeys((name_of(one.key, "email") for one in self.box.envelopes), 1)
            assert len(arrived) == len(self.box.envelopes)
            found = account(self.store, Sent(arrived))
            assert found.clean, found
            assert found.unknown <= 4 * self.kills

    def teardown(self) -> None:
        if hasattr(self, "engine"):
            self.engine.post.close()
            self.store.dispose()


def test_whatever_is_done_the_engine_agrees_with_a_page_of_python(database, tmp_path) -> None:
    made = type("Made", (Machine,), {"url": database, "folder": tmp_path})
    few = settings(max_examples=6 * MORE, stateful_step_count=20, deadline=None,
                   suppress_health_check=list(HealthCheck))  # fmt: skip
    run_state_machine_as_test(made, settings=few)
