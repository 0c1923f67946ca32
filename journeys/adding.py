"""Entries added to a YAML file by position: every comment, quote and blank line that is there stays where it is.

Rules
- An entry goes behind the last one of its mapping, written as that mapping is: in lines of its own, or inside { }.
- What is there is never changed. A mapping that is missing is added at the end of the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from journeys.node import Node
from journeys.page import Page
from journeys.reader import read


def added(text: str, path: Sequence[str], entries: Mapping[str, str]) -> str:
    """Return `text` with `entries` (key -> YAML source of the value) in the mapping at `path`: ("events",)."""
    if not entries:
        return text
    page = Page("", text)
    root = read(page)
    node, key = _at(root, path) if root is not None else (None, None)
    lines = text.split("\n")
    if key is None or node is None:
        body = [f"{path[-1]}:", *(f"  {name}: {value}" for name, value in entries.items())]
        return text.rstrip("\n") + "\n\n" + "\n".join(body) + "\n"
    if node.kind == "map" and node.entries and not node.flow:
        first = node.entries[0][0]
        at, indent = _last_line(node), first.col - 1
    elif node.kind == "map" and node.entries:
        return _inside(lines, node, entries)
    else:
        lines = _emptied(lines, node)
        at, indent = key.line, key.col + 1
    new = [f"{' ' * indent}{name}: {value}" for name, value in entries.items()]
    return "\n".join([*lines[:at], *new, *lines[at:]])


def _at(root: Node, path: Sequence[str]) -> tuple[Node | None, Node | None]:
    """Return the value at `path` and its key, None where there is none."""
    node: Node | None = root
    key: Node | None = None
    for name in path:
        found = next(((k, v) for k, v in node.entries if k.raw == name), None) if node is not None else None
        if found is None:
            return None, None
        key, node = found
    return node, key


def _last_line(node: Node) -> int:
    """Return the number of the last line that a value takes."""
    children = [value for _, value in node.entries] or list(node.items)
    if children and not node.flow:
        return max(_last_line(children[-1]), children[-1].line)
    return node.end_line - 1 if node.end_col == 1 and node.end_line > node.line else node.end_line


def _inside(lines: list[str], node: Node, entries: Mapping[str, str]) -> str:
    """Put the entries before the closing brace."""
    said = "".join(f", {name}: {_flow(value)}" for name, value in entries.items())
    line = lines[node.end_line - 1]
    before = line[: node.end_col - 2].rstrip()
    lines[node.end_line - 1] = f"{before}{said}{line[node.end_col - 2 :]}"
    return "\n".join(lines)


def _flow(value: str) -> str:
    """Return a value as it may stand inside { }: quoted where a comma or brace would end it."""
    bare = value.startswith("{") or not any(letter in value for letter in ",[]{}:#")
    return value if bare else json.dumps(value, ensure_ascii=False)


def _emptied(lines: list[str], node: Node) -> list[str]:
    """Take an empty `{}` away; the comment behind it stays."""
    if node.end_line != node.line or node.end_col <= node.col:
        return lines
    at = node.line - 1
    line = lines[at]
    lines = list(lines)
    lines[at] = (line[: node.col - 1].rstrip() + line[node.end_col - 1 :]).rstrip()
    return lines
