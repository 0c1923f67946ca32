"""Caps, quiet hours and lateness: read for the project, tightened by a journey."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import time, timedelta
from typing import Any, Literal, cast

from journeys.fields import EVERY_DAY, Fields, pairs, read_choice, read_days, read_span, read_time, shaped
from journeys.forms import CAPS, LATE, QUIET
from journeys.forms_state import CAPPED
from journeys.journey import CapRule, Limits, QuietHours, WhenCapped
from journeys.node import Node
from journeys.page import Page
from journeys.place import Place
from journeys.span import parse_span, show_span

CAP_KEYS = CAPS.names
QUIET_KEYS = QUIET.names
UNITS = ("day", "week", "month")
RULE = r"([0-9]{1,6})/(day|week|month|[0-9]+(?:\.[0-9]+)?[smhdw])"
_RULE = re.compile(RULE)
Scope = Literal["all", "channel", "topic"]


def default_limits(file: str) -> Limits:
    """Return the limits of a project that says nothing about them."""
    place = Place(file, 1, 1)
    quiet = QuietHours(time(21), time(8), EVERY_DAY, "wait", timedelta(minutes=15), place)
    return Limits(_usual(place), {"": quiet}, timedelta(hours=24), "wait", timedelta(hours=36), False)


def _usual(place: Place) -> tuple[CapRule, ...]:
    return (CapRule("all", "", 3, "day", place), CapRule("all", "", 8, "week", place))


def project_limits(top: Fields, topics: tuple[str, ...], channels: tuple[str, ...]) -> Limits:
    """Return the limits that sojourn.yaml sets."""
    limits = default_limits(top.page.file)
    caps = top.node_of("caps")
    if caps:
        fields = Fields(top.page, caps, CAP_KEYS, "caps")
        rules = cap_rules(fields, topics, channels)
        usual = () if "all" in fields else _usual(top.page.place(caps))
        limits = replace(
            limits,
            caps=usual + rules,
            when_capped=cast(WhenCapped, fields.choice("when_capped", CAPPED, "wait")),
            max_wait=fields.span("max_wait", limits.max_wait),
            count_transactional=fields.flag("count_transactional", False),
        )
    quiet = top.node_of("quiet_hours")
    if quiet:
        limits = replace(limits, quiet=quiet_hours(top.page, quiet, channels, limits.quiet[""]))
    return replace(limits, skip_after=late(top, limits.skip_after))


def late(top: Fields, default: timedelta) -> timedelta:
    node = top.node_of("late")
    return Fields(top.page, node, LATE.names, "late").span("skip_after", default) if node else default


def cap_rules(fields: Fields, topics: tuple[str, ...], channels: tuple[str, ...]) -> tuple[CapRule, ...]:
    """Return the rules under `all`, `channels` and `topics`."""
    rules: list[CapRule] = []
    whole = fields.node_of("all")
    if whole:
        rules += _rules(fields.page, whole, "all", "")
    for key, scope, known in (("channels", "channel", channels), ("topics", "topic", topics)):
        for name, node in fields.pairs(key):
            if name.raw not in known:
                says = f'no {scope} called "{name.raw}" in sojourn.yaml'
                fields.page.unknown("R207" if scope == "channel" else "R208", name, says, known)
            else:
                rules += _rules(fields.page, node, cast(Scope, scope), name.raw)
    return tuple(rules)


def _rules(page: Page, node: Node, scope: Scope, name: str) -> list[CapRule]:
    if not shaped(page, node, "list", name or scope):
        return []
    place = replace(page.place(node), end_col=page.span(node)[2])
    rules = []
    for item in node.items:
        found = _RULE.fullmatch(item.raw) if item.kind == "text" else None
        if found:
            per: Any = found.group(2) if found.group(2) in UNITS else parse_span(found.group(2))
            rules.append(CapRule(scope, name, int(found.group(1)), per, place))
        elif item.kind != "broken":
            helps = ("day, week and month are the contact's calendar; 24h, 7d, 30d roll",)
            page.add(
                "S112", item, f'cannot read "{item.raw}" as a cap', label="write 3/day, 8/week or 3/7d", helps=helps
            )
    return rules


def quiet_hours(page: Page, node: Node, channels: tuple[str, ...], default: QuietHours | None) -> dict[str, QuietHours]:
    """Return the quiet hours by channel; "" holds for every channel not named."""
    if node.kind == "text" and node.raw == "ignore":
        return {}
    if not shaped(page, node, "map", "quiet_hours"):
        return {"": default} if default else {}
    if any(key.raw in channels for key, _ in node.entries):
        found = {"": default} if default else {}
        for key, value in pairs(node):
            if key.raw in channels:
                quiet = _quiet(page, value)
                found |= {key.raw: quiet} if quiet else {}
            else:
                page.unknown("R207", key, f'no channel called "{key.raw}" in sojourn.yaml', channels)
        return found
    whole = _quiet(page, node) or default
    return {"": whole} if whole else {}


def _quiet(page: Page, node: Node) -> QuietHours | None:
    fields = Fields(page, node, QUIET_KEYS, "quiet_hours")
    if not fields.needs("from", "to"):
        return None
    start, end = (read_time(page, cast(Node, fields.node_of(key))) for key in ("from", "to"))
    days = fields.node_of("days")
    if start is None or end is None:
        return None
    return QuietHours(
        start,
        end,
        read_days(page, days) if days else EVERY_DAY,
        cast(Literal["wait", "skip"], fields.choice("then", QUIET.words("then"), "wait")),
        fields.span("spread", timedelta(minutes=15)),
        replace(page.place(node), end_col=page.span(node)[2]),
    )


def tightened(top: Fields, project: Limits, shared: tuple[CapRule, ...], known: Mapping[str, Any]) -> Limits:
    """Return the project's limits made tighter by a journey; what is looser is reported (P602).

    `known` holds `channels` and `topics` (names), and `transactional`.
    """
    page, free = top.page, bool(known["transactional"])
    limits, rules = project, shared
    node = top.node_of("caps")
    if node:
        fields = Fields(page, node, CAP_KEYS, "caps")
        own = cap_rules(fields, known["topics"], known["channels"])
        rules = tuple(rule for rule in shared if _same(rule) not in {_same(one) for one in own}) + own
        word = fields.node_of("when_capped")
        when = read_choice(page, word, "when_capped", CAPPED) if word else None
        wait = fields.node_of("max_wait")
        span = read_span(page, wait) if wait else None
        limits = replace(
            limits,
            when_capped=cast(WhenCapped, when or limits.when_capped),
            max_wait=limits.max_wait if span is None else span,
        )
    for rule in rules:
        if not free:
            _loosened(page, rule, project)
    replaced = {_same(rule) for rule in rules}
    caps = tuple(rule for rule in project.caps if _same(rule) not in replaced) + rules
    return replace(limits, caps=caps, quiet=_quieter(top, project, known), skip_after=_sooner(top, project, free))


def _same(rule: CapRule) -> tuple[object, ...]:
    return rule.scope, rule.name, rule.per


def _loosened(page: Page, rule: CapRule, project: Limits) -> None:
    for other in project.caps:
        if _same(other) == _same(rule) and rule.limit > other.limit:
            per = other.per if isinstance(other.per, str) else show_span(other.per)
            _loose(page, rule.place, "caps", f"project allows {other.limit}/{per}", other.place)


def _loose(page: Page, place: Place, what: str, label: str, other: Place) -> None:
    where = f"{other.file}:{other.line}:{other.col}"
    page.add(
        "P602",
        (place.line, place.col, place.end_col),
        f"a journey may tighten the project {what} but not loosen them",
        label=label,
        notes=(f"project {what.removesuffix('s')} at {where}",),
        helps=("mark the journey `transactional: true` if these are order or account messages",),
        notes_first=True,
    )


def _quieter(top: Fields, project: Limits, known: Mapping[str, Any]) -> Mapping[str, QuietHours]:
    node = top.node_of("quiet_hours")
    if node is None:
        return project.quiet
    own = {**quiet_hours(top.page, node, known["channels"], None)}
    if known["transactional"]:
        return own
    for channel, theirs in project.quiet.items():
        ours = own.get(channel, own.get(""))
        if (ours is None and (not own or not channel)) and node.raw != "ignore" and own:
            continue  # only some channels are named: the others keep the project's
        if ours is None or not minutes(theirs) <= minutes(ours):
            hours = f"{theirs.start:%H:%M}-{theirs.end:%H:%M}"
            place = replace(top.page.place(node), end_col=top.page.span(node)[2])
            _loose(top.page, place, "quiet hours", f"project has {hours}", theirs.place)
    return {**project.quiet, **({} if "" not in own else dict.fromkeys(project.quiet, own[""])), **own}


def minutes(quiet: QuietHours) -> set[int]:
    """Return the minutes of the week in which it is quiet."""
    start, end = quiet.start.hour * 60 + quiet.start.minute, quiet.end.hour * 60 + quiet.end.minute
    length = (end - start - 1) % 1440 + 1
    return {(day * 1440 + start + minute) % 10080 for day in quiet.days for minute in range(length)}


def _sooner(top: Fields, project: Limits, free: bool) -> timedelta:
    own = late(top, project.skip_after)
    node = top.node_of("late")
    if node and own > project.skip_after and not free:
        value = node.get("skip_after") or node
        line, col, end = top.page.span(value)
        says = f"a journey may skip late messages sooner than the project ({show_span(project.skip_after)}), not later"
        top.page.add("P602", (line, col, end), says)
    return own
