"""Who comes in and who goes: enter, reenter, goal, exit_when, jump_when."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Literal, cast

from journeys.conditions import read_condition, read_expression
from journeys.fields import Fields, read_choice, shaped
from journeys.forms import ENTER, EXIT_WHEN, GOAL, JOURNEY, JUMP_WHEN, REENTER
from journeys.journey import Enter, ExitWhen, Goal, JumpWhen, Reenter
from journeys.names import Names
from journeys.node import Node
from journeys.page import Page
from journeys.parse import parse
from journeys.span import parse_span
from journeys.spot import Spot, event_props, mark, read_events, read_segment

_LIMIT = re.compile(r"([0-9]{1,9})/(min|hour|day)")
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]"
CHECK = rf"daily {_CLOCK}|hourly"
_CHECK = re.compile(CHECK)
SCHEDULE = (
    rf"(?:daily|weekdays|weekends|(?:mon|tue|wed|thu|fri|sat|sun)(?:,(?:mon|tue|wed|thu|fri|sat|sun))*|"
    rf"(?:[1-9]|[12][0-9]|3[01])(?:st|nd|rd|th)) {_CLOCK}|hourly"
)
CRON = r"cron\s+[\"']?(\S+(?:\s+\S+){4})[\"']?"
_SCHEDULE, _CRON = re.compile(SCHEDULE), re.compile(CRON)


def read_enter(page: Page, node: Node, journey: str, names: Names) -> Enter | None:
    """Return what starts a run."""
    if node.kind == "list" and all(item.kind == "text" for item in node.items):
        listed = ", ".join(item.raw for item in node.items)
        written = f"{{event: [{listed}]}}"
        helps = (f"several events may start a journey: `enter: {written}`",)
        says = "`enter` is a mapping, but this is a list"
        page.add("S111", node, says, helps=helps, fix=page.swap(node, written))
        return None
    if not shaped(page, node, "map", "enter"):
        return None
    kind = next((key for key in ENTER if node.get(key)), None)
    if kind is None:
        fields = Fields(page, node, tuple(ENTER), "enter")
        if not any(key.kind == "broken" for key, _ in node.entries) and len(fields.values) == len(node.entries):
            page.add("S113", node, "`enter` needs one of `event`, `segment`, `schedule` or `manual: true`")
        return None
    fields = Fields(page, node, ENTER[kind].names, "enter")
    return _entered(fields, kind, journey, names)


def _entered(fields: Fields, kind: str, journey: str, names: Names) -> Enter | None:
    page, internal = fields.page, (f"enter:{journey}",)
    limit = _limit(fields)
    if kind == "manual":
        if not fields.flag("manual", True):
            page.add("S112", cast(Node, fields.node_of("manual")), "`manual` can only be true: leave it out otherwise")
        return Enter(internal, "manual")
    if kind == "event":
        events = read_events(page, fields.node_of("event"), names.data)
        seen = Names(names.data, event=event_props(names.data, events), vars=names.vars)
        guard = read_condition(page, fields.node_of("if"), seen)
        return Enter(events, "event", guard, limit=limit) if events else None
    segment = read_segment(page, fields.node_of("segment"), names.data)
    guard = read_condition(page, fields.node_of("if"), Names(names.data, vars=names.vars))
    if kind == "segment":
        check = _check(fields)
        starts = internal if check or segment is None else (f"entered:{segment}", *internal)
        return Enter(starts, "segment", guard, segment, check, limit)
    return Enter(internal, "schedule", guard, segment, _schedule(fields), limit)


def _check(fields: Fields) -> str | None:
    """Return the rhythm at which a segment is looked through; None: people enter as soon as they are in it."""
    node = fields.node_of("check")
    if node is None:
        return None
    span = parse_span(node.raw)
    if not _CHECK.fullmatch(node.raw) and (span is None or span < timedelta(minutes=1)):
        says = f'cannot read "{node.raw}" as a rhythm'
        fields.page.add("S112", node, says, label="write daily 06:00, hourly or 15m")
    return node.raw


def _schedule(fields: Fields) -> str:
    node = cast(Node, fields.node_of("schedule") or fields.node)
    if node.kind != "text" or not (_SCHEDULE.fullmatch(node.raw) or _CRON.fullmatch(node.raw)):
        label = 'write "mon 09:00", "1st 10:00" or cron "0 9 * * 1"'
        fields.page.add("S112", node, f'cannot read "{node.raw}" as a schedule', label=label)
    return node.raw


def _limit(fields: Fields) -> tuple[int, Literal["min", "hour", "day"]] | None:
    node = fields.node_of("limit")
    if node is None:
        return None
    found = _LIMIT.fullmatch(node.raw)
    if found is None or int(found[1]) == 0:
        fields.page.add("S112", node, f'cannot read "{node.raw}" as a limit', label="write for example 400/day")
        return None
    return int(found[1]), cast(Literal["min", "hour", "day"], found[2])


def read_reenter(page: Page, node: Node | None, enter: Enter | None) -> Reenter:
    if node is None or node.kind == "broken":
        return Reenter()
    if node.kind != "map":
        word = read_choice(page, node, "reenter", JOURNEY.words("reenter"))
        return Reenter(timedelta(0)) if word == "always" else Reenter()
    fields = Fields(page, node, REENTER.names, "reenter")
    active = fields.choice("while_active", REENTER.words("while_active"), "ignore")
    if active == "parallel" and enter is not None and enter.kind != "event":
        page.add(
            "S112", cast(Node, fields.node_of("while_active")), "`parallel` is only for journeys that events start"
        )
    most = fields.whole("max", 0, 1) if "max" in fields else None
    return Reenter(
        fields.span("after", timedelta(0)), cast(Literal["ignore", "restart", "parallel"], active), most or None
    )


def read_goal(page: Page, node: Node | None, names: Names) -> Goal | None:
    if node is None or node.kind == "broken":
        return None
    fields = Fields(page, node, GOAL.names, "goal")
    if not fields.needs("event"):
        return None
    events = read_events(page, fields.node_of("event"), names.data)
    seen = _seen(names, events)
    guard = read_condition(page, fields.node_of("if"), seen)
    value = read_expression(page, fields.node_of("value"), seen, "number")
    if not events:
        return None
    return Goal(events, guard, fields.span("within", timedelta(days=30)), value, fields.flag("exit", True))


def _seen(names: Names, events: tuple[str, ...]) -> Names:
    event = event_props(names.data, events) if events else None
    return Names(names.data, names.entry, event, names.vars, names.params)


def read_exits(page: Page, node: Node | None, names: Names) -> tuple[ExitWhen, ...]:
    if node is None or not shaped(page, node, "list", "exit_when"):
        return ()
    exits = []
    for item in node.items:
        fields = Fields(page, item, EXIT_WHEN.names, "exit_when")
        if not fields.values:
            if item.kind == "map" and not item.entries:
                page.add("S113", item, NEEDS)
            continue
        if "segment" in fields:
            exits += _exit_into(fields, item, names)
            continue
        events = read_events(page, fields.node_of("event"), names.data)
        guard = read_condition(page, fields.node_of("if"), _seen(names, events))
        if not events and "if" not in fields and "event" not in fields:
            page.add("S113", item, NEEDS)
        reason = fields.name("reason") or (events[0] if events else "exit_when")
        if events or guard:
            exits.append(ExitWhen(events, guard, reason, mark(page, item)))
    return tuple(exits)


NEEDS = "`exit_when` needs an `event`, a `segment` or an `if`"


def _exit_into(fields: Fields, item: Node, names: Names) -> list[ExitWhen]:
    """Return the exit of those who are in a segment: at the instant at which they are."""
    page, node = fields.page, cast(Node, fields.node_of("segment"))
    if "event" in fields or "if" in fields:
        page.add("S113", item, "`segment` stands alone in `exit_when`: write `if: in_segment(name) and …`")
        return []
    segment = read_segment(page, node, names.data)
    guard = parse(f"in_segment({segment})", page.place(node), names, "flag")[0] if segment else None
    return [ExitWhen((), guard, fields.name("reason") or str(segment), mark(page, item))] if guard else []


def read_jumps(spot: Spot, node: Node | None, names: Names) -> tuple[JumpWhen, ...]:
    """Return the jumps; `spot` is any state of the journey, for the names it may lead to."""
    page = spot.page
    if node is None or not shaped(page, node, "list", "jump_when"):
        return ()
    jumps = []
    for item in node.items:
        fields = Fields(page, item, JUMP_WHEN.names, "jump_when")
        if not fields.needs("event", "then"):
            continue
        events = read_events(page, fields.node_of("event"), names.data)
        guard = read_condition(page, fields.node_of("if"), _seen(names, events))
        target = spot.target(fields.node_of("then"), "")
        if events and target:
            jumps.append(JumpWhen(events, guard, target))
    return tuple(jumps)
