"""What the next days will bring: today's contacts on a copy, the real engine, and days like those that were.

Rules
- The store is only read. Every plan (what is deployed, the files on disk) runs on its own copy with the same people,
  the same days and the same draws, so that a difference is the plans'.
- Nothing of the future is invented that the store has not seen: a contact does on a day to come what they did on the
  same weekday of one of the last WEEKS weeks, drawn per contact and day; people as they came in come again; clicks and
  unsubscribes follow messages as often as they did. Policies stay as they are: nobody learns.
- Of a large store a sample is taken; counts are then scaled up, and `enter.limit` is scaled down with it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo

import sqlalchemy as sa

from engine.app import Options
from engine.core.chance import draw
from engine.engine import Limits
from engine.rehearsal import past_warmup, unsigned
from engine.simulate import Virtual, hear, in_memory, virtual
from engine.store import deploying, sampling
from engine.store.connect import reading, writing
from engine.store.intake import NewContact, NewEvent, add_contacts
from engine.store.sampling import Deed, Person, SentRow, StoppedRow
from journeys import EXIT, Journey
from journeys.project import Definitions
from journeys.zones import zone_of

WEEKS = 4
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
STEP = timedelta(minutes=30)
CROWD = Limits(contacts=5000, messages=5000, decisions=1)
FEWER = 0.5
"""A week with less than this of what the last one had is not drawn from."""

IMPORTED = 0.05
"""A day on which more than this share of all contacts came in was an import, and does not come again."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many days from when, how many contacts at most, and the seed of all draws about the future."""

    start: datetime
    days: int
    most: int = 1000
    seed: str = "7"

    @property
    def end(self) -> datetime:
        return self.start + self.days * DAY


@dataclass(frozen=True, slots=True)
class Basis:
    """What a forecast stands on."""

    sample: int
    contacts: int
    weeks: int  # of history that were drawn from
    deeds: int  # what the sample did in them
    newcomers: int  # people who come in
    clicked: Mapping[str, float]
    unsubscribed: Mapping[str, float]

    @property
    def scale(self) -> float:
        return self.contacts / self.sample if self.sample else 1.0


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What one plan leads to: rows of the sample, not scaled. `removed`: people in states that the plan no longer has,
    by "journey.state"; `moved` those for whom the plan says where they go.
    """

    name: str
    sent: tuple[SentRow, ...]
    counted: tuple[SentRow, ...]
    stopped: tuple[StoppedRow, ...]
    entered: Mapping[str, int]
    journeys: Mapping[str, Journey]
    removed: Mapping[str, int] = field(default_factory=dict)
    moved: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Forecast:
    wanted: Wanted
    basis: Basis
    plans: tuple[Foreseen, ...]
    zones: Mapping[str, tzinfo]  # of contacts that have one


@dataclass(frozen=True, slots=True)
class Days:
    """The days to come, the same for every plan."""

    people: tuple[tuple[datetime, Person], ...]  # newcomers, by when they come
    events: tuple[NewEvent, ...]
    rates: Mapping[str, tuple[float, ...]]
    basis: Basis
    zones: Mapping[str, tzinfo]


def forecast(
    conn: sa.Connection,
    plans: Mapping[str, Definitions],
    wanted: Wanted,
    seen: Callable[[float], None] | None = None,
) -> Forecast:
    """Run every plan over the days to come; `seen` is told how much of the whole is done, in [0, 1]."""
    ids, count = sampling.sampled(conn, wanted.most, wanted.seed)
    days = _days(conn, ids, count, wanted)
    found = []
    for n, (name, definitions) in enumerate(plans.items()):

        def told(part: float, n: int = n) -> None:
            if seen is not None:
                seen((n + part) / len(plans))

        found.append(_lived(conn, (name, definitions), (ids, days), wanted, told))
    return Forecast(wanted, days.basis, tuple(found), days.zones)


def _days(conn: sa.Connection, ids: Sequence[str], count: int, wanted: Wanted) -> Days:
    """Draw the days to come from those that were."""
    people = sampling.people(conn, ids)
    deeds = sampling.deeds(conn, ids, wanted.start - WEEKS * WEEK, wanted.start)
    weeks = _weeks(deeds, wanted.start)
    newcomers = _newcomers(people, weeks, wanted)
    own: dict[str, list[Deed]] = {}
    for deed in deeds:
        own.setdefault(deed.contact_id, []).append(deed)
    events = [event for id_, some in own.items() for event in _again(id_, some, weeks, wanted)]
    events += [event for at, person, known in newcomers for event in _theirs(at, person, own.get(known, ()), wanted)]
    rates = sampling.reactions(conn, wanted.start - WEEKS * WEEK, wanted.start)
    basis = Basis(
        len(ids), count, weeks, len(deeds), len(newcomers), {name: rate[0] for name, rate in rates.items()},
        {name: rate[1] for name, rate in rates.items()},
    )  # fmt: skip
    ordered = sorted(events, key=lambda event: (event.at or wanted.start, event.id))
    coming = sorted(((at, person) for at, person, _ in newcomers), key=lambda one: (one[0], one[1].id))
    everybody = [*people, *(person for _, person in coming)]
    zones = {person.id: zone for person in everybody if (zone := zone_of(person.attributes)) is not None}
    return Days(tuple(coming), tuple(ordered), rates, basis, zones)


def _weeks(deeds: Sequence[Deed], start: datetime) -> int:
    """Return how many of the last weeks are like the last one: a shop that is three weeks old has no fourth."""
    counts = [0] * WEEKS
    for deed in deeds:
        counts[min((start - deed.at) // WEEK, WEEKS - 1)] += 1
    usual = next((n for n, count in enumerate(counts) if count < FEWER * counts[0]), WEEKS)
    return max(1, usual)


def _again(contact_id: str, deeds: Sequence[Deed], weeks: int, wanted: Wanted) -> Iterable[NewEvent]:
    """Yield what a contact does: on each day what they did on that weekday, so many weeks ago as is drawn."""
    for day in range(wanted.days):
        begin = wanted.start + day * DAY
        back = (day // 7 + 1 + int(draw(wanted.seed, "week", contact_id, str(day)) * weeks)) * WEEK
        for n, deed in enumerate(deeds):
            if begin - back <= deed.at < begin - back + DAY:
                yield _new(f"f{day}.{n}:{contact_id}", contact_id, deed, deed.at + back)


def _new(id_: str, contact_id: str, deed: Deed, at: datetime) -> NewEvent:
    return NewEvent(id_, contact_id, deed.name, at, deed.data, "forecast")


def _newcomers(people: Sequence[Person], weeks: int, wanted: Wanted) -> list[tuple[datetime, Person, str]]:
    """Return who comes in when, and as whom: those who came in on that weekday come again, each in one week of them."""
    since = wanted.start - weeks * WEEK
    days: dict[int, list[Person]] = {}
    for person in people:
        if since <= person.created_at < wanted.start:
            days.setdefault((person.created_at - since) // DAY, []).append(person)
    found = []
    for some in days.values():
        if len(some) > max(1.0, IMPORTED * len(people)):
            continue
        for person in some:
            for week in range(-(-wanted.days // 7)):
                at = person.created_at + (((wanted.start - person.created_at) // WEEK) + 1 + week) * WEEK
                if at < wanted.end and draw(wanted.seed, "comes", person.id, str(week)) < 1 / weeks:
                    found.append((at, replace(person, id=f"new{week}:{person.id}", created_at=at), person.id))
    return found


def _theirs(at: datetime, person: Person, deeds: Sequence[Deed], wanted: Wanted) -> Iterable[NewEvent]:
    """Yield what a newcomer does: what the one did as whom they come, from their first day on."""
    known = person.id.partition(":")[2]
    first = min((deed.at for deed in deeds), default=at)
    for n, deed in enumerate(deeds):
        when = at + (deed.at - first)
        if when < wanted.end:
            yield _new(f"{person.id}.{n}:{known}", person.id, deed, when)


def _lived(
    conn: sa.Connection, plan: tuple[str, Definitions], what: tuple[Sequence[str], Days], wanted: Wanted,
    told: Callable[[float], None],
) -> Foreseen:  # fmt: skip
    """Let the days come over one plan on a copy of the store."""
    name, definitions = plan
    ids, days = what
    store = in_memory()
    with writing(store) as target:
        sampling.carry(conn, target, ids, wanted.start)
        moved, removed = _placed(target, definitions, wanted.start)
    scaled = _scaled(past_warmup(unsigned(definitions), conn), days.basis.scale)
    world = virtual(scaled, wanted.start, Options(seed=project_seed(definitions), limits=CROWD, store=store))
    try:
        _live(world, days, wanted, told)
        with reading(store) as found:
            return Foreseen(
                name, tuple(sampling.sent(found, wanted.start)),
                tuple(sampling.counted(found, wanted.start - sampling.BACK)), tuple(sampling.stopped(found)),
                sampling.entered(found, wanted.start), definitions.journeys, removed, moved,
            )  # fmt: skip
    finally:
        world.engine.close()


def project_seed(definitions: Definitions) -> str:
    """Return the seed of the real engine: groups and draws are those that will be."""
    if definitions.project is None:
        raise AssertionError("a plan has a project")
    return definitions.project.name


def _placed(conn: sa.Connection, definitions: Definitions, now: datetime) -> tuple[dict[str, int], dict[str, int]]:
    """Take people where `moved:` says, and out of what is gone without a word; return how many, by "journey.state"."""
    moved: dict[str, int] = {}
    removed: dict[str, int] = {}
    for name, states in deploying.inside(conn).items():
        journey = definitions.journeys.get(name)
        for state, count in states.items():
            if journey is not None and state in journey.states:
                continue
            target = journey.moved.get(state) if journey is not None else None
            (removed if target is None else moved)[f"{name}.{state}"] = count
            deploying.move(conn, name, [deploying.Way(state, target or EXIT)], (0, now))
    return moved, removed


def _scaled(definitions: Definitions, scale: float) -> Definitions:
    """Return the plan with rooms as much smaller as the sample is."""

    def smaller(journey: Journey) -> Journey:
        if journey.enter.limit is None or scale <= 1.0:
            return journey
        count, unit = journey.enter.limit
        return replace(journey, enter=replace(journey.enter, limit=(max(1, round(count / scale)), unit)))

    return replace(definitions, journeys={name: smaller(one) for name, one in definitions.journeys.items()})


def _live(world: Virtual, days: Days, wanted: Wanted, told: Callable[[float], None]) -> None:
    """Go through the days in steps; messages are answered as often as they were."""
    coming = list(days.people)
    waiting = [(event.at or wanted.start, event.id, event) for event in days.events]
    heapq.heapify(waiting)
    now = wanted.start
    while now < wanted.end:
        then = min(now + STEP, wanted.end)
        world.clock.jump(then)
        coming = _arrive(world, coming, then)
        due: list[NewEvent] = []
        while waiting and waiting[0][0] <= then:
            due.append(heapq.heappop(waiting)[2])
        hear(world, due)
        before = world.ticked.sends
        world.act(learn=False)
        if world.ticked.sends > before:
            for event in _answers(world, days, now, wanted):
                heapq.heappush(waiting, (event.at or then, event.id, event))
        if then.hour == 0 and then.minute < STEP // timedelta(minutes=1):
            told((then - wanted.start) / (wanted.end - wanted.start))
        now = then


def _arrive(world: Virtual, coming: list[tuple[datetime, Person]], now: datetime) -> list[tuple[datetime, Person]]:
    here = [person for at, person in coming if at <= now]
    if here:
        new = [NewContact(one.id, one.attributes, one.addresses, one.topics, "forecast") for one in here]
        with writing(world.engine.store) as conn:
            add_contacts(conn, new, now, world.engine.post.terms.digest)
    return coming[len(here) :]


def _answers(world: Virtual, days: Days, since: datetime, wanted: Wanted) -> Iterable[NewEvent]:
    """Yield how people answer what was handed over since: by the shares of their channel, some hours later."""
    with reading(world.engine.store) as conn:
        rows = sampling.sent(conn, since)
    for row in rows:
        for name, share in zip(sampling.REACTIONS, days.rates.get(row.channel, ()), strict=False):
            u = draw(wanted.seed, name, row.key)
            if u < share:
                at = row.sent_at + timedelta(minutes=5) + timedelta(hours=12) * (u / share)
                data = {"key": row.key, "message": row.message, "journey": row.journey, "state": row.state}
                data |= {"topic": row.topic} if name == "unsubscribed" else {}
                yield NewEvent(f"{name}:{row.key}", row.contact_id, name, at, data, "forecast")
