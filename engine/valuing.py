"""What people are worth, worked out anew every night: read in a stream, thought in arrays, written in pages.

Rules
- A page is one transaction: who dies in the middle has written whole people, and the next night writes the others.
  Segments that ask for value look again at whom something changed about.
- Nothing about a person is written who refuses profiling; who stopped being a customer loses what was said.
- What was learned about everybody together stands in `fits`: "value" and "lead".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from engine.audience import lead as leads
from engine.audience.lead import AHEAD, WINDOWS, Asked, Lead
from engine.audience.worth import TIERS, Customers, Valued, fifths, valued
from engine.errors import ConfigError
from engine.store import buying, traits
from engine.store.columns import to_micros
from engine.store.connect import reading, writing
from engine.store.membership import look_again
from journeys.project import Data

if TYPE_CHECKING:
    from engine.engine import Engine

PAGE = 5000


@dataclass(frozen=True, slots=True)
class When:
    """The instant that is looked back from, and how far the project's clocks are from UTC."""

    now: datetime
    offset: timedelta = timedelta(0)

    @classmethod
    def at(cls, now: datetime, zone: tzinfo) -> When:
        """Return the instant as the clocks of a zone show it."""
        return cls(now, now.astimezone(zone).utcoffset() or timedelta(0))

    @property
    def today(self) -> int:
        return (to_micros(self.now) + self.offset // timedelta(microseconds=1)) // buying.DAY


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh found: customers and what they are worth, the lead score, and how many rows were written."""

    customers: int = 0
    worth: Valued | None = None
    lead: Lead | None = None
    written: int = 0


def refresh(engine: Engine) -> str | None:
    """Work out what everybody is worth; the nightly chore."""
    done = refreshed(engine.store, engine.project.data, When.at(engine.clock.now(), engine.zone))
    if not done.written and not done.customers:
        return None
    missing = done.worth.missing if done.worth else ""
    return f"worth of {done.customers:,} customers" + (f"; to tell more: {missing}" if missing else "")


def refreshed(store: sa.Engine, data: Data, when: When, goal: str | None = None) -> Refreshed:
    """Work out and write what everybody is worth; `goal`: the event of the lead score, else what data.yaml says."""
    goal = goal or data.lead
    with reading(store) as conn:
        seen = customers(conn, data, when)
        lead, people = scored(conn, data, when, goal) if goal else (None, None)
    worth = worked_out(seen, data) if len(seen) else None
    found = _rows(seen, worth, lead, people)
    watched = any(rule.traits for rule in data.segments.values())
    written = 0
    for ids, rows in found:
        with writing(store) as conn:
            written += _put(conn, dict(zip(ids, rows, strict=True)), when.now, watched=watched)
    kept = set(seen.ids) | (set(people.ids) if people and lead and lead.model else set())
    with writing(store) as conn:
        gone = traits.valued_beside(conn, kept)
        _put(conn, {id_: {} for id_ in gone}, when.now, watched=watched)
        if worth is not None:
            traits.keep_fit(conn, "value", _told(seen, worth), when.now)
        if lead is not None:
            traits.keep_fit(conn, "lead", leads.to_record(lead), when.now)
    return Refreshed(len(seen), worth, lead, written)


def _put(conn: sa.Connection, said: Mapping[str, Mapping[str, Any]], now: datetime, *, watched: bool) -> int:
    """Write what is new about a page of people; `watched`: some segment asks for it and looks again. Return how many.

    Alarms first, as a tick takes them: else the two would wait for each other.
    """
    known = traits.values_of(conn, said)
    new = {id_: one for id_, one in said.items() if known.get(id_) != one}
    if watched:
        look_again(conn, new, now)
    traits.keep_values(conn, new, now)
    return len(new)


def worked_out(seen: Customers, data: Data) -> Valued:
    """Return what the customers are worth; without scipy the fifths alone."""
    try:
        return valued(seen, (data.worth.high, data.worth.middle))
    except ConfigError as error:
        return Valued(fifths(seen.last), fifths(seen.days), fifths(seen.money), missing=str(error))


def customers(conn: sa.Connection, data: Data, when: When) -> Customers:
    """Return everybody who ordered before the instant, as columns."""
    rows = [] if data.buying is None else list(buying.customers(conn, data.buying, when.now, when.offset))
    ids = [row.id for row in rows]
    orders, days, first, last = (np.array([row[n] for row in rows], dtype=np.int64) for n in (1, 2, 3, 4))
    money = np.array([row.money for row in rows], dtype=np.float64)
    return Customers(ids, orders, days, first, last, money, when.today)


def scored(conn: sa.Connection, data: Data, when: When, goal: str) -> tuple[Lead, Asked]:
    """Return the lead score for `goal`, and everybody as they are now."""
    older, newer, now = (asked(conn, data, when.now - back, goal) for back in (2 * AHEAD, AHEAD, timedelta(0)))
    windows = [
        (one, _came(conn, one, goal, when.now - back)) for one, back in ((older, 2 * AHEAD), (newer, AHEAD))
    ]  # fmt: skip
    return leads.trained(goal, windows[0], windows[1]), now


def asked(conn: sa.Connection, data: Data, until: datetime, goal: str) -> Asked:
    """Return what is known of everybody before `until`."""
    names = signs(data, goal)
    weights = data.interests.weights if data.interests else {}
    return leads.asked(buying.behaviour(conn, names, until, WINDOWS), names, to_micros(until), weights)


def signs(data: Data, goal: str) -> tuple[str, ...]:
    """Return the events that tell something: visits, what shows interest, orders, the goal itself."""
    told = {*data.visits, *(data.interests.weights if data.interests else ()), goal}
    return tuple(sorted(told | ({data.buying.event} if data.buying else set())))


def _came(conn: sa.Connection, people: Asked, goal: str, since: datetime) -> leads.Flags:
    came = buying.who_did(conn, goal, since, since + AHEAD)
    return np.fromiter((id_ in came for id_ in people.ids), np.bool_, len(people.ids))


Page = tuple[Sequence[str], list[dict[str, Any]]]


def _rows(seen: Customers, worth: Valued | None, lead: Lead | None, people: Asked | None) -> Iterator[Page]:
    """Yield what is written of each person, in pages, by contact."""
    scores: dict[str, int] = {}
    if lead and people and lead.model:
        scores = dict(zip(people.ids, leads.scores(lead.model.chances(people.rows)).tolist(), strict=True))
    place = {id_: n for n, id_ in enumerate(seen.ids)}
    ids = sorted(place.keys() | scores.keys())
    for start in range(0, len(ids), PAGE):
        some = ids[start : start + PAGE]
        yield (
            some,
            [
                {**(_said(seen, worth, place[id_]) if worth and id_ in place else {}), **_lead(scores.get(id_))}
                for id_ in some
            ],
        )


def _lead(score: int | None) -> dict[str, Any]:
    return {} if score is None else {"lead": score}


def _said(seen: Customers, worth: Valued, n: int) -> dict[str, Any]:
    marks = int(worth.recency[n]), int(worth.frequency[n]), int(worth.monetary[n])
    said: dict[str, Any] = {
        "orders": int(seen.orders[n]), "spent": round(float(seen.money[n]), 2), "rfm": "-".join(map(str, marks)),
        "recency": marks[0], "frequency": marks[1], "monetary": marks[2],
    }  # fmt: skip
    if worth.alive is not None and worth.ahead is not None:
        said["orders_next"] = round(float(worth.ahead[n]), 4)
        if seen.days[n] > 1:  # the model lets people leave after an order that followed another: of one it cannot tell
            said["alive"] = round(float(worth.alive[n]), 4)
    if worth.worth is not None and worth.tier is not None:
        said |= {"worth": round(float(worth.worth[n]), 2), "tier": TIERS[int(worth.tier[n])]}
    return said


def _told(seen: Customers, worth: Valued) -> Mapping[str, Any]:
    """Return what was learned about everybody together."""
    told: dict[str, Any] = {"customers": len(seen), "missing": worth.missing, "cuts": list(worth.cuts)}
    told["cohorts"] = [{"name": c.name, "people": c.people, **asdict(c.purchases)} for c in worth.cohorts]
    told["spending"] = asdict(worth.spending) if worth.spending else None
    if worth.alive is not None and worth.ahead is not None:
        again = seen.days > 1
        told |= {"again": int(again.sum()), "alive": float(worth.alive[again].sum())}
        told["orders_next"] = float(worth.ahead.sum())
    if worth.worth is not None and worth.tier is not None:
        told["tiers"] = [
            {"tier": name, "people": int((worth.tier == n).sum()), "worth": float(worth.worth[worth.tier == n].sum())}
            for n, name in enumerate(TIERS)
        ]
    return told
