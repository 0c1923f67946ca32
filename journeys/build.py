"""A journey file, read as a whole: from nodes to a Journey, with everything that is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from hashlib import blake2b
from typing import Any

from journeys.check_secrets import find_secrets
from journeys.conditions import computed, read_value
from journeys.entering import read_enter, read_exits, read_goal, read_jumps, read_reenter
from journeys.experiment import admitted
from journeys.fields import Fields, pairs, read_name, shaped
from journeys.forms import JOURNEY, SHARED
from journeys.fragments import Shelf, spread
from journeys.graph import cyclic
from journeys.journey import EXIT, CapRule, Enter, ExitWhen, Goal, Journey, Limits, State
from journeys.limits import CAP_KEYS, cap_rules, tightened
from journeys.names import Names
from journeys.node import Node
from journeys.page import Page
from journeys.project import Project
from journeys.project_file import read_zone
from journeys.spot import Desk, Spot, event_props, paths
from journeys.states import read_state
from journeys.testing import Tested, read_tests
from journeys.typed import fits

KEYS = JOURNEY.names
NO_ENTER = (
    "add one of\nenter: {event: signed_up}\nenter: {segment: new_customers, check: daily 06:00}\nenter: {manual: true}"
)


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the files of `use` bring in."""

    vars: Mapping[str, Any]
    exits: tuple[tuple[Page, Node], ...]
    caps: tuple[CapRule, ...]


@dataclass(frozen=True, slots=True)
class _Frame:
    """The file's own clauses, read before its states."""

    names: Names
    enter: Enter | None
    goal: Goal | None
    exits: tuple[ExitWhen, ...]
    limits: Limits
    topic: str
    transactional: bool


def build(page: Page, root: Node, project: Project, shelf: Shelf) -> Journey | None:
    """Return the journey of a file; None when it has an error (all of them are on `page` and the shelf's pages)."""
    top = Fields(page, root, KEYS, "a journey")
    if top.node is None or top.node.kind != "map":
        return None
    name = top.name("journey") or ""
    if not top.needs("journey"):
        name = ""
    _file_name(page, top, name)
    frame = _frame(top, project, shelf, name)
    states = _states(top, frame, project, shelf)
    moved = _moved(top, states[0])
    tests = read_tests(top, Tested(project, states[0], frame.exits)) if states[0] else ()
    start = _start(top, states[1])
    rest = _rest(top)
    reenter = read_reenter(page, top.node_of("reenter"), frame.enter)
    jumps = read_jumps(states[1][0], top.node_of("jump_when"), frame.names) if states[1] else ()
    for other, node in [(page, root), *shelf.pages.values()]:
        if node is not None:
            find_secrets(other, node)
    if frame.enter is None or not states[0] or start is None:
        return None
    return Journey(
        name=name,
        version=_version(root, shelf),
        file=page.file,
        title=rest["title"] or name,
        topic=frame.topic,
        priority=top.whole("priority", 50, 0, 100),
        transactional=frame.transactional,
        timezone=read_zone(page, top.node_of("timezone")),
        vars=frame.names.vars,
        enter=frame.enter,
        reenter=reenter,
        goal=frame.goal,
        exits=frame.exits,
        jumps=jumps,
        holdout=top.share("holdout", 0.0),
        verdict_on=_day(page, top.node_of("verdict_on")),
        limits=frame.limits,
        start=start,
        states=states[0],
        moved=moved,
        tests=tests,
        note=rest["note"],
        owner=rest["owner"],
        tags=tuple(item.raw for item in top.items("tags")),
        cyclic=cyclic(states[0], start, jumps, restart=reenter.while_active == "restart"),
        places=_places(page, root),
    )


def _file_name(page: Page, top: Fields, name: str) -> None:
    node = top.node_of("journey")
    stem = page.file.rpartition("/")[2].rpartition(".")[0]
    if node is not None and name and stem and stem != name:
        page.add("S120", node, f'this file is called {stem}.yaml, but its journey "{name}"', label="use one name")


def _day(page: Page, node: Node | None) -> date | None:
    """Read a date like 2026-12-31."""
    if node is None or not fits(page, node, "verdict_on", "date") or not node.raw:
        return None
    return datetime.fromisoformat(node.raw).date()


def _rest(top: Fields) -> dict[str, str | None]:
    return {key: top.text(key) for key in ("title", "note", "owner")}


def _frame(top: Fields, project: Project, shelf: Shelf, name: str) -> _Frame:
    page, data = top.page, project.data
    topic = _topic(top, project)
    transactional = top.flag("transactional", project.topics[topic].transactional if topic in project.topics else False)
    shared = _use(top, project, shelf)
    names = Names(data, vars={**shared.vars, **_vars(page, top.node_of("vars"), data_names=Names(data))})
    enter_node = top.node_of("enter")
    enter = read_enter(page, enter_node, name, names) if enter_node else None
    enter = admitted(page, enter, name, names)
    if "enter" not in top.values:
        at = (1, 1, len(page.line(1)) + 1)
        page.add("S103", at, "this journey has no `enter`: nobody would ever start it", helps=(NO_ENTER,))
    entry = event_props(data, enter.events) if enter and enter.kind == "event" else {}
    # Without a readable `enter` nobody knows what `entry` holds: say nothing about its properties.
    names = replace(names, entry=entry if enter else _Anything())
    known = {"transactional": transactional, "topics": tuple(project.topics), "channels": tuple(project.channels)}
    exits = list(read_exits(page, top.node_of("exit_when"), names))
    for other, node in shared.exits:
        exits += read_exits(other, node, names)
    goal = read_goal(page, top.node_of("goal"), names)
    limits = tightened(top, project.limits, shared.caps, known)
    return _Frame(names, enter, goal, tuple(exits), limits, topic, transactional)


class _Anything(dict[str, str]):
    """Properties of an event that could not be read: every name is one, of any type."""

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: str) -> str:
        return "any"


def _topic(top: Fields, project: Project) -> str:
    node = top.node_of("topic")
    if node is None:
        return "general"
    if node.raw not in project.topics:
        top.page.unknown("R208", node, f'no topic called "{node.raw}" in sojourn.yaml', project.topics)
    return node.raw


def _vars(page: Page, node: Node | None, data_names: Names) -> dict[str, Any]:
    if node is None or not shaped(page, node, "map", "vars"):
        return {}
    found = {}
    for key, value in pairs(node):
        if read_name(page, replace(key, kind="text"), "vars") is None:
            continue
        if computed(value):
            page.add("S112", value, "`vars` are fixed values: this cannot be computed here")
        else:
            found[key.raw] = read_value(page, value, data_names)
    return found


def _use(top: Fields, project: Project, shelf: Shelf) -> _Shared:
    values: dict[str, Any] = {}
    exits: list[tuple[Page, Node]] = []
    caps: list[CapRule] = []
    for item in top.items("use"):
        found = shelf.open(item.raw)
        if found is None:
            top.page.add("R212", item, f"no file {item.raw}", notes=("paths count from the folder of sojourn.yaml",))
            continue
        page, root = found
        fields = Fields(page, root, SHARED.names, "a shared file")
        values.update(_vars(page, fields.node_of("vars"), Names(project.data)))
        node = fields.node_of("exit_when")
        if node:
            exits.append((page, node))
        rules = fields.node_of("caps")
        if rules:
            inner = Fields(page, rules, CAP_KEYS, "caps")
            caps += cap_rules(inner, tuple(project.topics), tuple(project.channels))
    return _Shared(values, tuple(exits), tuple(caps))


def _states(top: Fields, frame: _Frame, project: Project, shelf: Shelf) -> tuple[dict[str, State], list[Spot]]:
    top.needs("states")
    node = top.node_of("states")
    if node is None or not shaped(top.page, node, "map", "states"):
        return {}, []
    if not node.entries:
        top.page.add("S113", node, "a journey needs at least one state")
    spots = spread(top.page, node, frame.names, shelf)
    desk = Desk(project, frame.limits, frame.transactional, frame.goal)
    return {spot.name: read_state(spot, desk) for spot in spots}, spots


def _start(top: Fields, spots: list[Spot]) -> str | None:
    if not spots:
        return None
    node = top.node_of("start")
    found = spots[0].target(node, spots[0].name)
    if node is not None and found == EXIT:
        top.page.add("S112", node, "a journey cannot start with its exit")
    return found


def _moved(top: Fields, states: Mapping[str, State]) -> dict[str, str]:
    moved = {}
    for old, new in top.pairs("moved"):
        if old.raw in states:
            top.page.add("S112", old, f'the state "{old.raw}" is still there: nobody has to move')
        elif new.raw != EXIT and new.raw not in states:
            top.page.unknown("R201", new, f'no state called "{new.raw}"', [*states, EXIT])
        else:
            moved[old.raw] = new.raw
    return moved


def _places(page: Page, root: Node) -> dict[str, Any]:
    kept = tuple((key, value) for key, value in root.entries if key.raw not in ("states", "tests", "vars"))
    return paths(page, replace(root, entries=kept))


def _version(root: Node, shelf: Shelf) -> str:
    """Return the hash of what the file means, with all that it takes from other files.

    Comments do not count, nor do the journey's tests: they change nothing for anybody.
    """
    root = replace(root, entries=tuple(pair for pair in root.entries if pair[0].raw != "tests"))
    others = {file: found.data() for file, (_, found) in sorted(shelf.pages.items()) if found is not None}
    content = json.dumps([root.data(), others], ensure_ascii=False, separators=(",", ":"))
    return blake2b(content.encode(), digest_size=6).hexdigest()
