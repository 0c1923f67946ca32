"""What the store can add about a name that data.yaml does not know: R202, an event that did happen or never did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta

from journeys.facts import Facts
from journeys.problem import Problem

UNITS = (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1)))


def noted(problems: Iterable[Problem], facts: Facts) -> Iterator[Problem]:
    """Yield the problems; those about unknown events say when the store last saw them."""
    for problem in problems:
        if problem.code == "R202" and problem.about and facts.known:
            yield replace(problem, notes=(*problem.notes, _last_seen(problem, facts)), helps=_ways_out(problem, facts))
        else:
            yield problem


def _last_seen(problem: Problem, facts: Facts) -> str:
    guess = problem.fix[0].text if problem.fix else ""
    meant = f'. "{guess}": {_seen(guess, facts)}' if guess else ""
    return f"last seen in the store: {_seen(problem.about, facts)}{meant}"


def _seen(event: str, facts: Facts) -> str:
    seen = facts.events.get(event)
    return f"{ago(seen.ago)}, {seen.month:,} in 30 days" if seen else "never"


def _ways_out(problem: Problem, facts: Facts) -> tuple[str, ...]:
    """An event that comes in and is not declared is to be declared; one that never came is a slip."""
    if problem.about in facts.events:
        return (*problem.helps, f"it does come in: declare it in data.yaml, `events: {{{problem.about}: {{}}}}`")
    return problem.helps


def ago(span: timedelta) -> str:
    """Return how long ago in words, rounded down: "3 minutes ago", "just now"."""
    for word, unit in UNITS:
        if span >= unit:
            count = span // unit
            return f"{count:,} {word}{'s' if count > 1 else ''} ago"
    return "just now"
