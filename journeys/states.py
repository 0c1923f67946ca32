"""One state of a file: timing, guard, action and where it leads."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast

from journeys.actions import (
    SEND_KEYS,
    WAIT_KEYS,
    read_branch,
    read_call,
    read_emit,
    read_exit,
    read_send,
    read_set,
    read_split,
    read_wait,
)
from journeys.choosing import CHOOSE_KEYS, EXPLORE_KEYS, REWARD_KEYS, read_choose
from journeys.conditions import computed, read_condition, read_expression
from journeys.expression import Expression
from journeys.fields import EVERY_DAY, Fields, deeper, read_choice, read_days, read_span, read_time, shaped
from journeys.forms_state import CAPPED, STATE
from journeys.journey import EXIT, Action, Choose, Leave, Send, State, WhenCapped, Window
from journeys.node import Node
from journeys.page import Page
from journeys.span import parse_span
from journeys.spot import Desk, Spot, mark, paths

ACTIONS: dict[str, Callable[[Spot, Node, Desk], Action | None]] = {
    "send": read_send,
    "choose": read_choose,
    "wait_for": read_wait,
    "split": read_split,
    "branch": read_branch,
    "set": read_set,
    "emit": read_emit,
    "call": read_call,
    "exit": read_exit,
}
STATE_KEYS = STATE.names
# What is sometimes written beside the key it belongs into.
INSIDE = {"choose": CHOOSE_KEYS, "wait_for": WAIT_KEYS, "send": SEND_KEYS}
INSIDE_CHOOSE = {"reward": REWARD_KEYS, "explore": EXPLORE_KEYS}
_CALENDAR = re.compile(r"\d+[dw](?: \d+[dw])*")


@dataclass(frozen=True, slots=True)
class _Timing:
    after: timedelta | Expression
    calendar_days: int | None
    until: Expression | None
    window: Window | None


def read_state(spot: Spot, desk: Desk) -> State:
    """Return the state as far as it can be read; what cannot is reported on its page."""
    body = spot.body if spot.body.kind != "none" else replace(spot.body, kind="map")
    spot = replace(spot, body=_without_misplaced(spot.page, body))
    fields = Fields(spot.page, spot.body, STATE_KEYS, "a state")
    action = _action(spot, fields, desk)
    timing = _timing(spot, fields)
    guard = read_condition(spot.page, fields.node_of("if"), spot.names)
    then = spot.target(fields.node_of("then"), spot.following)
    if isinstance(action, Leave):
        then = EXIT
    elif spot.first is not None:
        then = spot.first
    return State(
        name=spot.name,
        place=mark(spot.page, spot.key),
        then=then,
        otherwise=spot.target(fields.node_of("else"), spot.following),
        action=action,
        title=fields.text("title"),
        after=timing.after,
        calendar_days=timing.calendar_days,
        until=timing.until,
        window=timing.window,
        guard=guard,
        when_capped=_when_capped(fields, desk, action),
        max_wait=fields.span("max_wait", desk.limits.max_wait),
        max_visits=fields.whole("max_visits", 10, 1),
        vars=spot.names.params,
        falls_off=spot.falls and "then" not in fields and spot.first is None and not isinstance(action, Leave),
        places=paths(spot.page, spot.body),
    )


def _without_misplaced(page: Page, body: Node) -> Node:
    """Report keys that stand beside the action they belong into (S102), and put them there to be read all the same."""
    moved = _put_inside(page, body, STATE_KEYS, INSIDE)
    entries = ((key, _choose(page, value) if key.raw == "choose" else value) for key, value in moved.entries)
    return replace(moved, entries=tuple(entries))


def _choose(page: Page, node: Node) -> Node:
    return _put_inside(page, node, CHOOSE_KEYS, INSIDE_CHOOSE)


def _put_inside(page: Page, node: Node, own: Sequence[str], inside: Mapping[str, Sequence[str]]) -> Node:
    kept: list[tuple[Node, Node]] = []
    strays: dict[str, list[tuple[Node, Node]]] = {}
    for key, value in node.entries:
        parents = (name for name, keys in inside.items() if key.raw in keys and _is_map(node.get(name)))
        parent = None if key.raw in own or key.kind == "broken" else next(parents, None)
        if parent is None:
            kept.append((key, value))
        else:
            _misplaced(page, key, value, parent)
            strays.setdefault(parent, []).append((key, value))
    entries = (
        (key, replace(value, entries=(*value.entries, *strays.get(key.raw, ())))) if _is_map(value) else (key, value)
        for key, value in kept
    )
    return replace(node, entries=tuple(entries))


def _is_map(node: Node | None) -> bool:
    return node is not None and node.kind == "map"


def _misplaced(page: Page, key: Node, value: Node, parent: str) -> None:
    fix = deeper(page, value, key)
    label = "indent this by two more spaces" if fix else f"move it inside `{parent}: {{ }}`"
    page.add("S102", key, f'"{key.raw}" belongs inside `{parent}`, not beside it', label=label, fix=fix)


def _action(spot: Spot, fields: Fields, desk: Desk) -> Action | None:
    written = [key for key in fields.keys if key in ACTIONS or key == "run"]
    if len(written) > 1:
        first, second = fields.keys[written[0]], fields.keys[written[1]]
        spot.page.add(
            "S104",
            second,
            f'a state does one thing, but "{spot.key.raw}" has both `{first.raw}` and `{second.raw}`',
            label="second action",
            others=(spot.page.label(first, "first action"),),
            helps=("move one of them into its own state; states run top to bottom",),
        )
    if "with" in fields and "run" not in fields:
        spot.page.add("S112", fields.keys["with"], "`with` goes with `run`: it fills the parameters of a fragment")
    found: Action | None = None
    for key in written[:1]:
        node = fields.node_of(key)
        if key in ACTIONS and node is not None:
            found = ACTIONS[key](spot, node, desk)
    return found


def _timing(spot: Spot, fields: Fields) -> _Timing:
    window = _window(spot, fields)
    if "after" in fields and "until" in fields:
        spot.page.add("S104", fields.keys["until"], "a state waits for one thing: `after` or `until`, not both")
    until = read_expression(spot.page, fields.node_of("until"), spot.names, "date")
    node = fields.node_of("after")
    if node is None:
        return _Timing(timedelta(0), None, until, window)
    after, raw = _after(spot, node)
    days = None
    if isinstance(after, timedelta) and window is not None and (window.opens or window.best):
        days = after.days if _CALENDAR.fullmatch(raw) else None
    return _Timing(after, days, until, window)


def _after(spot: Spot, node: Node) -> tuple[timedelta | Expression, str]:
    """Return the wait, and as what it was written; a constant of `params` or `vars` is put in at once."""
    if not computed(node):
        return read_span(spot.page, node) or timedelta(0), node.raw
    source = node.raw[1:].strip()
    root, _, name = source.partition(".")
    known = {"params": spot.names.params, "vars": spot.names.vars}.get(root, {})
    value: Any = known.get(name)
    if isinstance(value, timedelta):
        return value, f"{value.days}d" if value == timedelta(days=value.days) else ""
    if isinstance(value, str) and (span := parse_span(value)) is not None:
        return span, value
    offset = (0 if node.plain else 1) + node.raw.index(source)
    inner = replace(node, raw=source, col=node.col + offset, plain=True)
    found = read_expression(spot.page, inner, spot.names, "duration")
    return (found, "") if found is not None else (timedelta(0), "")


def _window(spot: Spot, fields: Fields) -> Window | None:
    at, days = fields.node_of("at"), fields.node_of("days")
    if at is None and days is None:
        return None
    allowed = read_days(spot.page, days) if days else EVERY_DAY
    if at is None:
        return Window(None, None, allowed)
    if at.kind == "text" and at.raw == "best":
        return Window(None, None, allowed, best=True)
    if at.kind in ("map", "list"):
        shaped(spot.page, at, "text", "at")
        return Window(None, None, allowed)
    first, dash, last = at.raw.partition("-")
    opens = read_time(spot.page, at, first.strip())
    closes = read_time(spot.page, at, last.strip()) if dash and opens is not None else None
    if closes is not None and closes == opens:
        spot.page.add("S112", at, "this window is empty: it closes when it opens")
    return Window(opens, closes, allowed)


def _when_capped(fields: Fields, desk: Desk, action: Action | None) -> WhenCapped:
    node = fields.node_of("when_capped")
    own = read_choice(fields.page, node, "when_capped", CAPPED) if node else None
    if node is not None and own == "switch" and isinstance(action, Send):
        fields.page.add("S112", node, "`switch` is for `choose`: one message has no other arm to switch to")
    found = own or desk.limits.when_capped
    if found == "switch" and not isinstance(action, Choose):
        return "wait"
    return cast(WhenCapped, found)
