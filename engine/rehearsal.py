"""One contact tried on the virtual engine: invented where nothing is known, and what a script says happens to them.

Rules
- All journeys run, as they would; nothing is sent, and the store a person comes from is only read.
- What is invented (a person, the event that starts the journey) is made from data.yaml, and told as invented.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from engine.app import Options, usable
from engine.core.chance import draw
from engine.core.entry import group_of
from engine.errors import ConfigError
from engine.simulate import Virtual, run_events, virtual
from engine.store import learning
from engine.store.connect import reading, writing
from engine.store.copying import attributes_of, copy_contact, copy_policies
from engine.store.history import Entry, timeline
from engine.store.intake import NewContact, NewEvent, add_contacts, trigger
from journeys import Choose, Expression, Journey, Scope, State
from journeys.project import Attribute, Definitions, Project

NUMBERS: Mapping[str, tuple[float, ...]] = {
    "value": (64.9, 250, 5), "total": (64.9, 250, 5), "amount": (64.9, 250, 5), "price": (64.9, 250, 5),
    "count": (2, 1, 10), "score": (9, 3), "days": (30, 7),
}  # fmt: skip
FALLBACK = (1.0, 0.0, 10.0, 100.0, 1000.0)
TRIES = 2000
SOON = timedelta(days=14)
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
NOWHERE = "for-links-that-lead-nowhere"
NAMES = ("Lena", "Tom", "Ana", "Jules", "Mia", "Ruby", "Noah", "Zoe")


@dataclass(frozen=True, slots=True)
class Script:
    """Who, from when to when, what happens, and which arms are forced ("state" -> arm) on this journey."""

    journey: str
    contact_id: str
    start: datetime
    until: datetime
    events: Sequence[NewEvent] = ()
    seed: str | None = None
    forced: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)  # set before the start
    by_hand: bool = False  # entered by the script itself: no event starts this journey


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What happened: rows as a store keeps them."""

    entries: list[Entry]
    attributes: Mapping[str, Any]
    rendered: Mapping[str, bytes]  # what the channels were given, by send key


def rehearse(definitions: Definitions, script: Script, source: sa.Connection | None = None) -> Rehearsed:
    """Play the script; the person comes from `source` when there is one, else they are invented."""
    world = _world(definitions, script, source)
    try:
        _arrive(world, script, source)
        run_events(world, script.events, script.until)
        with reading(world.engine.store) as conn:
            found = timeline(conn, script.contact_id, since=script.start)
            attributes = attributes_of(conn, script.contact_id)
        sent = {e.key: e.body for channel in world.captured.values() for e in channel.envelopes}
        return Rehearsed(found, attributes, sent)
    finally:
        world.engine.close()


def _world(definitions: Definitions, script: Script, source: sa.Connection | None) -> Virtual:
    known = unsigned(past_warmup(definitions, source) if source is not None else definitions)
    world = virtual(known, script.start, Options(seed=script.seed))
    world.engine.forced = {f"{script.journey}.{state}": arm for state, arm in script.forced.items()}
    return world


def unsigned(definitions: Definitions) -> Definitions:
    """Return the project with a secret that signs nothing real: what is never sent needs none of its own."""
    return replace(definitions, project=replace(usable(definitions), secret=NOWHERE))


def past_warmup(definitions: Definitions, source: sa.Connection) -> Definitions:
    """Let decisions that are past their warm-up in the real store be past it here, where nobody has decided yet."""
    points = {f"{j.name}.{s}": c.explore.warmup for j in definitions.journeys.values() for s, c in j.choices}
    counts = learning.counts(source, points)
    past = {point for point, warmup in points.items() if counts.get(point, 0) >= warmup}

    def warm(name: str, state: State) -> State:
        action = state.action
        if not isinstance(action, Choose) or f"{name}.{state.name}" not in past:
            return state
        return replace(state, action=replace(action, explore=replace(action.explore, warmup=0)))

    journeys = {
        name: replace(journey, states={key: warm(name, state) for key, state in journey.states.items()})
        for name, journey in definitions.journeys.items()
    }
    return replace(definitions, journeys=journeys)


def _arrive(world: Virtual, script: Script, source: sa.Connection | None) -> None:
    project = world.engine.project
    with writing(world.engine.store) as conn:
        if source is not None:
            copy_contact(source, conn, script.contact_id, script.start)
            copy_policies(source, conn)
            if script.attributes:
                changed = NewContact(script.contact_id, script.attributes)
                add_contacts(conn, [changed], script.start, lambda channel, address: f"{channel}:{address}")
        else:
            person = invented(project, script.contact_id, script.attributes, script.start)
            add_contacts(conn, [person], script.start, lambda channel, address: f"{channel}:{address}")
        if script.by_hand:
            trigger(conn, script.journey, [script.contact_id], script.start, "simulated")


def invented(project: Project, contact_id: str, attributes: Mapping[str, Any], at: datetime = NOON) -> NewContact:
    """Return a person with the defaults of data.yaml, every consent, and an address on every channel.

    Dates that have no default (a birthday, the end of a trial) lie SOON after `at`, so that they come up.
    """
    values = {name: value_for(name, one, at) for name, one in project.data.attributes.items()}
    values = {name: value for name, value in values.items() if value is not None} | dict(attributes)
    addresses = {
        channel: values["email"] if channel == "email" and values.get("email") else _address(channel, contact_id)
        for channel in project.channels
    }
    return NewContact(contact_id, values, addresses, frozenset(project.topics), "simulated")


def _address(channel: str, contact_id: str) -> str:
    if channel == "email":
        return f"{contact_id}@people.test"
    keys = '{"p256dh": "invented", "auth": "invented"}'
    return f'{{"endpoint": "https://push.test/{contact_id}", "keys": {keys}}}' if channel == "push" else contact_id


def value_for(name: str, attribute: Attribute, at: datetime) -> Any:
    """Return the default of an attribute, or something that reads well where one is needed."""
    if attribute.default is not None:
        return attribute.default
    if name in ("first_name", "name"):
        return NAMES[0]
    if name == "email" or name.endswith("_email"):
        return "lena@people.test"
    if attribute.type == "date":
        return (at + SOON).date().isoformat()
    return sample(name, attribute.type, attribute.choices)[0] if attribute.required else None


def sample(name: str, type_name: str, choices: Sequence[str] = ()) -> Sequence[Any]:
    """Return values that a property of this name and type could have, the likeliest first."""
    kind, _, inside = type_name.partition("(")
    named = [word.strip() for word in inside.rstrip(")").split(",") if word.strip()] or list(choices)
    if kind == "number":
        last = name.rpartition("_")[2]
        return (*NUMBERS.get(name, NUMBERS.get(last, ())), *FALLBACK)
    if kind == "flag":
        return (True, False)
    if kind == "enum":
        return tuple(named) or ("",)
    known = {"date": "2026-01-15", "time": "18:30", "timezone": "Europe/Paris", "list": ["one"]}
    return (known.get(kind, "A1" if name.endswith("id") else "sample"),)


def starting_event(project: Project, journey: Journey, contact: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return an event, with properties, on which this person enters the journey."""
    guard = journey.enter.guard
    for name in journey.enter.events:
        data = sample_event(project, (name, guard), vars=journey.vars, contact=contact)
        if data is not None:
            return name, data
    wanted = guard.source if guard else ""
    example = f"--event {journey.enter.events[0]}:property=value"
    says = f"no sample event meets the entry condition of {journey.name}: {wanted}; say one with {example}"
    raise ConfigError(f"{says}, or change the person with --set contact.attribute=value")


def sample_event(project: Project, wanted: tuple[str, Expression | None], **seen: Any) -> dict[str, Any] | None:
    """Return properties of an event that meet a condition, None when none of those tried does."""
    name, guard = wanted
    scope = Scope(NOON, ZoneInfo(project.timezone), segments=project.data.segments, **seen)
    found = _samples(project.data.events.get(name, {}))
    return next((data for data in found if guard is None or guard.holds(replace(scope, event=data))), None)


def _samples(declared: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    names = list(declared)
    for n, values in enumerate(product(*(sample(name, declared[name]) for name in names))):
        if n >= TRIES:
            return
        yield dict(zip(names, values, strict=True))


def somebody(journey: Journey, seed: str, holdout: float) -> str:
    """Return the id of an invented person who is in no holdout and in no baseline of this journey."""
    for n in range(1, 500):
        name = f"invented-{n}"
        if group_of(journey, name, seed, holdout) == "learner" and not _in_a_baseline(journey, seed, name):
            return name
    return "invented-1"


def _in_a_baseline(journey: Journey, seed: str, contact_id: str) -> bool:
    return any(
        choose.baseline and draw(seed, "baseline", contact_id, f"{journey.name}.{state}") < choose.baseline[1]
        for state, choose in journey.choices
    )


def change_night(season: str, now: datetime, zone: tzinfo) -> datetime | None:
    """Return 10:00 local on the day before the clocks next go forward (spring) or back (autumn), None: never."""
    at = now.replace(minute=0, second=0, microsecond=0)
    for _ in range(366 * 24):
        later = at + timedelta(hours=1)
        before, after = (moment.astimezone(zone).utcoffset() or timedelta() for moment in (at, later))
        if (after > before) == (season == "spring") and after != before:
            eve = at.astimezone(zone).date() - timedelta(days=1)
            local = datetime(eve.year, eve.month, eve.day, 10, tzinfo=zone)
            if local > now:
                return local.astimezone(UTC)
        at = later
    return None


def next_monday(now: datetime, zone: tzinfo) -> datetime:
    """Return the next Monday, 10:00 local."""
    today = now.astimezone(zone).date()
    day = today + timedelta(days=7 - today.weekday())
    return datetime(day.year, day.month, day.day, 10, tzinfo=zone).astimezone(UTC)
