"""The parts of the day that a decision may choose among: `times: [now, morning, "18:00-20:30"]`.

Rules
- Hours are local to the contact. A daypart is a name with a window; a window written in place is its own name.
- `now` is no window: the message leaves as soon as the gate lets it.
- The project may name its own (`decisions: {dayparts: {lunch: "12:00-14:00"}}`) and redefine the usual ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import time

from journeys.fields import EVERY_DAY, Fields, read_name, read_time, shaped
from journeys.journey import Window
from journeys.node import Node
from journeys.page import Page
from journeys.project import Project

NOW = "now"
USUAL = {
    "morning": Window(time(8), time(11), EVERY_DAY),
    "noon": Window(time(11), time(14), EVERY_DAY),
    "afternoon": Window(time(14), time(17), EVERY_DAY),
    "evening": Window(time(17), time(21), EVERY_DAY),
}

Daypart = tuple[str, Window | None]


def read_dayparts(page: Page, fields: Fields) -> dict[str, Window]:
    """Return the project's dayparts by name: the usual ones, and those that it defines."""
    found = dict(USUAL)
    for key, node in fields.pairs("dayparts"):
        if not read_name(page, key, "a daypart"):
            continue
        window = read_hours(page, node, "a daypart")
        if key.raw == NOW:
            page.add("S112", key, "`now` is no daypart: it means at once", helps=("give it another name",))
        elif window is not None:
            found[key.raw] = window
    return found


def read_times(page: Page, fields: Fields, project: Project) -> Sequence[Daypart]:
    """Return what `times` lists as (name, window): None for `now`; empty when it is not written."""
    node = fields.node_of("times")
    if node is None or not shaped(page, node, "list", "times"):
        return ()
    known: Mapping[str, Window] = project.decisions["dayparts"]
    if not node.items:
        page.add("S112", node, "`times` names no time", helps=(f"list some of {', '.join([NOW, *known])}",))
    found = [one for item in node.items if item.kind != "broken" and (one := _time(page, item, known))]
    return tuple({name: (name, window) for name, window in found}.values())


def _time(page: Page, node: Node, known: Mapping[str, Window]) -> Daypart | None:
    if node.raw == NOW:
        return NOW, None
    if node.kind == "text" and node.raw in known:
        return node.raw, known[node.raw]
    if "-" in node.raw and node.raw[:1].isdigit():
        window = read_hours(page, node, "a time")
        return (f"{window.opens:%H:%M}-{window.closes:%H:%M}", window) if window else None
    says = f'no daypart called "{node.raw}"'
    notes = ('a daypart is a name, or hours like "18:00-20:30"; a project names its own in `decisions.dayparts`',)
    page.unknown("S112", node, says, [NOW, *known], notes=notes)
    return None


def read_hours(page: Page, node: Node, called: str) -> Window | None:
    """Return "18:00-20:30" as a window of every day; over midnight when it closes before it opens."""
    if not shaped(page, node, "text", called):
        return None
    first, dash, last = node.raw.partition("-")
    if not dash:
        page.add("S112", node, f'{called} has a beginning and an end, like "18:00-20:30"')
        return None
    opens = read_time(page, node, first.strip())
    closes = read_time(page, node, last.strip()) if opens is not None else None
    if opens is None or closes is None:
        return None
    if opens == closes:
        page.add("S112", node, "this window is empty: it closes when it opens")
        return None
    return Window(opens, closes, EVERY_DAY)
