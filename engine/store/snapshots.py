"""Claiming the contacts that are due, each with all that a walk may look at.

Rules
- A constant number of statements for any number of contacts; each reads one table for all of them.
- The claim holds the alarms' rows until the transaction ends. Whatever rings a contact waits for that, so nothing
  that arrives between claim and commit is lost. SQLite lets one writer in at a time and needs no row locks.
- Rows become values by position: the columns of a query stand in the order of the fields.
- A tick's statements are made once, below; only their values change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from operator import attrgetter
from typing import Any, TypeVar

import sqlalchemy as sa

from engine.core.model import COUNTED, Contact, Enrollment, Event, Past, Snapshot
from engine.store import signs
from engine.store.sets import any_of
from engine.store.tables import Instant, addresses, alarms, contacts, decisions, deliveries, enrollments, events
from engine.store.value_tables import traits as worked_out
from engine.store.values import from_json
from journeys import Expression, Scope
from journeys.zones import zone_of

T = TypeVar("T")
Wanted = tuple[tuple[str, timedelta | None], ...]
Spans = tuple[tuple[str, timedelta], ...]
_when = attrgetter("at", "id")

SLACK = timedelta(hours=2)
"""Conditions may be judged at an instant a little before now: history reaches that much further back."""

e = enrollments.c
ENROLLMENT = (
    e.id, e.contact_id, e.journey, e.version, e.state, e.entered_at, e.state_at, e.due_at, e.trigger, e.group, e.status,
    e.phase, e.steps, e.visits, e.cause, e.held_since, e.entry, e["values"], e.reason, e.left_at, e.goal_at, e.drawn,
)  # fmt: skip
EVENT = (events.c.contact_id, events.c.id, events.c.name, events.c.at, events.c.data, events.c.fresh, events.c.starts)
PAST = (
    deliveries.c.contact_id, deliveries.c.key, deliveries.c.message, deliveries.c.channel, deliveries.c.topic,
    deliveries.c.queued_at, deliveries.c.counted,
)  # fmt: skip

_a, _p, _d = addresses.c, contacts.c, deliveries.c
_since = sa.bindparam("since", type_=Instant)
_DUE = (
    sa.select(alarms.c.contact_id)
    .where(alarms.c.due_at <= sa.bindparam("now", type_=Instant))
    .order_by(alarms.c.due_at, alarms.c.contact_id)
    .limit(sa.bindparam("most", type_=sa.Integer))
    .with_for_update(skip_locked=True)
)
_PEOPLE = sa.select(_p.id, _p.attributes, _p.consents).where(any_of(_p.id, "ids"))
_LOOKS = sa.select(_p.id, sa.cast(_p.attributes, sa.Text)).where(any_of(_p.id, "ids"))
_t = worked_out.c
_TRAITS = sa.select(_t.contact_id, _t.value, _t.interests).where(any_of(_t.contact_id, "ids"))
_ADDRESSES = sa.select(_a.contact_id, _a.channel, _a.address, _a.suppressed, _a.added_at).where(
    any_of(_a.contact_id, "ids")
)
_RUNNING = sa.select(*ENROLLMENT).where(any_of(e.contact_id, "ids"), e.status.in_(("active", "queued")))
_EVENTS = sa.select(*EVENT).where(any_of(events.c.contact_id, "ids"))
_FRESH = _EVENTS.where(events.c.fresh)
_RECENT = sa.select(*PAST).where(  # what caps count and what the duplicate rule looks at; a webhook is no message
    any_of(_d.contact_id, "ids"), _d.queued_at >= _since, _d.status.in_(sorted(COUNTED)), _d.channel != "webhook"
)


@dataclass(frozen=True, slots=True)
class Needs:
    """What the deployed journeys ask for.

    `history`: event name -> how far back conditions look (None = for ever). `recent`: the longest cap window.
    `reentered`: journeys for which it matters how often somebody was in them. `kept`: some decision keeps its arm.
    `lately`: events whose last time a decision looks at. `hours`: those that say at which hours a person is there.
    """

    history: Mapping[str, timedelta | None] = field(default_factory=dict)
    recent: timedelta = timedelta(days=30)
    reentered: frozenset[str] = frozenset()
    kept: bool = False
    lately: frozenset[str] = frozenset()
    hours: frozenset[str] = frozenset()
    traits: bool = False  # some condition asks for interests or value


def claim(conn: sa.Connection, now: datetime, limit: int, needs: Needs) -> list[Snapshot]:
    """Claim the contacts whose alarms have rung, oldest alarm first, until the transaction ends."""
    ids = due(conn, now, limit)
    return load(conn, ids, now, needs) if ids else []


def load(conn: sa.Connection, ids: Sequence[str], now: datetime, needs: Needs) -> list[Snapshot]:
    """Return the snapshots of these contacts, in this order."""
    mine = {"ids": ids}
    people = _people(conn, ids)
    running = _by_contact(conn.execute(_RUNNING, mine), lambda row: Enrollment(*row), 1)
    happened = _events(conn, ids, now, needs)
    past = _by_contact(conn.execute(_RECENT, mine | {"since": now - needs.recent}), lambda row: Past(*row[1:]))
    ended = _ended(conn, ids, needs.reentered) if needs.reentered else {}
    kept = _kept(conn, ids) if needs.kept else {}
    lately = signs.lately(conn, ids, now, needs.lately) if needs.lately else {}
    hours = signs.hours(conn, ids, now, needs.hours) if needs.hours else {}
    traits = _traits(conn, ids) if needs.traits else {}
    none: dict[Any, Any] = {}
    return [
        Snapshot(
            contact=people.get(id_) or Contact(id_),
            enrollments=_in_order(running.get(id_, ()), lambda enrollment: enrollment.id),
            events=_in_order(happened.get(id_, ()), lambda event: (event.at, event.id)),
            recent=_in_order(past.get(id_, ()), lambda one: (one.at, one.key)),
            kept=kept.get(id_, none),
            ended=ended.get(id_, none),
            lately=lately.get(id_, none),
            hours=hours.get(id_, ()),
            traits=traits.get(id_, none),
        )
        for id_ in ids
    ]


class Told:
    """An event as a segment looks at it: most ask when it happened, so its data are read when somebody asks."""

    __slots__ = ("_data", "_text", "at", "id")

    def __init__(self, at: datetime, id_: str, text: str) -> None:
        self.at, self.id, self._text = at, id_, text
        self._data: Mapping[str, Any] | None = None

    @property
    def data(self) -> Mapping[str, Any]:
        if self._data is None:
            self._data = from_json(self._text)
        return self._data


@dataclass(frozen=True, slots=True)
class Glimpse:
    """A contact as a segment looks at it; `history`: the events that are asked for by name, oldest first."""

    id: str
    attributes: Mapping[str, Any]
    zone: tzinfo | None
    history: Mapping[str, Sequence[Told]]
    traits: Mapping[str, Any] = field(default_factory=dict)

    def scope(self, now: datetime, zone: tzinfo, segments: Mapping[str, Expression]) -> Scope:
        """Return what a segment sees of this person; `zone` is for people without one."""
        own = self.zone or zone
        return Scope(
            now, own, self.attributes, history=self.history, segments=segments, traits=self.traits, who=self.id
        )


def glance(conn: sa.Connection, ids: Sequence[str], now: datetime, needs: Needs) -> list[Glimpse]:
    """Return of each contact no more than a segment looks at: attributes, and the events that are asked for."""
    people = {id_: _read(text) for id_, text in conn.execute(_LOOKS, {"ids": ids}).all()}
    happened = _histories(conn, ids, now, needs) if needs.history else {}
    traits = _traits(conn, ids) if needs.traits else {}
    return [Glimpse(id_, *people[id_], happened.get(id_, {}), traits.get(id_, {})) for id_ in ids]


def _traits(conn: sa.Connection, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    rows = conn.execute(_TRAITS, {"ids": ids}).all()
    return {id_: {"value": value, "interests": interests} for id_, value, interests in rows}


def _histories(
    conn: sa.Connection, ids: Sequence[str], now: datetime, needs: Needs
) -> dict[str, dict[str, list[Told]]]:
    """Return by contact and name the events that are asked for, oldest first."""
    asked, spans = _heard(tuple(sorted(needs.history.items())))
    found: dict[str, dict[str, list[Told]]] = {id_: {} for id_ in ids}
    for who, at, id_, name, text in conn.execute(asked, _reach(ids, now, spans)).all():
        mine = found[who]
        if name in mine:
            mine[name].append(Told(at, id_, text))
        else:
            mine[name] = [Told(at, id_, text)]
    for mine in found.values():
        for several in mine.values():
            if len(several) > 1:
                several.sort(key=_when)
    return found


@lru_cache(maxsize=10_000)
def _read(text: str) -> tuple[Mapping[str, Any], tzinfo | None]:
    """Return attributes and zone; most people are the same as at the last check."""
    attributes: Mapping[str, Any] = from_json(text)
    return attributes, zone_of(attributes)


@lru_cache(maxsize=16)
def _heard(history: Wanted) -> tuple[sa.Select[Any], Spans]:
    """Return the statement for a segment's events, whose data stay text, and how far back its parts reach."""
    asked, spans = _old(history, seen=False)
    c = events.c
    return asked.with_only_columns(c.contact_id, c.at, c.id, c.name, sa.cast(c.data, sa.Text)), spans


def due(conn: sa.Connection, now: datetime, limit: int) -> list[str]:
    """Claim the contacts whose alarms have rung and return their ids."""
    return list(conn.execute(_DUE, {"now": now, "most": limit}).scalars().all())


def _by_contact(rows: sa.CursorResult[Any], value: Callable[[Any], T], owner: int = 0) -> dict[str, list[T]]:
    """Return the rows as values, by the contact in column `owner`."""
    found: defaultdict[str, list[T]] = defaultdict(list)
    for row in rows.all():
        found[row[owner]].append(value(row))
    return found


def _in_order(values: Sequence[T], key: Callable[[T], Any]) -> tuple[T, ...]:
    return tuple(sorted(values, key=key)) if len(values) > 1 else tuple(values)


def _people(conn: sa.Connection, ids: Sequence[str]) -> dict[str, Contact]:
    reachable = _addresses(conn, ids)
    people = {}
    for id_, attributes, words in conn.execute(_PEOPLE, {"ids": ids}).all():
        usable, suppressed = reachable.get(id_) or ({}, frozenset())
        people[id_] = Contact(id_, attributes, zone_of(attributes), usable, frozenset(words.split()), suppressed)
    return people


def _addresses(conn: sa.Connection, ids: Sequence[str]) -> dict[str, tuple[dict[str, str], frozenset[str]]]:
    return reachable(conn.execute(_ADDRESSES, {"ids": ids}).all())


def reachable(rows: Iterable[Sequence[Any]]) -> dict[str, tuple[dict[str, str], frozenset[str]]]:
    """Return per contact the address to use by channel (the newest that may be used), and the channels without one.

    A row is (contact, channel, address, why it is suppressed, when it was added).
    """
    best: defaultdict[str, dict[str, tuple[tuple[bool, datetime, str], str]]] = defaultdict(dict)
    for id_, channel, address, suppressed, added_at in rows:
        rank = (suppressed is None, added_at, address)
        mine = best[id_]
        if channel not in mine or mine[channel][0] < rank:
            mine[channel] = (rank, address)
    return {
        id_: (
            {channel: address for channel, (_, address) in mine.items()},
            frozenset(channel for channel, (rank, _) in mine.items() if not rank[0]),
        )
        for id_, mine in best.items()
    }


def _events(conn: sa.Connection, ids: Sequence[str], now: datetime, needs: Needs) -> dict[str, list[Event]]:
    asked, spans = _looked_at(tuple(sorted(needs.history.items())))
    return _by_contact(conn.execute(asked, _reach(ids, now, spans)), lambda row: Event(*row[1:]))


@lru_cache(maxsize=16)
def _looked_at(history: Wanted) -> tuple[sa.Select[Any] | sa.CompoundSelect[Any], Spans]:
    """Return the statement for all that a walk looks at, each half by its own index: fresh events, and old ones."""
    if not history:
        return _FRESH, ()
    old, spans = _old(history, seen=True)
    return sa.union_all(_FRESH, old), spans


@lru_cache(maxsize=16)
def _old(history: Wanted, *, seen: bool) -> tuple[sa.Select[Any], Spans]:
    """Return the statement for events that are asked for (`seen`: only old ones), and how far back its parts reach."""
    name, at = events.c.name, events.c.at
    forever = [word for word, span in history if span is None]
    spans = tuple((f"since_{n}", span) for n, (_, span) in enumerate(history) if span is not None)
    words = {f"since_{n}": word for n, (word, _) in enumerate(history)}
    parts = [(name == words[key]) & (at >= sa.bindparam(key, type_=Instant)) for key, _ in spans]
    asked = sa.or_(name.in_(forever), *parts) if forever else sa.or_(*parts)
    return _EVENTS.where(*([events.c.fresh.is_(sa.false())] if seen else []), asked), spans


def _reach(ids: Sequence[str], now: datetime, spans: Spans) -> dict[str, Any]:
    return {"ids": ids} | {key: now - span - SLACK for key, span in spans}


@lru_cache(maxsize=16)
def _left(journeys: frozenset[str]) -> sa.Select[Any]:
    """Select the runs that are over, by contact and journey; a parked one is over until somebody unparks it."""
    end = sa.func.max(sa.func.coalesce(e.left_at, e.state_at), type_=e.left_at.type)
    return (
        sa.select(e.contact_id, e.journey, sa.func.count(), end)
        .where(any_of(e.contact_id, "ids"), e.status.in_(("left", "parked")), e.journey.in_(sorted(journeys)))
        .group_by(e.contact_id, e.journey)
    )


def _ended(
    conn: sa.Connection, ids: Sequence[str], journeys: frozenset[str]
) -> dict[str, dict[str, tuple[int, datetime]]]:
    found: defaultdict[str, dict[str, tuple[int, datetime]]] = defaultdict(dict)
    for id_, journey, count, last in conn.execute(_left(journeys), {"ids": ids}).all():
        found[id_][journey] = (count, last)
    return found


def _kept(conn: sa.Connection, ids: Sequence[str]) -> dict[str, dict[str, str]]:
    d = decisions.c
    query = sa.select(d.contact_id, d.journey, d.state, d.arm).where(any_of(d.contact_id, "ids"))
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for id_, journey, state, arm in conn.execute(query.order_by(d.at, d.key), {"ids": ids}).all():
        found[id_][f"{journey}.{state}"] = arm
    return found
