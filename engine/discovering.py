"""`segment discover` at work: which figures, read for whom, and what else is known about each group.

Rules
- A figure is an expression of our language, so that a rule about it is one, too. Everybody's figures are one statement.
- Whoever refuses profiling is not read. Private and sensitive attributes are refused: nobody is put into a group for
  their health or faith. People of whom a figure is missing are in no group; how many they are is said.
- What came after is counted on those who looked so AHEAD days ago; attributes and worth are of today and stay out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import sqlalchemy as sa

from engine.audience.clusters import some
from engine.audience.compile import Pass, Unsayable
from engine.audience.discover import Feature, Foresight, Found, Group, foresee, smallest_lift
from engine.audience.interests import now_worth
from engine.audience.rulebook import Flags
from engine.errors import ConfigError
from engine.store import buying, signs, traits
from engine.store.columns import to_micros
from engine.store.sets import any_of
from engine.store.tables import contacts, deliveries, events
from journeys.expression import Expression
from journeys.fields import ID
from journeys.names import Names
from journeys.parse import parse
from journeys.place import Place
from journeys.project import Data
from journeys.sensitive import named, sensitive

AHEAD = timedelta(days=90)
MONTH = timedelta(days=28)
SAMPLE = 2000
"""People of a group who are asked for their families, hours and channels."""
SPEAKS = 50
"""Clicks, signs or tastes below which nothing is said."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which figures, of whom: `only` is a condition, "" for everybody."""

    features: tuple[Feature, ...]
    figures: tuple[Expression, ...]
    only: Expression | None

    @property
    def past(self) -> bool:
        """Return whether the figures can be had for an instant long ago: they are of events alone."""
        parts = [*self.figures, *([self.only] if self.only else [])]
        return not any(one.attributes or one.traits or one.segments for one in parts)


@dataclass(frozen=True, slots=True)
class Table:
    """People by id, their figures [people, features], and who is in which segment. `left`: some figure is missing."""

    ids: Sequence[str]
    raw: np.ndarray[Any, np.dtype[np.float64]]
    segments: Mapping[str, Flags]
    left: int = 0


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a group beside its rule; None and empty: not known.

    `spent_next`, `bought_next`: money and share of buyers in 90 days, of those who looked so 90 days ago.
    `shows`: the smallest relative lift that a test of 28 days on this group could show. `overlaps`: share of the group
    in each segment there is.
    """

    group: Group
    looked_so: int = 0
    spent_next: float | None = None
    bought_next: float | None = None
    rate: float | None = None
    shows: float | None = None
    overlaps: tuple[tuple[str, float], ...] = ()
    families: tuple[tuple[str, float], ...] = ()
    channel: str = ""
    hours: tuple[int, int] | None = None


def usual(data: Data) -> tuple[list[Feature], str]:
    """Return the figures that are looked at when none are named, and of whom."""
    visits = [name for name in data.visits if data.buying is None or name != data.buying.event]
    seen = " + ".join(f"count({name} within 84d)" for name in visits[:4])
    found = [Feature(seen, "visits in 84 days", "comes often", "hardly comes")] if seen else []
    if data.buying is None:
        found += [Feature(f"count({name})", name, f"much {name}", f"little {name}") for name in _own(data, visits)]
        return found, " or ".join(f"any {name}" for name in [*visits[:4], *_own(data, visits)])
    event, money = data.buying.event, data.buying.value
    orders = f"count({event})"
    found.insert(0, Feature(orders, "orders", "many orders", "few orders"))
    if money:
        total = f"sum({event}.{money})"
        found.insert(1, Feature(total, "spent", "spent much", "spent little"))
        found.insert(2, Feature(f"{total} / {orders}", "money an order", "large orders", "small orders"))
    found += [
        Feature(f"days_since({event})", "days since the last order", "long gone", "here lately"),
        Feature(f"days_since_first({event})", "days since the first order", "customers for long", "new customers"),
        Feature(f"count({event} within 90d)", "orders in 90 days", "busy now", "quiet now"),
    ]
    return found, f"any {event}"


def _own(data: Data, visits: Sequence[str]) -> list[str]:
    """Return the declared events: those that we make ourselves say more of us than of the person."""
    return [name for name in data.events if f"events.{name}" in data.places and name not in visits][:6]


def asked(data: Data, said: Sequence[str] = (), only: str | None = None) -> Asked:
    """Return the figures named (or the usual ones), and of whom; ConfigError says what cannot be used, and why."""
    features, everybody = usual(data)
    known = {feature.said: feature for feature in features}
    if said:
        features = [known.get(one) or Feature(one, one, f"much {one}", f"little {one}") for one in said]
    if not features:
        raise ConfigError("data.yaml says neither how people buy nor what shows a visit: name figures with --features")
    condition = everybody if only is None else only
    figures = tuple(_read(data, feature.said, "number", "--features") for feature in features)
    return Asked(tuple(features), figures, _read(data, condition, "flag", "--only") if condition.strip() else None)


def _read(data: Data, text: str, wanted: str, where: str) -> Expression:
    found, problems = parse(text, Place(where, 1, 1), Names(data, journey=False), wanted)
    if found is None:
        raise ConfigError(f"{where} {text}: {problems[0].says if problems else 'cannot be read'}")
    for name in sorted(named(found, data)):
        attribute = data.attributes[name]
        if attribute.sensitive or attribute.private:
            how = "sensitive" if attribute.sensitive else "private"
            raise ConfigError(f"{where} {text}: {name} is {how}; nobody is put into a group by it")
    return found


def table(conn: sa.Connection, data: Data, wanted: Asked, now: datetime, *, segments: bool = True) -> Table:
    """Return everybody's figures as of `now`, in the order of ids."""
    made = Pass(now, data, data.segments)
    columns, names = _columns(made, wanted), []
    for name in sorted(data.segments) if segments else ():
        if sensitive(data.segments[name], data):
            continue
        try:
            columns[f"in_{name}"] = made.condition(data.segments[name])
        except Unsayable:
            continue
        names.append(name)
    where = [traits.allowed(), *([made.condition(wanted.only)] if wanted.only else [])]
    query = made.table(columns).where(*where).order_by(contacts.c.id).execution_options(yield_per=10_000)
    rows = conn.execute(query).all()
    width = len(wanted.figures)
    raw = np.array([[np.nan if v is None else v for v in row[1 : 1 + width]] for row in rows], dtype=np.float64)
    raw = raw.reshape(len(rows), width)
    whole: Flags = np.asarray(~np.isnan(raw).any(axis=1))
    inside = {name: np.array([bool(row[1 + width + n]) for row in rows])[whole] for n, name in enumerate(names)}
    ids = [row[0] for row, kept in zip(rows, whole.tolist(), strict=True) if kept]
    return Table(ids, raw[whole], inside, int((~whole).sum()))


def _columns(made: Pass, wanted: Asked) -> dict[str, Any]:
    try:
        return {f"f{n}": made.figure(figure) for n, figure in enumerate(wanted.figures)}
    except Unsayable as error:
        raise ConfigError(f"one of the figures cannot be had for everybody at once: {error}") from None


@dataclass(frozen=True, slots=True)
class Around:
    """What the cards need: the store, the project's words, the instant and its zone."""

    conn: sa.Connection
    data: Data
    now: datetime
    zone: ZoneInfo


def cards(around: Around, wanted: Asked, people: Table, found: Found) -> list[Card]:
    """Return what is known of each group."""
    after = _after(around, wanted, found)
    recent = _recent(around)
    told = []
    for place, (group, rows) in enumerate(zip(found.groups, found.members, strict=True)):
        ids = [people.ids[n] for n in np.flatnonzero(rows).tolist()]
        card = Card(group, overlaps=_overlaps(people, rows))
        if recent is not None and ids:
            rate = sum(id_ in recent for id_ in ids) / len(ids)
            card = replace(card, rate=rate, shows=smallest_lift(len(ids), rate))
        if after is not None:
            card = replace(card, **after[place])
        told.append(_known(around, card, ids))
    return told


def _overlaps(people: Table, rows: Flags) -> tuple[tuple[str, float], ...]:
    if not rows.any():
        return ()
    shares = [(name, float(inside[rows].mean())) for name, inside in people.segments.items()]
    return tuple(sorted((one for one in shares if one[1] >= 0.01), key=lambda one: -one[1]))


def _recent(around: Around) -> frozenset[str] | None:
    """Return who came to the goal in the last 28 days."""
    goal = around.data.lead
    return buying.who_did(around.conn, goal, around.now - MONTH, around.now) if goal else None


def _after(around: Around, wanted: Asked, found: Found) -> list[dict[str, Any]] | None:
    """Return of each group what those who looked so 90 days ago did since."""
    how = around.data.buying
    if how is None or found.book is None or not wanted.past:
        return None
    then = around.now - AHEAD
    people = table(around.conn, around.data, wanted, then, segments=False)
    sums: defaultdict[str, float] = defaultdict(float)
    for instant, sign in ((around.now, 1), (then, -1)):
        for one in buying.customers(around.conn, how, instant, timedelta(0)):
            sums[one.id] += sign * one.money
    bought = buying.who_did(around.conn, how.event, then, around.now)
    came = np.array([id_ in bought for id_ in people.ids], dtype=bool)
    money = np.array([sums[id_] for id_ in people.ids], dtype=np.float64)
    told = []
    for rule in found.order:
        rows = found.book.members(people.raw, rule) if len(people.ids) else np.zeros(0, dtype=bool)
        count = int(rows.sum())
        told.append(
            {"looked_so": count, "spent_next": float(money[rows].mean()), "bought_next": float(came[rows].mean())}
            if count
            else {}
        )
    return told


def foresight(around: Around, wanted: Asked, seed: int) -> Foresight | None:
    """Return how well these figures foretold who bought in the last 90 days; None where that cannot be told."""
    how = around.data.buying
    if how is None or not wanted.past:
        return None
    windows = []
    for back in (2 * AHEAD, AHEAD):
        people = table(around.conn, around.data, wanted, around.now - back, segments=False)
        came = buying.who_did(around.conn, how.event, around.now - back, around.now - back + AHEAD)
        windows.append((people.raw, np.array([id_ in came for id_ in people.ids], dtype=bool)))
    return foresee(windows[0], windows[1], seed)


def _known(around: Around, card: Card, ids: Sequence[str]) -> Card:
    """Add what a sample of the group likes, where it clicks and when it is there."""
    sample = [ids[n] for n in some(len(ids), SAMPLE, 1).tolist()]
    return replace(
        card,
        families=_families(around, sample),
        channel=_channel(around.conn, sample, around.now),
        hours=_hours(around, sample),
    )


def _families(around: Around, ids: Sequence[str]) -> tuple[tuple[str, float], ...]:
    wanted = around.data.interests
    held = traits.interests_of(around.conn, ids) if wanted else {}
    total: defaultdict[str, float] = defaultdict(float)
    for scores in held.values():
        if wanted and (now := now_worth(scores, to_micros(around.now), wanted.half_life)):
            everything = sum(now.values())
            for topic, points in now.items():
                total[topic] += points / everything
    whole = sum(total.values())
    top = sorted(total.items(), key=lambda one: -one[1])[:3]
    return tuple((topic, part / whole) for topic, part in top) if whole >= SPEAKS / 5 else ()


def _channel(conn: sa.Connection, ids: Sequence[str], now: datetime) -> str:
    """Return the channel on which they click most of what they get, "" where too little is known."""
    sent, clicks = Counter[str](), Counter[str]()
    d, e = deliveries.c, events.c
    mine = any_of(d.contact_id, "ids")
    asked = sa.select(d.channel, sa.func.count()).where(mine, d.status == "sent").group_by(d.channel)
    sent.update({row[0]: row[1] for row in conn.execute(asked, {"ids": list(ids)})})
    message = e.data["message"].as_string()
    asked = sa.select(message, sa.func.count()).where(
        any_of(e.contact_id, "ids"), e.name == "clicked", e.at >= now - AHEAD * 4
    )
    for name, count in conn.execute(asked.group_by(message), {"ids": list(ids)}):
        clicks[str(name or "").partition("/")[0]] += count
    if sum(clicks.values()) < SPEAKS:
        return ""
    return max(sorted(sent), key=lambda channel: clicks[channel] / sent[channel], default="")


def _hours(around: Around, ids: Sequence[str]) -> tuple[int, int] | None:
    """Return the three hours of the day in which they are there most, None where too little is known."""
    names = {"clicked", *around.data.visits, *([around.data.buying.event] if around.data.buying else [])}
    counts = [0] * 24
    for hours in signs.hours(around.conn, ids, around.now, names).values():
        counts = [one + two for one, two in zip(counts, hours, strict=True)]
    if sum(counts) < SPEAKS:
        return None
    shift = round((around.now.astimezone(around.zone).utcoffset() or timedelta(0)) / timedelta(hours=1))
    local = [counts[(hour - shift) % 24] for hour in range(24)]
    best = max(range(24), key=lambda hour: sum(local[(hour + n) % 24] for n in range(3)))
    return best, (best + 3) % 24


def whole_rule(wanted: Asked, rule: str) -> str:
    """Return the rule with whom it is about, as a segment says it."""
    if wanted.only is None:
        return rule
    return " and ".join(
        f"({part})" if " or " in part else part for part in (wanted.only.source, rule) if part
    )  # fmt: skip


def checked(data: Data, rules: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the segments to write, name -> condition; ConfigError for a name that is taken or no name."""
    found: dict[str, str] = {}
    for name, rule in rules:
        if not ID.fullmatch(name):
            raise ConfigError(f'"{name}" is no name: small letters, digits and _, starting with a letter')
        if name in data.segments or name in found:
            raise ConfigError(f'there is a segment "{name}" already; choose another name')
        _read(data, rule, "flag", name)
        found[name] = rule
    return found
