"""Whether a value that is written in a file suits the type that data.yaml declares for it."""

from __future__ import annotations

from datetime import date, datetime, time

from journeys.node import Node
from journeys.page import Page, near
from journeys.project import Attribute
from journeys.zones import zone

KINDS = {"number": "number", "flag": "flag", "list": "list"}
WORDS = {
    "number": "a number", "flag": "true or false", "list": "a list", "date": "a date like 2026-01-12",
    "time": 'a time like "18:30"', "timezone": "a time zone like Europe/Paris",
}  # fmt: skip


def fits(page: Page, node: Node, called: str, declared: Attribute | str) -> bool:
    """Return whether the value is one of its type, and report it (S112) when it is not; empty means: no value."""
    known = declared if isinstance(declared, Attribute) else Attribute(declared)
    kind = known.type.partition("(")[0]
    if node.kind == "none" or _suits(node, kind, known.choices):
        return True
    if node.kind != "broken":
        wanted = f"one of {', '.join(known.choices)}" if known.choices else WORDS.get(kind, "text")
        guess = near(node.raw, known.choices) if known.choices else None
        label = f'did you mean "{guess}"?' if guess else ""
        fix = page.meant(node, guess) if guess else ()
        page.add("S112", node, f"{called} is {wanted}, not {node.raw or 'this'}", label=label, fix=fix)
    return False


def _suits(node: Node, kind: str, choices: tuple[str, ...]) -> bool:
    if kind in KINDS:
        return node.kind == KINDS[kind]
    if node.kind not in ("text", "number"):
        return False
    if kind == "enum" and choices:
        return node.raw in choices
    return kind not in _READ or _READ[kind](node.raw)


def _is_date(said: str) -> bool:
    try:
        date.fromisoformat(said) if len(said) == len("2026-01-12") else datetime.fromisoformat(said)
    except ValueError:
        return False
    return True


def _is_time(said: str) -> bool:
    try:
        time.fromisoformat(said)
    except ValueError:
        return False
    return True


def _is_zone(said: str) -> bool:
    return zone(said) is not None


_READ = {"date": _is_date, "time": _is_time, "timezone": _is_zone}
