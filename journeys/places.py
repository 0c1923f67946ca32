"""Where the clauses of a mapping stand, by dotted path: what lets a check point at the word it speaks of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from journeys.node import Node
from journeys.page import Page
from journeys.place import Place

DEPTH = 4  # "choose.reward.score.opened" is the deepest path that anyone asks for


def places(page: Page, node: Node) -> dict[str, Place]:
    """Return the place of each value in `node`, and of each key of a `score`: people point at the event, not at 0.1."""
    return {path: replace(page.place(found), end_col=page.span(found)[2]) for path, found in _walk(node, "", DEPTH)}


def _walk(node: Node, prefix: str, depth: int) -> Iterator[tuple[str, Node]]:
    if depth == 0:
        return
    for key, value in node.entries:
        path = f"{prefix}{key.raw}"
        yield path, key if prefix.endswith("score.") else value
        yield from _walk(value, f"{path}.", depth - 1)
    for at, item in enumerate(node.items):
        yield from _walk(item, f"{prefix}{at}.", depth - 1)
