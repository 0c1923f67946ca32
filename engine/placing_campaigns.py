"""All campaigns of the files over their weeks: what each would bring for whom, who gets a place, and what is given up.

Rules
- A campaign takes part with those of its weeks that are not over; without weeks, with this one.
- The plan reserves, no more: consent, caps and quiet hours are the gate's when it is time.
- What is worth to be sent is what people are expected to spend; where no prices are known, that they buy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import sqlalchemy as sa

from engine.audience.plan import MOST_WEEKS, Rules, Values, Weeks, calendar, plan, total
from engine.campaigning import Chosen, choose, monday, weekly_cap
from engine.errors import ConfigError
from engine.gathering import Night
from engine.store import campaigns as kept
from journeys.campaign import Campaign
from journeys.project import Definitions


@dataclass(frozen=True, slots=True)
class Row:
    """One campaign: people by week, how many it wanted and what those would bring; `taken` went to `by` and others."""

    campaign: str
    by_week: tuple[int, ...]
    may: tuple[bool, ...]
    wanted: int
    value: float
    alone: float
    taken: int
    by: str


@dataclass(frozen=True)
class Planned:
    """The whole plan; `found` [people, campaigns] holds weeks."""

    weeks: tuple[date, ...]
    rows: tuple[Row, ...]
    found: Weeks
    chances: Values
    value: float
    usual: float
    limit: str


def planned(conn: sa.Connection, definitions: Definitions, night: Night, now: datetime) -> Planned:
    """Return the plan of all campaigns that may still go out."""
    this = monday(now.date())
    able = [one for one in definitions.campaigns.values() if not one.weeks or max(one.weeks) >= this]
    weeks = sorted({week for one in able for week in (one.weeks or (this,)) if week >= this})[:MOST_WEEKS]
    if definitions.project is None:
        raise ConfigError("sojourn.yaml cannot be read; run: sojourn lint")
    cap, limit = weekly_cap(definitions.project)
    able = [one for one in able if set(one.weeks or (this,)) & set(weeks)]
    chosen = [choose(conn, definitions, night, one, now) for one in able]
    people = night.arrays.people
    values, chances = (np.zeros((people, len(able)), np.float32) for _ in range(2))
    for n, one in enumerate(chosen):
        chances[:, n] = one.scored.chances
        values[:, n] = np.where(one.reached, one.scored.chances * (one.scored.money or 1.0), 0)
    rules = Rules(
        np.array([[w in (one.weeks or (this,)) for w in weeks] for one in able], np.bool_).reshape(-1, len(weeks)),
        np.array([_volume(one) for one in chosen], np.int64), _topics(able), cap,
    )  # fmt: skip
    found = plan(values, rules)
    rows = tuple(_row(n, chosen, values, (found, rules)) for n in range(len(able)))
    return Planned(
        tuple(weeks), rows, found, chances, total(values, found), total(values, calendar(values, rules)), limit
    )


def _volume(one: Chosen) -> int:
    """Return how many the model may choose: the random slice is drawn when it goes out."""
    return int((~one.audience.by_chance).sum())


def _topics(campaigns: Sequence[Campaign]) -> Any:
    """Return numbers of topics; the general one is none: a person may hear of it more than once a week."""
    names = sorted({one.topic for one in campaigns if one.topic != "general"})
    apart = iter(range(len(names), len(names) + len(campaigns)))
    return np.array([names.index(one.topic) if one.topic in names else next(apart) for one in campaigns], np.int64)


def _row(n: int, chosen: Sequence[Chosen], values: Values, placed: tuple[Weeks, Rules]) -> Row:
    found, rules = placed
    mine = chosen[n].audience
    wanted = mine.people[~mine.by_chance]
    lost = wanted[found[wanted, n] < 0]
    others = (found[lost] >= 0).sum(axis=0) if len(lost) else np.zeros(len(chosen), np.int64)
    by = chosen[int(others.argmax())].campaign.id if others.any() else ""
    weeks = range(rules.weeks.shape[1])
    return Row(
        chosen[n].campaign.id, tuple(int((found[:, n] == week).sum()) for week in weeks),
        tuple(bool(one) for one in rules.weeks[n]), len(wanted),
        float(values[found[:, n] >= 0, n].sum()), float(values[wanted, n].sum()),
        int((found[lost] >= 0).any(axis=1).sum()) if len(lost) else 0, by,
    )  # fmt: skip


def reserve(conn: sa.Connection, done: Planned, night: Night, now: datetime) -> int:
    """Put the plan in place of what was reserved for these campaigns; return how many places."""
    people, campaigns = np.nonzero(done.found >= 0)
    names = [row.campaign for row in done.rows]
    rows = [
        {"campaign": names[what], "contact_id": night.arrays.id(int(who)), "p": float(done.chances[who, what]),
         "week": done.weeks[done.found[who, what]].isoformat(), "at": now}
        for who, what in zip(people.tolist(), campaigns.tolist(), strict=True)
    ]  # fmt: skip
    kept.reserve(conn, rows, names)
    return len(rows)
