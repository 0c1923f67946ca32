"""What came of a campaign: against its holdout, its forecast, chance, and what RFM would have picked.

Rules
- The unit is the contact. Who was to hear it is compared with who was held out, whatever the gate decided: that is
  what the campaign did, refused messages included.
- RFM is replayed on the same people: of one audience, what the better half by the model and by RFM hold.
- Nothing is said before it can be: the words are those of every report.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

import sqlalchemy as sa

from engine.report.findings import MoneyGap
from engine.report.intervals import Z95, Difference, Rate, Span, Verdict, difference, verdict
from engine.report.money import Spent, gaps
from engine.store import campaigns as kept
from engine.store.buying import money_of
from engine.store.campaign_tables import audiences
from engine.store.tables import deliveries
from journeys.campaign import GOAL_WITHIN, Campaign
from journeys.expression import Scope
from journeys.project import Buying, Data

DECILES = 10
BEFORE = timedelta(days=90)
HEARD, HELD = "heard", "held"


@dataclass(frozen=True, slots=True)
class Person:
    """One of the audience, and what became of it."""

    p: float
    rfm: float
    random: bool
    held: bool
    reached: bool  # the goal
    money: float
    before: float


@dataclass(frozen=True, slots=True)
class Compared:
    """Two rates, their difference, and the only words that may be said of it."""

    heard: Rate
    held: Rate
    difference: Difference
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Report:
    """Everything about one run. `left`: how long the goal's time still runs; None: it is over."""

    run: str
    at: datetime
    left: timedelta | None
    people: int
    sent: int
    whole: Compared
    deciles: tuple[Compared, ...]
    forecast: tuple[float, float, float] | None  # buyers, low, high: of the same time and the same goal
    bought: int
    rule: tuple[float, float, Span]  # share of goals in the better half by the model, by RFM, their difference
    chance: tuple[Rate, Rate]  # the model's own, and those drawn by chance
    money: MoneyGap | None


def report(conn: sa.Connection, run: Any, one: Campaign, data: Data, when: tuple[datetime, tzinfo]) -> Report:
    """Return the report of a run as of `when` (now, the project's zone)."""
    now, zone = when
    ends = run.at + one.within
    people = _people(conn, run, one, data, (min(now, ends), zone))
    heard, held = [one for one in people if not one.held], [one for one in people if one.held]
    over = now >= ends
    comparable = one.goal is None and one.within == GOAL_WITHIN and over
    return Report(
        run.id, run.at, None if over else ends - now, len(people), _sent(conn, run), _compared(heard, held, over=over),
        tuple(_deciles(people, over=over)), (run.forecast, run.low, run.high) if comparable else None,
        sum(one.reached for one in people), _rule([one for one in people if not one.random]),
        (_rate(one for one in people if not one.random), _rate(one for one in people if one.random)),
        _money(people),
    )  # fmt: skip


def _people(conn: sa.Connection, run: Any, one: Campaign, data: Data, when: tuple[datetime, tzinfo]) -> list[Person]:
    until, zone = when
    done: dict[str, float] = {}
    spent: dict[str, float] = {}
    before: dict[str, float] = {}
    buying = data.buying or Buying("")
    names = sorted({buying.event, *(one.goal.events if one.goal else ())})
    own = frozenset(run.about.get("skus", ())) if not one.products.words else frozenset()
    for contact, name, at, body in kept.happenings(conn, run.id, names, (run.at - BEFORE, until)):
        if at < run.at:
            before[contact] = before.get(contact, 0.0) + (money_of(body, buying) if name == buying.event else 0.0)
            continue
        if name == buying.event:
            spent[contact] = spent.get(contact, 0.0) + money_of(body, buying)
        worth = _goal(one, name, body, (own, buying), (at, zone))
        if worth is not None and contact not in done:
            done[contact] = worth
    return [
        Person(row.p, row.rfm, row.group == "random", bool(row.held), row.contact_id in done,
               spent.get(row.contact_id, 0.0), before.get(row.contact_id, 0.0))
        for row in kept.audience_of(conn, run.id)
    ]  # fmt: skip


def _goal(
    one: Campaign,
    name: str,
    body: Mapping[str, Any],
    goods: tuple[frozenset[str], Buying],
    when: tuple[datetime, tzinfo],
) -> float | None:
    """Return what an event is worth as a success, None when it is none."""
    own, buying = goods
    if one.goal is None:
        return 1.0 if name == buying.event and (not own or own & _skus(body, buying)) else None
    scope = Scope(when[0], when[1], event=body)
    if name not in one.goal.events or (one.goal.guard is not None and not one.goal.guard.holds(scope)):
        return None
    worth = one.goal.value.value(scope) if one.goal.value else 1.0
    return float(worth) if isinstance(worth, int | float) else 0.0


def _skus(body: Mapping[str, Any], buying: Buying) -> frozenset[str]:
    items = body.get(buying.items) if buying.items else [body]
    lines = items if isinstance(items, list) else []
    return frozenset(str(line.get(buying.sku)) for line in lines if isinstance(line, Mapping))


def _rate(people: Iterable[Person]) -> Rate:
    some = list(people)
    return Rate(sum(one.reached for one in some), len(some))


def _compared(heard: Sequence[Person], held: Sequence[Person], *, over: bool) -> Compared:
    ours, theirs = _rate(heard), _rate(held)
    return Compared(ours, theirs, difference(ours, theirs), verdict(ours, theirs, running=not over))


def _deciles(people: Sequence[Person], *, over: bool) -> Iterable[Compared]:
    """Yield the model's choice in tenths, the likeliest first: `people` come in that order."""
    mine = [one for one in people if not one.random]
    for n in range(DECILES):
        part = mine[len(mine) * n // DECILES : len(mine) * (n + 1) // DECILES]
        yield _compared([one for one in part if not one.held], [one for one in part if one.held], over=over)


def _rule(people: Sequence[Person]) -> tuple[float, float, Span]:
    """Return which share of those who reached the goal each better half holds; a paired comparison (McNemar)."""
    half = len(people) // 2
    order = range(len(people))
    ours = set(sorted(order, key=lambda n: (-people[n].p, n))[:half])
    theirs = set(sorted(order, key=lambda n: (-people[n].rfm, n))[:half])
    goals = {n for n in order if people[n].reached}
    if not goals:
        return 0.0, 0.0, Span(-1.0, 1.0)
    more, less = len(goals & ours - theirs), len(goals & theirs - ours)
    gap = (more - less) / len(goals)
    width = Z95 * math.sqrt(max(more + less - (more - less) ** 2 / len(goals), 1.0)) / len(goals)
    return len(goals & ours) / len(goals), len(goals & theirs) / len(goals), Span(gap - width, gap + width)


def _money(people: Sequence[Person]) -> MoneyGap | None:
    spent = [Spent(HELD if one.held else HEARD, one.money, one.before) for one in people]
    return next(iter(gaps(spent, HEARD, [HELD], None)), None)


def _sent(conn: sa.Connection, run: Any) -> int:
    d, a = deliveries.c, audiences.c
    asked = sa.select(sa.func.count()).where(d.journey == run.journey, d.sent_at.is_not(None), d.queued_at >= run.at)
    members = sa.select(a.contact_id).where(a.run == run.id, a.held.is_(sa.false()))
    return int(conn.execute(asked.where(d.contact_id.in_(members))).scalar_one())
