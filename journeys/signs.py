"""Signs of life: which events say that a person was there, for `behaviour` and `at: best`.

Rules
- A click on a message, and every event that data.yaml declares: a project whose events are not all people's own says
  which are, `decisions: {behaviour: {visit: [app_opened], order: [order_placed]}}`.
- An order is what the journey is after, its goal; the project's `order` where a journey has none.
- Machine clicks and opens are none.
"""

from __future__ import annotations

from collections.abc import Mapping

from journeys.fields import Fields, shaped
from journeys.journey import Goal
from journeys.node import Node
from journeys.page import Page
from journeys.project import Data
from journeys.spot import read_events

CLICK, VISIT, ORDER = "click", "visit", "order"
BEHAVIOUR_KEYS = (VISIT, ORDER)

Signs = Mapping[str, tuple[str, ...]]


def usual_signs(data: Data) -> dict[str, tuple[str, ...]]:
    """Return the signs of a project that says nothing: clicks, and its own events as visits."""
    own = tuple(name for name in data.events if f"events.{name}" in data.places)
    return {CLICK: ("clicked",), VISIT: own, ORDER: ()}


def read_behaviour(page: Page, node: Node | None, data: Data) -> Signs:
    """Return what `decisions.behaviour` says: true, false (empty), or which events are which."""
    usual = usual_signs(data)
    if node is None:
        return usual
    if node.kind == "map":
        fields = Fields(page, node, BEHAVIOUR_KEYS, "behaviour")
        found = {key: read_events(page, fields.node_of(key), data) for key in BEHAVIOUR_KEYS if key in fields}
        return usual | found
    return usual if shaped(page, node, "flag", "behaviour") and node.value is True else {}


def signs_for(signs: Signs, goal: Goal | None) -> Signs:
    """Return the signs for one journey, without those that nothing stands for; its goal is its order."""
    order = goal.events if goal is not None else signs.get(ORDER, ())
    return {sign: events for sign, events in (dict(signs) | {ORDER: order}).items() if events} if signs else {}


def alive(signs: Signs) -> frozenset[str]:
    """Return the events that show when a person is there."""
    return frozenset(event for events in signs.values() for event in events)
