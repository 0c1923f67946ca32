"""Experiments of data.yaml: two criteria, two journeys or the ways of a split, on groups that people stay in.

Rules
- A person's group is a draw of lots of their id and the experiment's name: the same for ever, and independent of that
  of any other experiment. The first one named has `share` of the people, the second the rest.
- Of `segments` the experiment makes one more, under its own name: who is in the first group is in it by the first
  criterion, all others by the second. A journey that starts on it tries both.
- Of `journeys` each lets in its own group alone.
- A `split` draws for itself; the experiment only says what to compare.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from journeys.conditions import read_condition
from journeys.entering import read_goal
from journeys.expression import Expression
from journeys.fields import ID, Fields
from journeys.journey import Enter, Goal, Journey, Split
from journeys.names import Names
from journeys.node import Node
from journeys.page import Page
from journeys.parse import parse
from journeys.person import draw
from journeys.place import Place
from journeys.problem import Problem
from journeys.project import Data
from journeys.spot import event_props, read_segment

LOTS = 10_000
WITHIN = timedelta(days=14)
_KINDS = ("segments", "journeys", "split")
_KEYS = (*_KINDS, "share", "goal")


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is compared by what. `arms`: two segments or journeys; for a split the one "journey.state"."""

    name: str
    kind: str  # segments, journeys, split
    arms: tuple[str, ...]
    share: float
    goal: Goal
    place: Place

    @property
    def first(self) -> int:
        """Return how many of the LOTS are the first group's."""
        return round(self.share * LOTS)

    def arm_of(self, contact_id: str) -> str:
        """Return which of two arms is a person's, for ever."""
        return self.arms[0] if draw(contact_id, LOTS, self.name) < self.first else self.arms[1]

    def condition(self, arm: str) -> str:
        """Return the condition that says that a person belongs to this arm."""
        sign = "<" if arm == self.arms[0] else ">="
        return f'bucket({LOTS}, "{self.name}") {sign} {self.first}'


def read_experiments(page: Page, top: Fields, data: Data) -> dict[str, Experiment]:
    """Return the experiments of data.yaml; what is wrong with them is on the page."""
    found = {}
    for key, node in top.pairs("experiments"):
        if not ID.fullmatch(key.raw) or key.raw in data.segments:
            taken = "is the name of a segment, too" if key.raw in data.segments else "is no name"
            page.add("S112", key, f'"{key.raw}" {taken}')
            continue
        one = _experiment(page, key, Fields(page, node, _KEYS, key.raw), data)
        if one is not None:
            found[one.name] = one
    return found


def _experiment(page: Page, key: Node, fields: Fields, data: Data) -> Experiment | None:
    given = [kind for kind in _KINDS if kind in fields]
    if len(given) != 1:
        page.add("S113", key, "an experiment compares one of `segments`, `journeys` or a `split`")
        return None
    goal = read_goal(page, fields.node_of("goal"), Names(data, journey=False))
    if not fields.needs("goal") or goal is None:
        return None
    kind = given[0]
    if kind == "split":
        arms: tuple[str, ...] = ((fields.text("split") or ""),)
        wrong = arms[0].count(".") != 1
    else:
        arms = tuple(node.raw for node in fields.items(kind))
        wrong = len(set(arms)) != 2
    if wrong:
        says = "a split is named journey.state" if kind == "split" else f"`{kind}` names two that are compared"
        page.add("S112", fields.keys[kind], says)
        return None
    if kind == "segments" and None in [read_segment(page, node, data) for node in fields.items(kind)]:
        return None
    said = fields.node_of("goal")
    within = goal.within if said is not None and said.get("within") is not None else WITHIN
    share = min(max(fields.share("share", 0.5), 1 / LOTS), 1 - 1 / LOTS)
    return Experiment(key.raw, kind, arms, share, replace(goal, within=within), page.place(key))


def derived(page: Page, data: Data, experiments: Mapping[str, Experiment]) -> dict[str, Expression]:
    """Return the segments that experiments make: the criterion of each person's own group."""
    names = Names(data, journey=False)
    found = {}
    for one in experiments.values():
        if one.kind == "segments":
            either = [f"({one.condition(arm)} and in_segment({arm}))" for arm in one.arms]
            node = Node("text", one.place.line, one.place.col, one.place.line, one.place.col, raw=" or ".join(either))
            expression = read_condition(page, node, names)
            if expression is not None:
                found[one.name] = expression
    return found


def admitted(page: Page, enter: Enter | None, journey: str, names: Names) -> Enter | None:
    """Return the entry of a journey that experiments may split the people of."""
    for one in names.data.experiments.values():
        if enter is not None and one.kind == "journeys" and journey in one.arms:
            mine = one.condition(journey)
            source = f"({enter.guard.source}) and {mine}" if enter.guard else mine
            event = event_props(names.data, enter.events) if enter.kind == "event" else None
            guard, problems = parse(source, one.place, Names(names.data, event=event, vars=names.vars), "flag")
            page.problems += problems  # none: what stands there was read before
            enter = replace(enter, guard=guard)
    return enter


def unknown_arms(data: Data, journeys: Mapping[str, Journey], files: Iterable[str]) -> list[Problem]:
    """Return what experiments name that is not there; a journey with errors has its own words for that."""
    known = {*journeys, *files}
    found = []
    for one in data.experiments.values():
        named = [arm.partition(".")[0] for arm in one.arms] if one.kind != "segments" else []
        at, says = one.place, 'the experiment "{}" names the journey "{}", which is not there'
        found += [
            Problem("R213", "error", at.file, at.line, at.col, at.col + len(one.name), says.format(one.name, name))
            for name in named if name not in known
        ]  # fmt: skip
        journey, _, state = one.arms[0].partition(".")
        if one.kind == "split" and journey in journeys:
            action = journeys[journey].states.get(state)
            if action is None or not isinstance(action.action, Split):
                says = f'the experiment "{one.name}" compares the ways of {one.arms[0]}, which is no split'
                found.append(Problem("R213", "error", at.file, at.line, at.col, at.col + len(one.name), says))
    return found
