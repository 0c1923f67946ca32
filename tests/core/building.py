"""Builders in our words: a journey from the test's docstring, a contact, a walk at a moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from textwrap import dedent
from zoneinfo import ZoneInfo

from engine.core.look import Look
from engine.core.model import Contact, Enrollment, Event, Moment, Snapshot, Step
from engine.core.walk import after, by_name, walk
from journeys import Journey
from journeys.load import load_journey
from journeys.project import Project

MONDAY = datetime(2025, 6, 2, 10, 0, tzinfo=UTC)
PROJECT = """
project: test
timezone: UTC
store: "sqlite://"
channels: {email: {provider: captured, from: a@b.test}, push: {provider: captured}}
topics: {promo: {title: Promo}, account: {title: Account, transactional: true}}
caps: {all: [100/day]}
quiet_hours: {from: "03:33", to: "03:34"}
webhooks: {crm: {url: "https://crm.test/hook"}}
"""
DATA = """
contact:
  email: text
  tier: enum(basic, gold) = basic
  age: number
  open_ticket: flag = false
  timezone: timezone
  birthday: date
  country: text
events:
  signed_up: {source: text}
  started: {value: number, cart_id: text}
  paid: {total: number}
  poked: {cart_id: text}
  seen: {}
  stopped: {cart_id: text}
segments: {grown: contact.age >= 18}
"""


def lines(text: str) -> str:
    return dedent(text).strip() + "\n"


@dataclass
class Bench:
    """One contact in some journeys; every call walks it at an instant and keeps what came out."""

    journeys: dict[str, Journey]
    snapshot: Snapshot
    moment: Moment
    steps: list[Step] = field(default_factory=list)

    def event(self, name: str, at: datetime, **data: object) -> Event:
        event = Event(f"{name}-{at.isoformat()}-{len(self.snapshot.events)}", name, at, data)
        events = sorted([*self.snapshot.events, event], key=lambda e: (e.at, e.id))
        self.snapshot = replace(self.snapshot, events=tuple(events))
        return event

    def tick(self, now: datetime) -> list[Step]:
        moment = replace(self.moment, now=now)
        taken = list(walk(self.journeys, self.snapshot, moment))
        for step in taken:
            journey = self.journeys[step.enrollment.journey]
            look = Look(journey, step.enrollment, self.snapshot, moment, by_name(self.snapshot.events))
            self.snapshot = after(self.snapshot, step, look)
        seen = tuple(replace(event, fresh=False) for event in self.snapshot.events)
        self.snapshot = replace(self.snapshot, events=seen)
        self.steps += taken
        return taken

    def live(self, until: datetime, start: datetime = MONDAY) -> list[Step]:
        """Tick at every instant at which something is due, as the engine does."""
        for _ in range(200):
            pending = [e.due_at for e in self.snapshot.enrollments if e.due_at and e.status == "active"]
            fresh = [e.at for e in self.snapshot.events if e.fresh]
            due = min([*pending, *fresh], default=None)
            if due is None or due > until:
                break
            hidden = tuple(e for e in self.snapshot.events if e.at > due)
            self.snapshot = replace(self.snapshot, events=tuple(e for e in self.snapshot.events if e.at <= due))
            self.tick(max(due, start))
            self.snapshot = replace(self.snapshot, events=(*self.snapshot.events, *hidden))
        return self.steps

    @property
    def run(self) -> Enrollment:
        return self.steps[-1].enrollment

    def run_of(self, state: str) -> Enrollment:
        """Return a run of the first journey that stands in this state."""
        journey = next(iter(self.journeys.values()))
        return Enrollment("r", "ana", journey.name, journey.version, state, MONDAY, MONDAY, MONDAY, "t")

    @property
    def path(self) -> list[str]:
        return [move.target for step in self.steps for move in step.moves]

    @property
    def whys(self) -> list[str]:
        return [move.why for step in self.steps for move in step.moves]

    @property
    def sent(self) -> list[str]:
        return [send.message for step in self.steps for send in step.sends if not send.shadow]

    @property
    def refused(self) -> list[str]:
        return [refusal.rule for step in self.steps for refusal in step.refusals]


def build_bench(text: str, project: Project, *more: str, **contact: object) -> Bench:
    journeys = {}
    for each in (text, *more):
        body = lines(each)
        if "journey:" not in body:
            body = f"journey: trip\ntopic: promo\nenter: {{event: started}}\n{body}"
        journey, problems = load_journey(body, f"journeys/{body.split()[1]}.yaml", project)
        errors = [p for p in problems if p.severity == "error"]
        assert journey is not None and not errors, errors
        journeys[journey.name] = journey
    facts: Mapping[str, object] = {"tier": "basic", "open_ticket": False, **contact}
    person = Contact(
        "ana",
        {k: v for k, v in facts.items() if k not in ("zone", "consents", "addresses", "suppressed")},
        facts.get("zone"),
        facts.get("addresses", {"email": "ana@a.test", "push": "{}"}),
        facts.get("consents", frozenset({"promo", "general", "account"})),
        facts.get("suppressed", frozenset()),
    )
    moment = Moment(MONDAY, ZoneInfo("UTC"), "seed", segments=project.data.segments)
    return Bench(journeys, Snapshot(person), moment)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def days(count: float) -> timedelta:
    return timedelta(days=count)
