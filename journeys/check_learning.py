"""Questions that the traffic cannot answer: decisions, holdouts and groups that are too small (W902, W905, W908).

Rules
- Silent without facts, and where nobody has come yet: a guess about traffic is no reason to warn.
- Two rates are told apart by n people each when n = 16 p(1-p)/d^2, p their mean and d their difference: 80 % power at
  5 % (measures.md 4.5; Lehr 1992). For groups of different size: d^2 = 8 p(1-p)(1/n1 + 1/n2).
- A difference worth finding is a quarter of what is there. A decision has a year to find it; a holdout or a test has
  three months to show at least half.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import sqrt

from journeys.facts import Facts
from journeys.finding import channels, choices, clause, warning
from journeys.journey import Branch, Choose, Journey, Split, State
from journeys.place import Place
from journeys.problem import Problem
from journeys.project import Project

LIFT, YEAR = 0.25, 12  # what a decision is to find, and in how many months
HALF, QUARTER = 0.5, 3  # what a comparison is to show, and in how many months
GUESS = 0.05  # of all, where nothing is known yet
FEW = 30  # people a month about whom nothing can be learned
NOUNS = {"clicked": "clicks", "opened": "opens", "replied": "replies"}
SHARES = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5)


def too_few_decisions(journey: Journey, _: Project, facts: Facts) -> Iterator[Problem]:
    """W902: more arms than the traffic can tell apart within a year."""
    for state, choose in choices(journey):
        month, word = _decisions(journey, state, facts)
        rate = _base(journey, state, facts)
        each = needed(rate, LIFT)
        if len(choose.arms) > 1 and month >= 1 and each * len(choose.arms) > month * YEAR:
            yield _too_few(state, choose, (month, word), (rate, each))


def small_holdout(journey: Journey, project: Project, facts: Facts) -> Iterator[Problem]:
    """W905: a holdout that could not show even that messages bring half as much again."""
    share = journey.holdout or project.holdout
    traffic = facts.traffic.get(journey.name)
    speaks = any(channels(state) for state in journey.states.values())
    if not share or share >= 1 or not speaks or journey.transactional or traffic is None or not traffic.goal:
        return
    people = traffic.month * QUARTER
    shown = detectable(traffic.goal, people * share, people * (1 - share)) if people >= 1 else 0.0
    if shown > traffic.goal * HALF:
        place = clause_of(journey, "holdout", "journey")
        where = "" if journey.holdout else " of sojourn.yaml"
        says = (
            f"a holdout{where} of {percent(share)} is about {_number(traffic.month * share)} people a month: "
            "too few to say what this journey is worth"
        )
        note = (
            f"in three months it could show a difference of {points(shown)} or more; "
            f"{percent(traffic.goal)} reach the goal now"
        )
        yield replace(warning("W905", place, says, _larger(traffic.goal, people)), notes=(note,), notes_first=True)


def small_groups(journey: Journey, _: Project, facts: Facts) -> Iterator[Problem]:
    """W908: a test or a segmentation whose groups are too small to be told apart."""
    for state in journey.states.values():
        if isinstance(state.action, Split):
            yield from _small_split(journey, state, state.action, facts)
        elif isinstance(state.action, Branch):
            yield from _small_branch(journey, state, state.action, facts)


def needed(rate: float, lift: float) -> float:
    """Return how many decisions each arm needs to tell `rate` from `rate` * (1 + `lift`)."""
    other = min(rate * (1 + lift), 0.99)
    mean = (rate + other) / 2
    return 16 * mean * (1 - mean) / (other - rate) ** 2


def detectable(rate: float, one: float, two: float) -> float:
    """Return the smallest difference from `rate` that groups of `one` and `two` people can show."""
    return sqrt(8 * rate * (1 - rate) * (1 / one + 1 / two))


def percent(share: float) -> str:
    """Return a share with at most two digits that count: 8%, 0.52%, 6.2%."""
    return f"{share * 100:.2g}%" if share < 1 else "100%"


def points(share: float) -> str:
    """Return a difference of shares in points: 7.3 points."""
    return f"{share * 100:.2g} points"


def clause_of(journey: Journey, *paths: str) -> Place:
    """Return the place of the first of these top-level values that is written, else the file's first line."""
    return next((journey.places[path] for path in paths if path in journey.places), Place(journey.file, 1, 1))


def _decisions(journey: Journey, state: State, facts: Facts) -> tuple[float, str]:
    """Return decisions a month; before there are any, what starts the journey is the most that there can be."""
    point = facts.points.get((journey.name, state.name))
    if point is not None and point.month:
        return point.month, "about"
    traffic = facts.traffic.get(journey.name)
    if traffic is not None and traffic.month:
        return traffic.month, "at most"
    if journey.enter.kind != "event":
        return 0.0, ""
    return sum(facts.events[name].month for name in journey.enter.events if name in facts.events), "at most"


def _base(journey: Journey, state: State, facts: Facts) -> float:
    point, traffic = facts.points.get((journey.name, state.name)), facts.traffic.get(journey.name)
    known = (point and point.base) or (traffic and traffic.goal) or GUESS
    return min(max(known, 0.0005), 0.75)


def _too_few(state: State, choose: Choose, came: tuple[float, str], need: tuple[float, float]) -> Problem:
    (month, word), (rate, each) = came, need
    says = f"{word} {_number(month)} decisions a month for {len(choose.arms)} arms: too few to learn from"
    months = each * len(choose.arms) / month
    time = f"{months:,.0f} months" if months < 1000 else "a lifetime"
    note = (
        f"to tell {percent(rate)} from {percent(rate * (1 + LIFT))} {_outcome(choose)} each arm needs about "
        f"{_number(each)} decisions; at this rate that is {time}"
    )
    place = clause(state, "choose:")
    return replace(warning("W902", place, says, _fewer(choose, month, each)), notes=(note,), notes_first=True)


def _fewer(choose: Choose, month: float, each: float) -> str:
    arms = max(2, int(month * YEAR / each))
    ways = [f"use {arms} arms"] if arms < len(choose.arms) else []
    ways += [] if "clicked" in choose.reward.score else ["add `clicked` to the reward"]
    return ", ".join([*ways, "or decide per journey instead of per step" if ways else "decide in fewer places"])


def _outcome(choose: Choose) -> str:
    """Return what is rewarded, in the plural: "orders" for order_placed."""
    good = [event for event, score in choose.reward.score.items() if not score.source.strip().startswith("-")]
    if len(good) != 1:
        return "good outcomes"
    thing, _, done = good[0].partition("_")
    return NOUNS.get(good[0]) or (f"{thing}s" if done.endswith("ed") and "_" not in done else good[0])


def _larger(rate: float, people: float) -> str:
    enough = next((s for s in SHARES if detectable(rate, people * s, people * (1 - s)) <= rate * HALF), None)
    if enough is not None:
        return f"use `holdout: {percent(enough)}`"
    months = QUARTER * (detectable(rate, people / 2, people / 2) / (rate * HALF)) ** 2
    return (
        f"even `holdout: 50%` would need {months:,.0f} months; hold out more people over all journeys, in sojourn.yaml"
    )


@dataclass(frozen=True, slots=True)
class _Group:
    name: str
    month: float


def _small_split(journey: Journey, state: State, split: Split, facts: Facts) -> Iterator[Problem]:
    groups = [_Group(name, facts.ways.get((journey.name, state.name, name), 0.0)) for name, _ in split.shares]
    total = sum(group.month for group in groups)
    if total < 1 or len(groups) < 2:
        return
    rate = _base(journey, state, facts)
    least, other = sorted((total * share for _, share in split.shares))[:2]
    shown = detectable(rate, least * QUARTER, other * QUARTER)
    if shown > rate * HALF:
        says = f"about {_number(total)} people a month in {len(groups)} groups: too few to compare them"
        small = min(split.shares, key=lambda one: one[1])
        note = (
            f'"{small[0]}" gets about {_number(least)} a month; in three months that could show a difference of '
            f"{points(shown)} or more, of {percent(rate)}"
        )
        place = clause(state, "split")
        found = warning("W908", place, says, "use fewer groups or even shares, or compare for longer")
        yield replace(found, notes=(note,), notes_first=True)


def _small_branch(journey: Journey, state: State, branch: Branch, facts: Facts) -> Iterator[Problem]:
    targets = list(dict.fromkeys([*(target for _, target in branch.ways), state.otherwise]))
    groups = [_Group(name, facts.ways.get((journey.name, state.name, name), 0.0)) for name in targets]
    small = [group for group in groups if group.month < FEW]
    if len(groups) > 2 and len(small) > 1 and sum(group.month for group in groups) >= FEW:
        each = ", ".join(f"{group.name} {group.month:.0f}" for group in small)
        says = f"{len(small)} of the {len(groups)} groups of this branch get fewer than {FEW} people a month ({each})"
        note = f"fewer than {FEW} people a month tell nothing about a message, and each group is one more to write for"
        place = clause(state, "branch:")
        found = warning("W908", place, says, "join groups that may hear the same, or let a `choose` pick by context")
        yield replace(found, notes=(note,), notes_first=True)


def _number(count: float) -> str:
    """Return a count as people say it: two digits that count, from 100 on."""
    if count < 100:
        return f"{count:.0f}"
    size = 10 ** (len(str(int(count))) - 2)
    return f"{round(count / size) * size:,}"
