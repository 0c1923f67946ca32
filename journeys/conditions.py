"""Expressions where they stand in a file: conditions, values, and `=expr` among literals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from journeys.expression import Expression
from journeys.fields import pairs, shaped
from journeys.names import Names
from journeys.node import Node
from journeys.page import Page
from journeys.parse import parse
from journeys.place import Place
from journeys.problem import Problem


def read_expression(page: Page, node: Node | None, names: Names, wanted: str = "any") -> Expression | None:
    """Return the expression a node says; None when it is absent or wrong (and reported)."""
    if node is None or node.kind == "broken":
        return None
    if node.kind in ("map", "list", "none"):
        shaped(page, node, "text", "a condition" if wanted == "flag" else "a value")
        return None
    return _parsed(page, node, node.raw, names, wanted)


def read_condition(page: Page, node: Node | None, names: Names) -> Expression | None:
    return read_expression(page, node, names, "flag")


def read_value(page: Page, node: Node, names: Names) -> Any:
    """Return a literal, or the Expression of "=expr"; lists and mappings are read all through."""
    if node.kind == "map":
        return {key.raw: read_value(page, value, names) for key, value in pairs(node)}
    if node.kind == "list":
        return [read_value(page, item, names) for item in node.items if item.kind != "broken"]
    if computed(node):
        return _parsed(page, node, node.raw[1:], names, "any")
    if node.kind == "text" and "${" in node.raw:
        return _parsed(page, node, node.raw, names, "any")  # reports X304
    return node.value


def read_values(page: Page, node: Node | None, names: Names, called: str) -> dict[str, Any]:
    """Return a mapping of literals and Expressions."""
    if node is None or not shaped(page, node, "map", called):
        return {}
    return {key.raw: read_value(page, value, names) for key, value in pairs(node)}


def computed(node: Node) -> bool:
    """Return whether the node is written `=expr`."""
    return node.kind == "text" and node.raw.startswith("=")


def _parsed(page: Page, node: Node, source: str, names: Names, wanted: str) -> Expression | None:
    offset = (0 if node.plain else 1) + len(node.raw) - len(source)
    place = Place(page.file, node.line, node.col + offset)
    found, problems = parse(source, place, names, wanted)
    for problem in problems:
        page.keep(problem if node.end_line == node.line else _on_first_line(page, problem))
    return found


def _on_first_line(page: Page, problem: Problem) -> Problem:
    """Return a Problem of an expression over several lines, kept within its first; it cannot be repaired by columns."""
    end = len(page.line(problem.line)) + 1
    col = min(problem.col, max(end - 1, 1))
    return replace(problem, col=col, end_col=max(min(problem.end_col, end), col + 1), fix=())
