"""A population tried on the virtual engine: invented people, what they do by themselves, and what messages do to them.

Rules
- Only the journey that is tried runs. What people do is a hash of seed and person: the same seed, the same people.
- How they react is written down here or in engine/world, and said in every answer: nothing is proved by it.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from engine.app import Options
from engine.core.chance import draw
from engine.engine import Limits
from engine.rehearsal import NAMES, invented, sample, sample_event, unsigned
from engine.simulate import LEAVING, Virtual, hear, virtual
from engine.store import pressing
from engine.store.connect import reading, writing
from engine.store.intake import NewContact, NewEvent, add_contacts, record
from engine.world import Happening, World
from journeys import Goal, Journey, JumpWhen, WaitFor
from journeys.project import Definitions, Project

STEP = timedelta(minutes=30)
LEARN_EVERY = timedelta(days=1)
CROWD = Limits(contacts=5000, messages=5000, decisions=50_000)
Sent = tuple[str, str, str, str, datetime, str, str]  # key, contact, message, channel, instant, journey, state

SHOP_EVENTS = {
    "signed_up": {"source"}, "app_opened": set[str](), "order_placed": {"order_id", "total"},
    "cart_abandoned": {"cart_id", "value", "items_count"},
}  # fmt: skip

KNOWN = frozenset({
    "email", "first_name", "locale", "timezone", "country", "tier", "orders_365d", "discount_share", "taps_push",
    "can_push", "open_ticket",
})  # fmt: skip
"""What a segment may ask of the invented shop's people; TOPICS are those that they subscribe to."""

TOPICS = frozenset({"onboarding", "promo"})

BASE, LIFT, MOST, CLICKS, LEAVES, OTHER = 0.10, 0.02, 3, 0.08, 0.002, 0.25


def days_for(journey: Journey) -> int:
    """Return for how many days a trial runs if nobody says: long enough that goal windows close."""
    return max(30, min(120, 2 * -(-_window(journey) // timedelta(days=1))))


class Crowd(Protocol):
    """People and what they do."""

    @property
    def says(self) -> str: ...
    def arrive(self) -> Sequence[NewContact]:
        """Return everybody."""

    def before(self) -> Sequence[NewEvent]:
        """Return what happened before the start."""

    def happenings(self, since: datetime, until: datetime) -> list[NewEvent]:
        """Return what is heard of in [since, until)."""

    def told(self, sent: Iterable[Sent]) -> None:
        """Say what was handed over."""


@dataclass(frozen=True, slots=True)
class Trial:
    """How many people, for how long, from when, and the seed that decides everything."""

    journey: str
    people: int
    days: int
    start: datetime
    seed: int

    @property
    def end(self) -> datetime:
        return self.start + timedelta(days=self.days)


def crowd_for(project: Project, journey: Journey, trial: Trial) -> Crowd:
    """Return the invented shop where the project's events fit it, else people of simple habits."""
    return ShopCrowd(journey, trial) if fits_shop(project, journey) else PlainCrowd(project, journey, trial)


def fits_shop(project: Project, journey: Journey) -> bool:
    """Return whether the invented shop's people can live this journey and reach its goal."""
    events = project.data.events
    declared = all(set(events.get(name, ())) >= wanted for name, wanted in SHOP_EVENTS.items() if name in events)
    there = {"order_placed", "cart_abandoned"} <= events.keys()
    enters = journey.enter.kind == "segment" or any(name in SHOP_EVENTS for name in journey.enter.events)
    goal = journey.goal is not None and journey.goal.events == ("order_placed",)
    segment = project.data.segments.get(journey.enter.segment or "")
    asks = set(re.findall(r"\bcontact\.(\w+)", segment.source if segment else ""))
    hears = journey.topic in TOPICS and "email" in project.channels
    return declared and there and enters and goal and asks <= KNOWN and hears


def run_trial(
    definitions: Definitions, crowd: Crowd, trial: Trial, seen: Callable[[datetime], None] | None = None
) -> Virtual:
    """Let the people live through the journey; return the engine with everything that happened in its store."""
    alone = replace(unsigned(definitions), journeys={trial.journey: definitions.journeys[trial.journey]})
    world = virtual(alone, trial.start, Options(seed=str(trial.seed), limits=CROWD))
    live(world, crowd, trial, seen)
    return world


def live(world: Virtual, crowd: Crowd, trial: Trial, seen: Callable[[datetime], None] | None = None) -> None:
    """Let the people arrive and live through the days, on any virtual engine; `seen` is told each step."""
    with writing(world.engine.store) as conn:
        add_contacts(conn, crowd.arrive(), trial.start, lambda channel, address: f"{channel}:{address}")
        record(conn, crowd.before(), trial.start, timedelta(0))
    now, learned_at = trial.start, trial.start
    while now < trial.end:
        then = min(now + STEP, trial.end)
        world.clock.jump(then)
        hear(world, crowd.happenings(now, then))
        _act(world, crowd, now)
        if then - learned_at >= LEARN_EVERY:
            world.taught = world.taught + world.engine.learn()
            learned_at = then
        if seen is not None:
            seen(then)
        now = then
    world.taught = world.taught + world.engine.learn()


def _act(world: Virtual, crowd: Crowd, since: datetime) -> None:
    """Step and send if anything is due, and let the people hear what was sent."""
    alarm = world.engine.next_alarm()
    if alarm is None or alarm > world.clock.now():
        return
    before = world.ticked.sends
    world.act(learn=False)
    if world.ticked.sends > before:
        with reading(world.engine.store) as conn:
            crowd.told(pressing.sent_since(conn, since))


class ShopCrowd:
    """The people of the invented shop (engine/world)."""

    def __init__(self, journey: Journey, trial: Trial) -> None:
        self.trial = trial
        self.world = World(trial.seed, trial.people, trial.start)
        self.signs_up = "signed_up" in journey.enter.events
        self.pause = timedelta(days=trial.days) - min(_window(journey), timedelta(days=trial.days) / 2)
        self._coming: list[tuple[datetime, str, Happening]] = []
        self._known: set[str] = set()
        if self.signs_up:
            for person in self.world.people.all:
                self._join(person.id)

    @property
    def says(self) -> str:
        entries = f"all sign up in the first {self.pause.days} days" if self.signs_up else "they come by themselves"
        return f"{self.trial.people:,} invented people of an invented shop; {entries}"

    def _join(self, contact_id: str) -> None:
        at = self.trial.start + self.pause * draw(str(self.trial.seed), "signs up", contact_id)
        self._push(Happening(contact_id, "signed_up", at, {"source": "web"}, f"signed_up:{contact_id}", at))

    def _push(self, h: Happening) -> None:
        heapq.heappush(self._coming, (h.heard_at, h.id, h))

    def arrive(self) -> Sequence[NewContact]:
        return [NewContact(p.id, p.attributes, p.addresses, p.consents, "invented") for p in self.world.people.all]

    def before(self) -> Sequence[NewEvent]:
        return [_new(h) for h in self.world.earlier_orders()]

    def happenings(self, since: datetime, until: datetime) -> list[NewEvent]:
        found = [h for h in self.world.happenings(since, until) if not (self.signs_up and h.name == "signed_up")]
        while self._coming and self._coming[0][0] < until:
            found.append(heapq.heappop(self._coming)[2])
        return [_new(h) for h in found]

    def told(self, sent: Iterable[Sent]) -> None:
        fresh = [s for s in sent if s[0] not in self._known]
        self._known.update(s[0] for s in fresh)
        for h in self.world.reactions(fresh):
            self._push(h)


def _new(h: Happening) -> NewEvent:
    return NewEvent(h.id, h.contact_id, h.name, h.at, h.data, "invented")


def _window(journey: Journey) -> timedelta:
    return journey.goal.within if journey.goal else timedelta(days=7)


@dataclass(slots=True)
class PlainCrowd:
    """People of simple habits, for any journey: they enter, some reach the goal, messages help a little."""

    project: Project
    journey: Journey
    trial: Trial
    _coming: list[tuple[datetime, str, NewEvent]] = field(default_factory=list)
    _heard: dict[str, int] = field(default_factory=dict)
    _entered: dict[str, tuple[datetime, dict[str, Any]]] = field(default_factory=dict)
    _people: list[NewContact] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._people = [self._person(n) for n in range(self.trial.people)]
        for person in self._people:
            self._enter(person)

    @property
    def says(self) -> str:
        goal = self.journey.goal
        name = " or ".join(goal.events) if goal else "no goal"
        others = "".join(f", {other} {OTHER:.0%}" for other in self._others())
        rates = f"{name} {BASE:.0%} without messages, +{100 * LIFT:.0f} points by each of the first {MOST}"
        rates = f"{rates}; clicks {CLICKS:.0%}, unsubscribed {LEAVES:.1%} per message{others}"
        return f"{self.trial.people:,} invented people, rates: {rates}"

    def _draw(self, *where: str) -> float:
        return draw(str(self.trial.seed), *where)

    def _person(self, n: int) -> NewContact:
        name = f"c_{n + 1:04d}"
        varied: dict[str, Any] = {"first_name": NAMES[int(self._draw("name", name) * len(NAMES))]}
        if "email" in self.project.data.attributes:
            varied["email"] = f"{name}@people.test"
        for key, one in self.project.data.attributes.items():
            if one.type.startswith(("enum", "flag")):
                choices = sample(key, one.type, one.choices)
                varied[key] = choices[int(self._draw(key, name) * len(choices))]
        known = {key: value for key, value in varied.items() if key in self.project.data.attributes}
        return invented(self.project, name, known, self._comes(name))

    def _comes(self, name: str) -> datetime:
        """Return when a person enters: early enough that their goal window closes, where there is time for it."""
        span = timedelta(days=self.trial.days)
        return self.trial.start + (span - min(_window(self.journey), span / 2)) * self._draw("enters", name)

    def _enter(self, person: NewContact) -> None:
        at = self._comes(person.id)
        entry = self._starting(person)
        if entry is None:
            return
        name, data = entry
        self._entered[person.id] = at, data
        self._push(NewEvent(f"enters:{person.id}", person.id, name, at, data, "invented"))
        self._lives(person, at, data)

    def _starting(self, person: NewContact) -> tuple[str, dict[str, Any]] | None:
        enter = self.journey.enter
        if enter.kind != "event":
            return f"enter:{self.journey.name}", {}
        seen = {"vars": self.journey.vars, "contact": person.attributes}
        tried = ((name, sample_event(self.project, (name, enter.guard), **seen)) for name in enter.events)
        return next(((name, data) for name, data in tried if data is not None), None)

    def _lives(self, person: NewContact, at: datetime, entry: Mapping[str, Any]) -> None:
        """Let the person do what they do without any message."""
        u = self._draw("goal", person.id)
        if self.journey.goal is not None and u < BASE:
            self._reach(self.journey.goal, person.id, at + _window(self.journey) * (0.05 + 0.9 * u / BASE))
        for other in self._others():
            v = self._draw(other, person.id)
            data = sample_event(self.project, (other, None))
            if v < OTHER and data is not None:
                then = at + _window(self.journey) * (v / OTHER)
                self._push(NewEvent(f"{other}:{person.id}", person.id, other, then, data, "invented"))

    def _others(self) -> list[str]:
        """Return the other events that the journey waits for or jumps on."""
        waits = [s.action for s in self.journey.states.values() if isinstance(s.action, WaitFor)]
        named = [a.event for wait in waits for a in wait.first if a.event]
        jumps: Iterable[JumpWhen] = self.journey.jumps
        named += [name for jump in jumps for name in jump.events]
        goals = self.journey.goal.events if self.journey.goal else ()
        skip = {*goals, *self.journey.enter.events, "clicked", *LEAVING}
        return [name for name in dict.fromkeys(named) if name not in skip and name in self.project.data.events]

    def _reach(self, goal: Goal, contact_id: str, at: datetime) -> None:
        entered = self._entered[contact_id][1]
        data = sample_event(self.project, (goal.events[0], goal.guard), entry=entered, vars=self.journey.vars)
        if data is not None:
            self._push(NewEvent(f"goal:{contact_id}", contact_id, goal.events[0], at, data, "invented"))

    def _push(self, event: NewEvent) -> None:
        heapq.heappush(self._coming, (event.at or self.trial.start, event.id, event))

    def arrive(self) -> Sequence[NewContact]:
        return self._people

    def before(self) -> Sequence[NewEvent]:
        return ()

    def happenings(self, since: datetime, until: datetime) -> list[NewEvent]:
        found = []
        while self._coming and self._coming[0][0] < until:
            found.append(heapq.heappop(self._coming)[2])
        return found

    def told(self, sent: Iterable[Sent]) -> None:
        for key, who, message, _, at, journey, state in sent:
            if key in self._known or who not in self._entered:
                continue
            self._known.add(key)
            data = {"key": key, "message": message, "journey": journey, "state": state}
            self._answers(who, at, data)
            self._helps(who, at)

    def _answers(self, who: str, at: datetime, data: dict[str, Any]) -> None:
        for name, chance in (("clicked", CLICKS), ("unsubscribed", LEAVES)):
            u = self._draw(name, who, data["key"])
            if u < chance:
                then = at + timedelta(minutes=2) + timedelta(hours=20) * (u / chance)
                self._push(NewEvent(f"{name}:{data['key']}", who, name, then, data, "invented"))

    def _helps(self, who: str, at: datetime) -> None:
        """Let a message win those whose number lies in the next LIFT above what they would do anyway."""
        count = self._heard.get(who, 0)
        self._heard[who] = count + 1
        low = BASE + LIFT * count
        if self.journey.goal is not None and count < MOST and low <= self._draw("goal", who) < low + LIFT:
            self._reach(
                self.journey.goal, who, at + timedelta(minutes=40) + timedelta(hours=46) * self._draw("when", who)
            )
