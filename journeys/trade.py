"""The rest of data.yaml: whom to believe, how people buy and visit, what shows an interest, who is worth much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from journeys.fields import Fields, read_names, read_text
from journeys.node import Node
from journeys.page import Page
from journeys.project import Buying, Data, Interests, Worth

DEFAULT_RANK = 100
"""The rank of a source that data.yaml does not name."""

_SPECIAL = ("items", "sku", "quantity", "price", "value")


def read_trade(top: Fields, data: Data) -> Data:
    """Return `data` with `sources`, `buying`, `visits` and `interests`; what is wrong with them is on the page."""
    return replace(
        data,
        sources=_sources(top),
        buying=_buying(top, data),
        visits=tuple(node.raw for node in _visits(top) if _known(top.page, node, data)),
        interests=_interests(top, data),
        worth=_worth(top, data),
    )


def _sources(top: Fields) -> dict[str, int]:
    fields = Fields(top.page, top.node_of("sources"), [key.raw for key, _ in top.pairs("sources")], "sources")
    return {key.raw: fields.whole(key.raw, DEFAULT_RANK, 1, 1000) for key, _ in top.pairs("sources")}


def _visits(top: Fields) -> list[Node]:
    node = top.node_of("visits")
    return read_names(top.page, node, "visits") if node else []


def _known(page: Page, node: Node, data: Data) -> bool:
    if node.raw in data.events:
        return True
    page.unknown("R202", node, f'no event called "{node.raw}" in data.yaml', data.events)
    return False


def _buying(top: Fields, data: Data) -> Buying | None:
    fields = Fields(top.page, top.node_of("buying"), ("event", *_SPECIAL), "buying")
    if not fields.needs("event"):
        return None
    event = fields.node_of("event")
    if event is None or not _known(top.page, event, data):
        return None
    props = data.events[event.raw]
    value, items = (_property(fields, key, props) for key in ("value", "items"))
    names = {key: fields.text(key) or key for key in ("sku", "quantity", "price")}
    return Buying(event.raw, value, items, **names)


def _property(fields: Fields, key: str, props: Mapping[str, str]) -> str | None:
    node = fields.node_of(key)
    if node is None:
        return None
    if props and node.raw not in props:
        fields.page.unknown("R202", node, f'the event of `buying` has no property "{node.raw}"', props)
    return read_text(fields.page, node, key)


def _interests(top: Fields, data: Data) -> Interests | None:
    fields = Fields(top.page, top.node_of("interests"), ("topic", "weights", "half_life"), "interests")
    if not fields.needs("topic", "weights"):
        return None
    weights = {
        key.raw: float(node.value)
        for key, node in fields.pairs("weights")
        if _known(top.page, key, data) and _points(top.page, node)
    }
    span = fields.span("half_life", timedelta(days=90))
    if span <= timedelta(0):
        node = fields.node_of("half_life")
        top.page.add("S112", node or fields.keys["half_life"], "`half_life` is longer than nothing")
        return None
    return Interests(fields.text("topic") or "", weights, span)


def _worth(top: Fields, data: Data) -> Worth:
    fields = Fields(top.page, top.node_of("value"), ("high", "middle", "goal"), "value")
    usual, goal = Worth(), fields.node_of("goal")
    high, middle = fields.share("high", usual.high), fields.share("middle", usual.middle)
    if high + middle > 1:
        top.page.add(
            "S112",
            fields.keys.get("high") or fields.keys["middle"],
            "`high` and `middle` are shares of all customers: at most 100%",
        )
        high, middle = usual.high, usual.middle
    return Worth(high, middle, goal.raw if goal and _known(top.page, goal, data) else None)


def _points(page: Page, node: Node) -> bool:
    if node.kind == "number" and isinstance(node.value, int | float) and 0 < node.value <= 1000:
        return True
    page.add("S112", node, "an event weighs more than 0 and at most 1000 points")
    return False
