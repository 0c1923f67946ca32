"""Interests: which families somebody buys from next, by sums that fade, and how fast they are added up.

Online Retail: 28 days are foretold from what was before; a visit shows each family of its bill once. msweb has no times
(a week of one web site): of each visitor's areas one is hidden, and its topic is guessed from the others.
"""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

import duckdb
import numpy as np

from benchmarks.people.line import Line, NoData, Result, folder
from benchmarks.people.retail import retail
from engine.audience.interests import Scores, add, now_worth, share

AHEAD = 28 * 1440  # minutes
MINUTE = 60_000_000
HALVES = (7, 30, 90)
AIM = (0.672, 0.600, 0.579)  # top-1, precision@3, recall@5 of people.md 7
SLACK = 0.01
EVENTS = 200_000

Figures = tuple[float, float, float]


@lru_cache(maxsize=1)
def foretold(data: Path) -> dict[str, Figures]:
    """Return by method how well it names the families of the next 28 days: top-1, precision@3, recall@5."""
    visits, end = _visits(data)
    cut = end - AHEAD
    popular = _shares(Counter(family for _, minute, family in visits if cut - AHEAD <= minute < cut))
    came: dict[str, set[str]] = defaultdict(set)
    for who, minute, family in visits:
        if minute >= cut:
            came[who].add(family)
    before: dict[str, list[tuple[str, float, int]]] = defaultdict(list)
    for who, minute, family in visits:
        if minute < cut:
            before[who].append((family, 1.0, minute * MINUTE))
    people = sorted(came.keys() & before.keys())
    ranks = {"popular": [list(popular)] * len(people)}
    for days in HALVES:
        half = timedelta(days=days)
        held = [now_worth(add({}, before[who], half), cut * MINUTE, half) for who in people]
        ranks[f"{days} d"] = [[*one, *(topic for topic in popular if topic not in one)] for one in held]
    shrunk = [{topic: share(one, topic, popular.get(topic, 0.0)) for topic in {*one, *popular}} for one in held]
    ranks["90 d shrunk"] = [sorted(one, key=lambda topic: -one[topic]) for one in shrunk]
    return {name: _judged(rank, [came[who] for who in people]) for name, rank in ranks.items()}


def _visits(data: Path) -> tuple[list[tuple[str, int, str]], int]:
    """Return (person, minute, family) once for each bill, and the end of the data."""
    products, lines, _, ids = retail(data)
    families = [one["family"] for one in products.values()]
    items = [] if lines.what is None else lines.what.tolist()
    rows = zip(lines.who.tolist(), lines.minute.tolist(), items, strict=True)
    seen = {(ids[who], minute, families[what]) for who, minute, what in rows}
    return sorted(seen, key=lambda one: (one[1], one[0], one[2])), int(lines.minute.max()) + 1


def _shares(counts: Counter[str]) -> dict[str, float]:
    total = sum(counts.values())
    return {topic: count / total for topic, count in counts.most_common()}


def _judged(ranks: list[list[str]], truth: list[set[str]]) -> Figures:
    top = np.mean([rank[0] in true for rank, true in zip(ranks, truth, strict=True)])
    three = np.mean([len(true.intersection(rank[:3])) / 3 for rank, true in zip(ranks, truth, strict=True)])
    five = np.mean(
        [len(true.intersection(rank[:5])) / min(5, len(true)) for rank, true in zip(ranks, truth, strict=True)]
    )
    return float(top), float(three), float(five)


def families(data: Path | None) -> Result:
    if data is None:
        raise NoData("needs online_retail/ (--data DIR or SOJOURN_DATA)")
    found = foretold(data)
    ours = found["90 d shrunk"]
    others = ", ".join(f"{name} {_said(one)}" for name, one in found.items() if name != "90 d shrunk")
    best = all(ours[n] >= max(one[n] for one in found.values()) - 1e-9 for n in range(3))
    figures = {f"{name} {what}": one[n] for name, one in found.items() for n, what in enumerate(("top1", "p3", "r5"))}
    return Result(_said(ours), others, best and ours[0] >= AIM[0] - SLACK, figures)


def _said(figures: Figures) -> str:
    return "/".join(f"{one:.3f}".lstrip("0") for one in figures)


def areas(data: Path | None) -> Result:
    """Guess the topic of a hidden area of a visitor's week."""
    file = folder(data, "msweb") / "visits.parquet"
    found = duckdb.sql(f"select visitor, area from '{file}' order by visitor, area").fetchall()
    topics = _topics({area for _, area in found})
    mine: dict[int, list[str]] = defaultdict(list)
    for visitor, area in found:
        mine[visitor].append(area)
    rng = np.random.default_rng(7)
    popular = _shares(Counter(topics[area] for _, area in found))
    half, first = timedelta(days=90), next(iter(popular))
    hits = {"popular": 0, "most seen": 0, "shrunk": 0}
    asked = [some for some in mine.values() if len(some) >= 4]
    for some in asked:
        hidden = int(rng.integers(len(some)))
        rest: Scores = add({}, [(topics[area], 1.0, 0) for n, area in enumerate(some) if n != hidden], half)
        held = now_worth(rest, 0, half)
        guess = max(popular, key=lambda topic: share(held, topic, popular[topic]))
        told = {"popular": first, "most seen": next(iter(held)), "shrunk": guess}
        for name, topic in told.items():
            hits[name] += topic == topics[some[hidden]]
    rates = {name: count / len(asked) for name, count in hits.items()}
    others = ", ".join(f"{name} {rate:.3f}" for name, rate in rates.items() if name != "shrunk")
    return Result(f"{rates['shrunk']:.3f} of {len(asked):,}", others, rates["shrunk"] > rates["popular"], rates)


def _topics(names: set[str]) -> dict[str, str]:
    """Return each area's most common word: areas with a word in common are one topic."""
    words = {name: re.findall(r"[a-z]{3,}", name.lower()) for name in names}
    counts = Counter(word for some in words.values() for word in set(some))
    return {name: max(some, key=lambda word: (counts[word], word)) if some else "other" for name, some in words.items()}


def speed(_: Path | None) -> Result:
    """Add up events one at a time, as ticks that see one event each would."""
    rng = np.random.default_rng(1)
    topics = [f"t{n}" for n in rng.integers(0, 15, EVENTS)]
    half = timedelta(days=90)
    scores: dict[str, list[float]] = {}
    began = time.perf_counter()
    for n, topic in enumerate(topics):
        scores = add(scores, [(topic, 1.0, n * MINUTE)], half)
    rate = EVENTS / (time.perf_counter() - began)
    return Result(f"{rate:,.0f} events/s, one by one", "", rate > 50_000, {"events_per_second": rate})


LINES = (
    Line("G15 interests, families of the next 28 days", "top1/p@3/r@5 .672/.600/.579", families),
    Line("G15 interests, a hidden area (msweb)", "better than popular", areas),
    Line("G15 interests, adding events", "> 50,000 /s", speed),
)
