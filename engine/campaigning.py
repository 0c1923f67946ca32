"""A campaign at work: whom it would choose, beside the rules and the other campaigns; and sending it out.

Rules
- Trying changes nothing. Running writes the audience with its reasons, and lets the people who are to hear it enter a
  journey: caps, quiet hours, consent and suppression are the gate's, as for any message.
- A forecast says who will buy, not whom mail persuades: the holdout alone tells that, and every answer says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from hashlib import blake2b
from typing import Any

import numpy as np
import sqlalchemy as sa

from engine.audience.arrays import Flags
from engine.audience.choosing import Audience, Caught, Scored, Terms, chosen, flags_of, reasons, replayed, scored
from engine.audience.targeting import Targeting
from engine.errors import ConfigError, NotFound
from engine.gathering import Night
from engine.reaching import reached
from engine.store import campaigns as kept
from engine.store.connect import reading, writing
from engine.store.intake import trigger
from engine.store.sets import one_of
from engine.store.tables import contacts
from journeys.campaign import Campaign, Volume
from journeys.project import Attribute, Definitions, Project

LIMIT = "This finds future buyers, not people whom mail persuades: that only the holdout tells, in `campaign report`."
SAMPLE = 5
GROUP_SAMPLE = 5_000
MOST_VALUES = 8
PIECE = 1_000


@dataclass(frozen=True, slots=True)
class Chosen:
    """A campaign with everybody's chance and its audience."""

    campaign: Campaign
    scored: Scored
    audience: Audience
    reached: Flags
    seed: int


@dataclass(frozen=True, slots=True)
class Share:
    """A declared group: its share of the audience and of all who can be reached."""

    attribute: str
    value: str
    audience: float
    base: float


@dataclass(frozen=True, slots=True)
class Tried:
    """What trying a campaign says. `overlap`: other campaigns and how many people both want."""

    chosen: Chosen
    caught: tuple[Caught, ...]
    overlap: Mapping[str, int]
    crowded: int  # people whom more campaigns of the same week want than the caps let through
    limit: str  # the cap that says so
    shares: tuple[Share, ...]
    samples: tuple[tuple[float, list[tuple[str, float, float]]], ...]


def campaign_called(definitions: Definitions, name: str) -> Campaign:
    """Return the campaign of this name; NotFound names those that there are."""
    if name in definitions.campaigns:
        return definitions.campaigns[name]
    known = ", ".join(definitions.campaigns) or "none; write campaigns/NAME.yaml"
    raise NotFound(f'no campaign called "{name}"; there are: {known}')


def seed_of(campaign: Campaign, day: date) -> int:
    """Return the seed of a campaign's draws: another one every week."""
    year, week, _ = day.isocalendar()
    said = f"{campaign.id} {year} {week}".encode()
    return int.from_bytes(blake2b(said, digest_size=4).digest(), "big") % 2**31


def learned(night: Night) -> Targeting:
    """Return the weights of the night; ConfigError when there was too little to learn from."""
    if night.targeting is None:
        raise ConfigError(f"nobody can say yet who will buy: {night.why}")
    return night.targeting


def choose(conn: sa.Connection, definitions: Definitions, night: Night, one: Campaign, now: datetime) -> Chosen:
    """Return whom a campaign would choose now."""
    arrays = night.arrays
    if not one.products.words and not flags_of(arrays, one.products).any():
        raise NotFound(
            f"{one.file}: nobody ever bought any of its products, and none is in the catalogue; "
            "is it another family or sku (sojourn product list)? New products are named by `words`"
        )
    found = scored(arrays, learned(night), one.products)
    able = np.zeros(arrays.people, np.bool_)
    at = arrays.find(reached(conn, definitions, one, now))
    able[at[at >= 0]] = True
    seed = seed_of(one, now.date())
    return Chosen(one, found, chosen(found, able, Terms(one.volume, one.random, one.holdout, seed)), able, seed)


def _project(definitions: Definitions) -> Project:
    if definitions.project is None:
        raise ConfigError("sojourn.yaml cannot be read; run: sojourn lint")
    return definitions.project


def tried(conn: sa.Connection, definitions: Definitions, night: Night, one: Campaign, now: datetime) -> Tried:
    """Return everything that can be said of a campaign before it goes out."""
    mine = choose(conn, definitions, night, one, now)
    arrays = night.arrays
    base = max(int(mine.reached.sum()), 1)
    others = [choose(conn, definitions, night, other, now) for other in _beside(definitions, one)]
    people = mine.audience.people
    wanted = np.zeros(arrays.people, np.int32)
    for other in others:
        wanted[other.audience.people] += 1
    cap, limit = weekly_cap(_project(definitions))
    overlap = {other.campaign.id: int(np.isin(people, other.audience.people).sum()) for other in others}
    some = (
        people[np.unique(np.linspace(0, len(people) - 1, min(SAMPLE, len(people))).astype(int))]
        if len(people)
        else people
    )
    why = reasons(mine.scored, some)
    return Tried(
        mine, replayed(arrays, learned(night), one.products, len(people) / base),
        overlap, int((wanted[people] + 1 > cap).sum()), limit,
        tuple(fairness(conn, _project(definitions), night, mine)),
        tuple((float(mine.scored.chances[n]), row) for n, row in zip(some, why, strict=True)),
    )  # fmt: skip


def _beside(definitions: Definitions, one: Campaign) -> Iterator[Campaign]:
    """Yield the other campaigns that may go out in the same weeks."""
    for other in definitions.campaigns.values():
        same = not one.weeks or not other.weeks or set(one.weeks) & set(other.weeks)
        if other.id != one.id and same:
            yield other


def weekly_cap(project: Project) -> tuple[int, str]:
    """Return how many messages a person may get in a week by the project's caps, and the cap that says so."""
    found = [(_per_week(rule.limit, rule.per), str(rule)) for rule in project.limits.caps if rule.scope == "all"]
    return min(found, default=(2, "2 a week"))


def _per_week(limit: int, per: str | timedelta) -> int:
    days = {"day": 1.0, "week": 7.0, "month": 30.0}[per] if isinstance(per, str) else per / timedelta(days=1)
    return max(1, int(limit * 7 / days)) if limit else 0


def fairness(conn: sa.Connection, project: Project, night: Night, mine: Chosen) -> Iterator[Share]:
    """Yield the shares of the declared groups: demographic attributes with few values, on samples of both."""
    names = [name for name, one in project.data.attributes.items() if _declared(one)]
    if not names or not len(mine.audience.people):
        return
    chance = np.random.default_rng(mine.seed)
    able = np.flatnonzero(mine.reached)
    both = [_attributes(conn, night, chance.permutation(some)[:GROUP_SAMPLE]) for some in (mine.audience.people, able)]
    for name in names:
        counts = [_counted(people, name) for people in both]
        values = sorted(counts[1], key=lambda value: -counts[1][value])[:MOST_VALUES]
        for value in values:
            sizes = [max(sum(count.values()), 1) for count in counts]
            yield Share(name, value, counts[0].get(value, 0) / sizes[0], counts[1][value] / sizes[1])


def _declared(one: Attribute) -> bool:
    open_ = not one.private and not one.sensitive
    return open_ and one.kind == "demographic" and one.type in ("enum", "text", "flag")


def _attributes(conn: sa.Connection, night: Night, people: Any) -> list[Mapping[str, Any]]:
    ids = [night.arrays.id(int(n)) for n in people]
    return list(conn.execute(sa.select(contacts.c.attributes).where(one_of(contacts.c.id, ids))).scalars())


def _counted(people: Sequence[Mapping[str, Any]], name: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in people:
        value = str(one.get(name) if one.get(name) is not None else "not said")
        found[value] = found.get(value, 0) + 1
    return found


def run(
    store: sa.Engine, definitions: Definitions, night: Night, one: Campaign, now: datetime
) -> tuple[str, Chosen, int]:
    """Write the audience and let it enter; return the run, whom it chose, and how many entered.

    A run is once per campaign and week: doing it again finishes what was begun, and nobody enters twice.
    """
    week = monday(now.date())
    name = f"{one.id}@{week:%G-W%V}"
    with reading(store) as conn:
        done = [row for row in kept.runs_of(conn, one.id) if row.id == name]
        mine = choose(conn, definitions, night, _in_week(one, week), now)
        if kept_back := kept.reserved(conn, one.id, week.isoformat()):
            mine = _only_reserved(mine, night, kept_back)
    if not done:
        with writing(store) as conn:
            kept.begin_run(conn, _row(name, night, mine, now), _rows(name, night, mine))
    with reading(store) as conn:
        hearing = sorted(kept.entered(conn, name))
    count = 0
    for start in range(0, len(hearing), PIECE):
        with writing(store) as conn:
            count += trigger(conn, one.journey, hearing[start : start + PIECE], now, f"campaign {name}")
    return name, mine, count


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _in_week(one: Campaign, week: date) -> Campaign:
    """Return the campaign; ConfigError when it may not go out this week."""
    if one.weeks and week not in one.weeks:
        said = ", ".join(f"{other:%G-W%V}" for other in one.weeks)
        raise ConfigError(f"{one.file}: this week is {week:%G-W%V}, and it goes out in {said}; change `weeks`, or wait")
    return one


def _only_reserved(mine: Chosen, night: Night, ids: frozenset[str]) -> Chosen:
    """Return the choice among those to whom the plan gave a place in this week."""
    at = night.arrays.find(sorted(ids))
    reached = np.zeros_like(mine.reached)
    reached[at[at >= 0]] = True
    reached &= mine.reached
    terms = Terms(Volume(number=int(reached.sum())), 0.0, mine.campaign.holdout, mine.seed)
    return replace(mine, audience=chosen(mine.scored, reached, terms), reached=reached)


def _row(name: str, night: Night, mine: Chosen, now: datetime) -> dict[str, Any]:
    one, audience, targeting = mine.campaign, mine.audience, learned(night)
    skus = [sku for sku, own in zip(night.arrays.skus, mine.scored.own, strict=True) if own]
    about = {
        "volume": str(one.volume), "holdout": one.holdout, "random": one.random, "words": one.products.words,
        "skus": skus[:2000], "money": mine.scored.money, "ratio": mine.scored.model.ratio,
        "within": one.within.total_seconds(), "reached": int(mine.reached.sum()), "file": one.file,
    }  # fmt: skip
    return {
        "id": name, "campaign": one.id, "at": now, "journey": one.journey, "arrays": night.arrays.version,
        "weights": targeting.version, "seed": mine.seed, "size": len(audience.people), "forecast": audience.forecast,
        "low": audience.low, "high": audience.high, "about": about,
    }  # fmt: skip


def _rows(name: str, night: Night, mine: Chosen) -> Iterator[dict[str, Any]]:
    audience, found = mine.audience, mine.scored
    for start in range(0, len(audience.people), PIECE):
        part = slice(start, start + PIECE)
        why = reasons(found, audience.people[part])
        for n, random, held, reason in zip(
            audience.people[part], audience.by_chance[part], audience.held[part], why, strict=True
        ):
            yield {
                "run": name, "contact_id": night.arrays.id(int(n)), "p": float(found.chances[n]),
                "group": "random" if random else "model", "held": bool(held), "rfm": float(found.rfm[n]),
                "reasons": [[what, round(adds, 3), round(value, 2)] for what, adds, value in reason],
            }  # fmt: skip
