"""A project on disk, a store with people inside, and time that jumps: what is needed to change a live journey."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from channels.captured import CapturedChannel
from engine.app import Options, build, read
from engine.clock import SimulatedClock
from engine.deploying import Deployed, deploy
from engine.engine import Engine, Limits
from engine.planning import JourneyPlan, Plan, Wish, plan
from engine.store.connect import open_store, reading, writing
from engine.store.intake import NewContact, NewEvent, add_contacts, record
from engine.store.sets import write
from engine.store.tables import addresses, alarms, audit, contacts, deliveries, enrollments

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PROJECT = """\
project: lives
timezone: UTC
store: "sqlite://"
secret: a-secret-for-the-lives
channels: {email: {provider: captured, from: a@b.test}}
topics: {promo: {title: Promo}}
caps: {all: [9/day]}
late: {skip_after: 24h}
"""
DATA = """\
contact: {email: text, tier: "enum(basic, gold) = basic"}
events: {started: {value: number}, paid: {total: number}}
segments: {good: contact.tier == "gold"}
"""
TRIP = """\
journey: trip
topic: promo
enter: {event: started}
goal: {event: paid, within: 30d}
states:
  hello: {send: email/hello}
  rest: {after: 2d, send: email/again}
  fork: {after: 1d, split: {left: 60%, right: 40%}}
  left: {after: 1d, send: email/more, then: exit}
  right: {after: 3d, then: exit}
"""
MESSAGES = ("hello", "again", "more")


@dataclass
class Life:
    folder: Path
    url: str
    clock: SimulatedClock = field(default_factory=lambda: SimulatedClock(START))
    _engine: Engine | None = None

    def __post_init__(self) -> None:
        self.store = open_store(self.url, durability="normal")
        for name in MESSAGES:
            path = self.folder / "templates" / "email" / f"{name}.html"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("<!--\nsubject: x\n-->\n<a href='{{ unsubscribe_url }}'>n</a>")
        self.say("sojourn.yaml", PROJECT)
        self.say("data.yaml", DATA)
        self.say("journeys/trip.yaml", TRIP)

    def say(self, file: str, text: str) -> None:
        path = self.folder / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def edit(self, *pairs: tuple[str, str], file: str = "journeys/trip.yaml") -> None:
        """Change the file on disk; every old text must be there."""
        text = (self.folder / file).read_text()
        for old, new in pairs:
            assert old in text, old
            text = text.replace(old, new)
        self.say(file, text)

    @property
    def engine(self) -> Engine:
        """Return a running engine, started at the first call."""
        if self._engine is None:
            options = Options(clock=self.clock, channels={"email": CapturedChannel("email")}, store=self.store)
            self._engine = build(read(self.folder, {}), options)
            self._engine.limits = Limits(contacts=5000, messages=5000)
        return self._engine

    def restarted(self) -> Engine:
        self._engine = None
        return self.engine

    def live(self, span: timedelta = timedelta(0)) -> None:
        """Let time pass, and do all that is due."""
        self.clock.jump(self.clock.now() + span)
        self.engine.drain()
        while self.engine.deliver().claimed:
            pass

    def enter(self, *names: str) -> None:
        """Let people start, one event each."""
        people = [
            NewContact(n, {"email": f"{n}@a.test"}, {"email": f"{n}@a.test"}, frozenset({"promo"})) for n in names
        ]
        with writing(self.store) as conn:
            add_contacts(conn, people, self.clock.now(), lambda _, address: address)
            record(conn, [NewEvent(f"start-{n}", n, "started", None, {"value": 1}) for n in names], self.clock.now())

    def crowd(self, states: dict[str, tuple[int, datetime]]) -> None:
        """Put so many people into each state, to act there at that instant: as if they had come there by themselves."""
        version = self.engine.journeys["trip"].version
        now = self.clock.now()
        who = [(f"{state}{n:05}", state, due) for state, (count, due) in states.items() for n in range(count)]
        if not who:
            return
        with writing(self.store) as conn:
            write(conn, contacts.insert(), [
                {"id": id_, "attributes": {"email": f"{id_}@a.test"}, "consents": "promo", "created_at": now,
                 "updated_at": now} for id_, _, _ in who
            ])  # fmt: skip
            write(conn, addresses.insert(), [
                {"contact_id": id_, "channel": "email", "address": f"{id_}@a.test", "added_at": now} for id_, _, _ in who
            ])  # fmt: skip
            write(conn, enrollments.insert(), [
                {"id": f"run-{id_}", "contact_id": id_, "journey": "trip", "version": version, "state": state,
                 "group": "learner", "status": "active", "phase": "ready", "entered_at": now - HOUR,
                 "state_at": now - HOUR, "due_at": due, "trigger": f"start-{id_}", "cause": "", "steps": 3,
                 "visits": {}, "entry": {}, "values": {}} for id_, state, due in who
            ])  # fmt: skip
            write(conn, alarms.insert(), [{"contact_id": id_, "due_at": due} for id_, _, due in who])

    def plan(self, wish: Wish | None = None) -> Plan:
        with reading(self.store) as conn:
            return plan(conn, read(self.folder, {}), wish or Wish(), self.clock.now())

    def trip(self, wish: Wish | None = None) -> JourneyPlan:
        return next(one for one in self.plan(wish).journeys if one.name == "trip")

    def deploy(self, wish: Wish | None = None) -> Deployed:
        return deploy(self.store, read(self.folder, {}), wish or Wish(), self.clock.now())[1]

    def places(self) -> dict[str, int]:
        """Return how many active runs stand in each state, and under the reason how many have left."""
        e = enrollments.c
        place = sa.case((e.status == "left", sa.literal("left: ") + e.reason), else_=e.state)
        with reading(self.store) as conn:
            return dict(tuple(row) for row in conn.execute(sa.select(place, sa.func.count()).group_by(place)))

    def rows(self) -> list[tuple]:
        """Return every run as it stands."""
        e = enrollments.c
        what = (e.id, e.state, e.status, e.phase, e.due_at, e.held_since, e.drawn, e.left_at, e.reason, e.steps)
        with reading(self.store) as conn:
            return [tuple(row) for row in conn.execute(sa.select(*what).order_by(e.id))]

    def sent(self) -> dict[str, int]:
        """Return how often each message was handed over."""
        d = deliveries.c
        query = sa.select(d.message, sa.func.count()).where(d.status == "sent").group_by(d.message)
        with reading(self.store) as conn:
            return dict(tuple(row) for row in conn.execute(query))

    def audited(self, what: str) -> list[dict]:
        with reading(self.store) as conn:
            return list(
                conn.execute(sa.select(audit.c.detail).where(audit.c.what == what).order_by(audit.c.id)).scalars()
            )
