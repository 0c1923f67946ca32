"""Interests kept up to date: each tick adds what its events show, each night everything is counted anew.

Rules
- An event is counted in the transaction that marks it as seen, so exactly once, whatever ends the process when.
- It is added before segments and walks look: they see the interest that the event shows. Who is then parked, and so
  keeps the event fresh, has it taken back.
- Counting anew reads the events that walks have seen and comes to the same sums: it takes up a changed data.yaml,
  merged people and withdrawn consent. No tick is under way while a page is counted, so nothing falls in between.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from engine.audience.interests import Scores, Shown, add, now_worth, skus_of, topics_of
from engine.store import traits
from engine.store.columns import to_micros
from engine.store.connect import alone, writing
from engine.store.traits import Heard
from journeys.project import Data

if TYPE_CHECKING:
    from engine.engine import Engine

Held = dict[str, Mapping[str, Sequence[float]]]


@dataclass(frozen=True, slots=True)
class Interesting:
    """What data.yaml says about interests, at work."""

    data: Data

    def note(self, conn: sa.Connection, ids: Sequence[str], now: datetime) -> Held:
        """Add what the fresh events of these contacts show; return the interests of whom it changed as they were."""
        if self.data.interests is None:
            return {}
        news = traits.fresh(conn, ids, self.data.interests.weights)
        if not news:
            return {}
        before = traits.interests_of(conn, news)
        found = self.counted(conn, news, before)
        traits.keep_interests(conn, found, now)
        return {id_: before.get(id_, {}) for id_ in found}

    def forget(self, conn: sa.Connection, before: Held, broken: Collection[str], now: datetime) -> None:
        """Take back what was noted of those who are parked: their events stay fresh and are counted another time."""
        traits.keep_interests(conn, {id_: one for id_, one in before.items() if id_ in broken}, now)

    def counted(self, conn: sa.Connection, news: Mapping[str, list[Heard]], before: Mapping[str, Scores]) -> Held:
        """Return the interests of these contacts with what they showed; who showed nothing new is left out."""
        wanted = self.data.interests
        if wanted is None:
            return {}
        buying = self.data.buying
        named = {sku for events in news.values() for _, _, data in events for sku in skus_of(data, buying)}
        products = traits.topics(conn, named, wanted.topic)
        found: Held = {}
        for id_, events in news.items():
            shown: list[Shown] = [
                (topic, wanted.weights[name], at)
                for name, at, data in events
                for topic in sorted(topics_of(data, wanted, products, buying))
            ]
            if shown:
                found[id_] = add(before.get(id_, {}), shown, wanted.half_life)
        return found


def recount(engine: Engine) -> str | None:
    """Count everybody's interests anew, page by page, and how popular each topic is; the nightly chore."""
    data, now, people = engine.project.data, engine.clock.now(), 0
    popular: dict[str, float] = {}
    after: str | None = ""
    while after is not None:
        with writing(engine.store) as conn:
            alone(conn)
            after, held = _page(conn, Interesting(data), after, now)
        for scores in held.values():
            _tell(popular, scores, data, to_micros(now))
        people += len(held)
    if data.interests is None:
        return None
    total = sum(popular.values())
    shares = {topic: points / total for topic, points in sorted(popular.items(), key=lambda one: -one[1])[:1000]}
    with writing(engine.store) as conn:
        traits.keep_fit(conn, "interests", {"people": people, "popular": shares}, now)
    return f"interests of {people:,} people in {len(shares):,} topics"


def _page(conn: sa.Connection, interesting: Interesting, after: str, now: datetime) -> tuple[str | None, Held]:
    """Count the next page; return its last contact (None: there was none) and what was found."""
    ids, refusing = traits.page_after(conn, after)
    if not ids and not refusing:
        return None, {}
    traits.forget(conn, refusing)
    wanted = interesting.data.interests
    news = traits.heard(conn, ids, wanted.weights) if wanted else {}
    found = interesting.counted(conn, news, {})
    gone = traits.interests_of(conn, ids).keys() - found.keys()
    traits.keep_interests(conn, {**found, **{id_: {} for id_ in gone}}, now)
    return max([*ids, *refusing]), found


def _tell(popular: dict[str, float], scores: Scores, data: Data, at: int) -> None:
    """Add a person's shares, so that each counts once however much they do."""
    if data.interests is None:
        return
    held = now_worth(scores, at, data.interests.half_life)
    total = sum(held.values())
    for topic, points in held.items():
        popular[topic] = popular.get(topic, 0.0) + (points / total if total else 0.0)
