"""What is wrong with segments as groups of people: too small to show anything, the same people twice, dead or drifted.

Rules
- Counts decide: nothing is said without facts, nor about a segment that was never filled.
- Too small: two halves of it, 30 days, 80 % power at 5 % (Lehr 1992) could not show even twice as many goals. Said only
  where all contacts together would be enough: a small shop has no larger groups.
- An experiment is too small when 30 days of people who take part could not show half as many goals again.
- Drifted: the population stability index of its share of all contacts, against the day it was filled, is over 0.25.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import log
from statistics import mean

from journeys.check_learning import GUESS, detectable
from journeys.facts import Facts, Group
from journeys.finding import warning
from journeys.problem import Problem
from journeys.project import Data

TWICE = 1.0
SAME, DRIFTED = 0.9, 0.25


def check_segments(data: Data, facts: Facts) -> list[Problem]:
    """Return what the store's counts say against the segments of data.yaml."""
    if not facts.known:
        return []
    known = {name: facts.segments[name] for name in data.segments if name in facts.segments}
    return [*_too_small(data, facts, known), *_overlapping(data, facts, known), *_dead(data, facts, known),
            *_feeble(data, facts)]  # fmt: skip


def lift(rate: float, people: float) -> float:
    """Return the smallest lift over `rate` that two halves of so many people can show."""
    return detectable(rate, people / 2, people / 2) / rate


def _too_small(data: Data, facts: Facts, known: dict[str, Group]) -> Iterator[Problem]:
    """W920: a segment in which nothing could be tested."""
    goals = [one.goal for one in facts.traffic.values() if one.goal]
    rate = min(max(mean(goals), 0.005), 0.5) if goals else GUESS
    if not facts.contacts or lift(rate, facts.contacts) > TWICE / 2:
        return
    for name, one in known.items():
        if one.people and lift(rate, one.people) > TWICE:
            shown = lift(rate, one.people)
            says = (
                f'the segment "{name}" has {one.people:,} people: the smallest lift that it could show in 30 days is '
                f"{shown:.0%} (at {rate:.1%} who reach a goal)"
            )
            yield warning("W920", data.segments[name].place, says, _wider(facts, name, known))


def _feeble(data: Data, facts: Facts) -> Iterator[Problem]:
    """W923: an experiment that could show nothing within a month."""
    for one in data.experiments.values():
        where = facts.segments if one.kind == "segments" else facts.traffic
        if one.kind == "split" or not all(arm in where for arm in one.arms):
            continue
        if one.kind == "segments":
            month = float(sum(facts.segments[arm].entered for arm in one.arms))
            goals = [told.goal for told in facts.traffic.values() if told.goal]
        else:
            month = sum(facts.traffic[arm].month for arm in one.arms)
            goals = [goal for arm in one.arms if (goal := facts.traffic[arm].goal)]
        rate = min(max(mean(goals), 0.005), 0.5) if goals else GUESS
        shown = detectable(rate, month * one.share, month * (1 - one.share)) / rate if month else 99.0
        if shown > TWICE / 2:
            says = (
                f'about {month:,.0f} people a month take part in the experiment "{one.name}": the smallest lift that '
                f"it could show in 30 days is {min(shown, 99):.0%} (at {rate:.1%} who reach a goal)"
            )
            yield warning("W923", one.place, says, "let it run longer, or compare what more people meet")


def _wider(facts: Facts, name: str, known: dict[str, Group]) -> str:
    """Return the way out: the smallest larger segment that holds most of it."""
    larger = [
        (known[other].people, other)
        for other in known
        if other != name and known[other].people > known[name].people and facts.overlaps.get((name, other), 0) > SAME
    ]
    return f"test in {min(larger)[1]}, which holds it" if larger else "make its condition wider, or test in all of them"


def _overlapping(data: Data, facts: Facts, known: dict[str, Group]) -> Iterator[Problem]:
    """W921: two segments that are the same people."""
    for one, two in combinations(known, 2):
        both = min(facts.overlaps.get((one, two), 0.0), facts.overlaps.get((two, one), 0.0))
        if both > SAME:
            says = f'the segments "{one}" and "{two}" are the same people: {both:.0%} of each is in the other'
            yield warning("W921", data.segments[two].place, says, f"keep one of them, or write `in_segment({one})`")


def _dead(data: Data, facts: Facts, known: dict[str, Group]) -> Iterator[Problem]:
    """W922: a segment that nobody enters any more, or that is no longer what it was."""
    for name, one in known.items():
        place = data.segments[name].place
        if one.age >= 30 and not one.entered:
            yield warning(
                "W922", place, f'nobody has entered the segment "{name}" for 30 days', "look at its condition"
            )
        elif one.was is not None and facts.contacts and drift(one.was, one.people / facts.contacts) > DRIFTED:
            now = one.people / facts.contacts
            says = f'the segment "{name}" has drifted: {one.was:.1%} of contacts when it was made, {now:.1%} now'
            yield warning("W922", place, says, "look at its condition, or take the change as it is: deploy it again")


def drift(before: float, now: float) -> float:
    """Return the population stability index of two shares: of who is in, and who is out."""
    pairs = [(max(p, 1e-4), max(q, 1e-4)) for p, q in ((before, now), (1 - before, 1 - now))]
    return sum((q - p) * log(q / p) for p, q in pairs)
