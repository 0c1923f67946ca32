"""Asking a mapping for its keys: a wrong shape is one Problem, and then counts as absent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import time, timedelta

from journeys.node import SHAPES, Node
from journeys.page import LONG_WORD, Page
from journeys.problem import Edit
from journeys.span import parse_span, show_span

ID = re.compile(r"[a-z][a-z0-9_]{0,62}")
_SHARE = re.compile(r"(100|[0-9]{1,2})(\.[0-9]+)?%")
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_LOOSE_TIME = re.compile(r"(\d{1,2})(?:[:.h](\d{2})?)?\s*(am|pm|h)?", re.IGNORECASE)
_LOOSE_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|s|m|h|d|w)\b\.?")
UNITS = "units are s, m, h, d, w; combine as `1d 12h`. A month has no fixed length: use 30d, or `until:` with a date"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_DAY = frozenset(range(7))
DAY_WORDS = {"weekdays": frozenset(range(5)), "weekends": frozenset({5, 6}), "any": EVERY_DAY}


class Fields:
    """One mapping of a file, with the keys that are valid there; unknown keys are reported at once."""

    def __init__(self, page: Page, node: Node | None, keys: Sequence[str], called: str) -> None:
        """`called` is "a journey", "a state", or the name of the key that holds the mapping."""
        self.page = page
        self.node = node
        self.called = called
        self.keys: dict[str, Node] = {}
        self.values: dict[str, Node] = {}
        if node is None or not shaped(page, node, "map", called):
            return
        for key, value in node.entries:
            if key.raw in keys:
                self.keys[key.raw] = key
                self.values[key.raw] = value
            elif key.kind != "broken":
                self._unknown(key, keys)

    def _unknown(self, key: Node, keys: Sequence[str]) -> None:
        if self.page.full:
            return
        where = self.called if self.called.startswith(("a ", "an ")) else f"`{self.called}`"
        what = self.called.removeprefix("a ").removeprefix("an ").strip("`")
        shown = ", ".join(keys[:12]) + (", …" if len(keys) > 12 else "")
        notes = (f"{what} keys are: {shown}",)
        written = {name.raw for name, _ in self.node.entries} if self.node is not None else set()
        free = [name for name in keys if name not in written]
        self.page.unknown("S101", key, f'unknown key "{key.raw}" in {where}', free, notes=notes)

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def node_of(self, key: str) -> Node | None:
        """Return the value behind `key`, None when it is absent or already reported."""
        value = self.values.get(key)
        return None if value is None or value.kind == "broken" else value

    def text(self, key: str) -> str | None:
        node = self.node_of(key)
        return read_text(self.page, node, key) if node else None

    def flag(self, key: str, default: bool) -> bool:
        node = self.node_of(key)
        if node is None or not shaped(self.page, node, "flag", key):
            return default
        return node.value is True

    def whole(self, key: str, default: int, low: int = 0, high: int = 1_000_000_000) -> int:
        node = self.node_of(key)
        if node is None or not shaped(self.page, node, "number", key):
            return default
        if not isinstance(node.value, int) or not low <= node.value <= high:
            self.page.add("S112", node, f"`{key}` is a whole number from {low} to {high}")
            return default
        return node.value

    def share(self, key: str, default: float) -> float:
        node = self.node_of(key)
        found = read_share(self.page, node) if node else None
        return default if found is None else found

    def span(self, key: str, default: timedelta) -> timedelta:
        node = self.node_of(key)
        found = read_span(self.page, node) if node else None
        return default if found is None else found

    def choice(self, key: str, choices: Sequence[str], default: str) -> str:
        node = self.node_of(key)
        found = read_choice(self.page, node, key, choices) if node else None
        return default if found is None else found

    def name(self, key: str) -> str | None:
        node = self.node_of(key)
        return read_name(self.page, node, key) if node else None

    def items(self, key: str) -> tuple[Node, ...]:
        """Return the items of a list that are not broken."""
        node = self.node_of(key)
        if node is None or not shaped(self.page, node, "list", key):
            return ()
        return tuple(item for item in node.items if item.kind != "broken")

    def pairs(self, key: str) -> tuple[tuple[Node, Node], ...]:
        """Return the pairs of a mapping whose keys and values are not broken."""
        node = self.node_of(key)
        if node is None or not shaped(self.page, node, "map", key):
            return ()
        return pairs(node)

    def needs(self, *keys: str) -> bool:
        """Report required keys that are missing; return whether all are there and readable."""
        if self.node is None or self.node.kind != "map":
            return False
        for key in keys:
            if key not in self.values:
                where = self.called if self.called.startswith("a ") else f"`{self.called}`"
                self.page.add("S113", self.node, f"{where} needs `{key}`")
        return all(self.node_of(key) is not None for key in keys)


def pairs(node: Node) -> tuple[tuple[Node, Node], ...]:
    return tuple((key, value) for key, value in node.entries if "broken" not in (key.kind, value.kind))


def shaped(page: Page, node: Node, kind: str, called: str) -> bool:
    """Return whether the node has this shape, and report when it has another."""
    if node.kind == kind:
        return True
    if node.kind != "broken":
        what = called if called.startswith(("a ", "an ", "the ")) else f"`{called}`"
        wanted = next(words for name, words in SHAPES.items() if name == kind)
        found = "it is empty" if node.kind == "none" else f"this is {SHAPES[node.kind]}"
        page.add("S111", node, f"{what} is {wanted}, but {found}")
    return False


def read_text(page: Page, node: Node, called: str) -> str | None:
    """Return a text; a number or a date written without quotes is taken as it stands."""
    if node.kind == "number":
        return node.raw
    return str(node.value) if shaped(page, node, "text", called) else None


def read_name(page: Page, node: Node, called: str) -> str | None:
    """Return an id: a small letter, then small letters, digits and _."""
    if not shaped(page, node, "text", called):
        return None
    if ID.fullmatch(node.raw):
        return node.raw
    guess = re.sub(r"[^a-z0-9_]+", "_", node.raw.lower()).strip("_")
    label = f'write "{guess}"' if ID.fullmatch(guess) else ""
    says = f'"{node.raw}" is no name: small letters, digits and _, starting with a letter'
    page.add("S112", node, says, label=label)
    return None


def read_names(page: Page, node: Node, called: str) -> list[Node]:
    """Return one name or a list of names as their nodes."""
    nodes = node.items if node.kind == "list" else (node,)
    if node.kind == "list" and not node.items:
        page.add("S112", node, f"`{called}` names nothing")
    return [item for item in nodes if item.kind != "broken" and read_name(page, item, called)]


def read_choice(page: Page, node: Node, called: str, choices: Sequence[str]) -> str | None:
    if node.kind == "text" and node.raw in choices:
        return node.raw
    if node.kind in ("map", "list"):
        shaped(page, node, "text", called)
        return None
    page.unknown("S112", node, f'`{called}` is one of {", ".join(choices)}, not "{node.raw}"', choices)
    return None


def read_span(page: Page, node: Node) -> timedelta | None:
    """Return a length of time."""
    if node.kind in ("map", "list"):
        shaped(page, node, "text", "a length of time")
        return None
    found = parse_span(node.raw)
    if found is not None:
        return found
    loose = node.raw.lower() if len(node.raw) < LONG_WORD else ""  # nobody meant more, and guessing takes its time
    parts = _LOOSE_SPAN.findall(loose)
    guess = parse_span(" ".join(f"{number}{unit[0]}" for number, unit in parts)) if parts else None
    whole = bool(re.fullmatch(r"\s*(?:" + _LOOSE_SPAN.pattern + r"[\s,]*(?:and\s+)?)+", loose))
    written = show_span(guess) if guess is not None and whole else ""
    number = re.fullmatch(r"\d+(\.\d+)?", loose)
    page.add(
        "S106",
        node,
        f'cannot read "{node.raw}" as a length of time',
        label=f"write {written}" if written else (f"add a unit: {node.raw}h or {node.raw}d" if number else ""),
        notes=(UNITS,),
        fix=page.swap(node, written) if written else (),
    )
    return None


def read_share(page: Page, node: Node) -> float | None:
    """Return "10%" as 0.1."""
    if node.kind == "text" and _SHARE.fullmatch(node.raw) and float(node.raw[:-1]) <= 100:
        return round(float(node.raw[:-1]) / 100, 9)
    number = re.fullmatch(r"(\d+(?:\.\d+)?)(?:\s*(?:%|percent|pct))?", node.raw)
    if node.kind in ("map", "list") or number is None or float(number.group(1)) > 100:
        page.add("S112", node, "a share is written like 10%, from 0% to 100%")
        return None
    raw = number.group(1)
    part = node.kind == "number" and isinstance(node.value, float) and node.value < 1
    written = f"{float(raw) * 100:g}%" if part else f"{raw}%"
    page.add(
        "S108",
        node,
        "a share needs a percent sign",
        label=f"write {written}",
        notes=(f"without it we cannot tell {raw} % from {raw} contacts",) if not part else (),
        fix=page.swap(node, written),
    )
    return None


def read_time(page: Page, node: Node, raw: str | None = None) -> time | None:
    """Return "09:00" as a time of day; `raw` is the part of the node that is meant."""
    text = node.raw if raw is None else raw
    found = _TIME.fullmatch(text)
    if found and node.kind == "text":
        return time(int(found.group(1)), int(found.group(2)))
    loose = _LOOSE_TIME.fullmatch(text.strip())
    written = _clock(loose) if loose and node.kind in ("text", "number") else None
    page.add(
        "S107",
        node,
        f'cannot read "{text}" as a time of day',
        label=f'write "{written}"' if written else "",
        notes=('24-hour HH:MM in the contact\'s own time zone; a window is "09:00-11:00"',),
        fix=page.swap(node, f'"{written}"') if written and raw in (None, node.raw) else (),
    )
    return None


def _clock(found: re.Match[str]) -> str | None:
    hour, minute, half = int(found.group(1)), int(found.group(2) or 0), (found.group(3) or "").lower()
    if half in ("am", "pm"):
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "pm" else 0)
    return f"{hour:02}:{minute:02}" if hour < 24 and minute < 60 else None


def read_days(page: Page, node: Node) -> frozenset[int]:
    """Return weekdays as numbers, Monday = 0."""
    if node.kind == "list":
        known = [read_choice(page, item, "days", DAYS) for item in node.items if item.kind != "broken"]
        if not node.items:
            page.add("S112", node, "`days` names no day")
        return frozenset(DAYS.index(day) for day in known if day) or EVERY_DAY
    if node.kind == "text" and node.raw in DAYS:
        page.add("S111", node, f"one day is a list too: [{node.raw}]", fix=page.swap(node, f"[{node.raw}]"))
        return EVERY_DAY
    word = read_choice(page, node, "days", tuple(DAY_WORDS))
    return DAY_WORDS[word] if word else EVERY_DAY


def deeper(page: Page, node: Node, key: Node) -> tuple[Edit, ...]:
    """Return the fix that indents a block entry by two more spaces."""
    if page.line(key.line)[: key.col - 1].strip():
        return ()
    last = max(node.end_line if node.end_col > 1 else node.end_line - 1, key.line)
    return tuple(Edit(line, 1, 1, "  ") for line in range(key.line, last + 1) if page.line(line).strip())
