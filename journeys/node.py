"""What a YAML file holds, each piece with its place: scalars, lists and mappings, nothing interpreted yet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

NodeKind = Literal["map", "list", "text", "number", "flag", "none", "broken"]

SHAPES: dict[NodeKind, str] = {
    "map": "a mapping",
    "list": "a list",
    "text": "text",
    "number": "a number",
    "flag": "true or false",
    "none": "empty",
    "broken": "broken",
}

_INT = re.compile(r"[-+]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[-+]?[0-9]{0,18}\.[0-9]{1,18}(?:[eE][-+]?[0-9]{1,2})?")


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One piece of a file; lines and columns count from 1, the end is exclusive.

    A "broken" node stands where a Problem was already reported: readers treat it as absent.
    """

    kind: NodeKind
    line: int
    col: int
    end_line: int
    end_col: int
    raw: str = ""
    value: Any = None
    items: tuple[Node, ...] = ()
    entries: tuple[tuple[Node, Node], ...] = ()
    plain: bool = False  # a scalar without quotes
    flow: bool = False  # written with { } or [ ]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.items)

    def get(self, key: str) -> Node | None:
        """Return what stands behind `key`, None when it is absent."""
        return next((value for name, value in self.entries if name.raw == key), None)

    def data(self) -> Any:
        """Return the piece as plain Python values."""
        if self.kind == "map":
            return {key.raw: value.data() for key, value in self.entries}
        if self.kind == "list":
            return [item.data() for item in self.items]
        return self.value


def resolve(raw: str) -> tuple[NodeKind, Any]:
    """Return kind and value of an unquoted scalar by the YAML 1.2 core rules: `on`, `no`, `10:30` stay text."""
    if raw in ("true", "false"):
        return "flag", raw == "true"
    if raw in ("", "~", "null"):
        return "none", None
    if _INT.fullmatch(raw):
        return "number", int(raw)
    if _DECIMAL.fullmatch(raw):
        return "number", float(raw)
    return "text", raw
