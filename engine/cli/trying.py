"""One contact tried out: what was typed becomes a script, and what happened becomes lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from engine import rehearsal
from engine.app import usable
from engine.cli.answer import Answer
from engine.cli.event import choices_of
from engine.cli.flags import WrongUse
from engine.cli.reading import Unreadable, instant_of, value_of
from engine.cli.session import Session
from engine.cli.text import printable
from engine.path import Frame, Item, items, tree
from engine.rehearsal import Rehearsed, Script, rehearse
from engine.store.copying import attributes_of, was_in
from engine.store.history import DecisionRow, DeliveryRow, RunRow
from engine.store.intake import NewEvent
from engine.telling import clock
from journeys import Choose, Journey, parse_span, show_span
from journeys.data_file import BUILT_IN
from journeys.zones import zone_of

if TYPE_CHECKING:
    import sqlalchemy as sa

    from journeys.project import Definitions, Project

SEASONS = ("spring", "autumn")
LONGEST = timedelta(days=3 * 366)


@dataclass(frozen=True, slots=True)
class Wish:
    """What was typed."""

    contact: str | None
    start: str | None
    events: Sequence[str]
    changes: Sequence[str]
    forced: Sequence[str]
    seed: str | None
    until: str | None


@dataclass(frozen=True, slots=True)
class Trying:
    """A script with what is known about its person."""

    project: Project
    journey: Journey
    script: Script
    attributes: Mapping[str, Any]
    zone: tzinfo
    made_up: str  # what of it was invented


def tried(session: Session, definitions: Definitions, journey: Journey, wish: Wish) -> Answer:
    """Play the script on the virtual engine and tell what happened."""
    project = usable(definitions)
    if wish.contact is None:
        trying = _trying(project, journey, wish, (None, session.now()))
        return _answer(trying, rehearse(definitions, trying.script))
    from engine.store.connect import reading

    with session.store(project) as store, reading(store) as conn:
        trying = _trying(project, journey, wish, (conn, session.now()))
        return _answer(trying, rehearse(definitions, trying.script, conn))


def _trying(project: Project, journey: Journey, wish: Wish, where: tuple[sa.Connection | None, datetime]) -> Trying:
    conn, now = where
    seed = wish.seed or project.name
    changes = _changes(project, wish.changes)
    if conn is None or wish.contact is None:
        contact_id = rehearsal.somebody(journey, seed, project.holdout)
        attributes = rehearsal.invented(project, contact_id, changes, now).attributes
    else:
        contact_id, known = _known(conn, wish.contact)
        attributes = {**known, **changes}
    zone = zone_of(attributes) or ZoneInfo(journey.timezone or project.timezone)
    start = start_of(wish.start, now, zone)
    if conn is None:  # dates of the invented lie soon after the start
        attributes = rehearsal.invented(project, contact_id, changes, start).attributes
    script = Script(
        journey.name, contact_id, start, start + _until(wish.until), (), seed, _forced(journey, wish.forced),
        changes if conn is None or changes else {},
    )  # fmt: skip
    events, made_up = _events(project, journey, wish.events, (script, attributes))
    by_hand = journey.enter.kind != "event"
    if conn is None:
        made_up = " and ".join(filter(None, ["an invented contact with every consent and address", made_up]))
    elif was_in(conn, contact_id, journey.name):
        made_up = ", ".join(filter(None, [made_up, f"as if {contact_id} had never been in {journey.name}"]))
    return Trying(project, journey, replace(script, events=events, by_hand=by_hand), attributes, zone, made_up)


def _known(conn: sa.Connection, said: str) -> tuple[str, Mapping[str, Any]]:
    from engine.cli.contact import find_contact

    contact_id = find_contact(conn, said)
    return contact_id, attributes_of(conn, contact_id)


def start_of(said: str | None, now: datetime, zone: tzinfo) -> datetime:
    """Return the instant that --from names."""
    if said is None:
        return rehearsal.next_monday(now, zone)
    if said in SEASONS:
        at = rehearsal.change_night(said, now, zone)
        if at is None:
            raise WrongUse(f"--from {said}: the clocks do not change in {zone}; set another contact.timezone")
        return at
    try:
        return instant_of(said, zone).astimezone(UTC)
    except Unreadable as error:
        raise WrongUse(f"--from: {error}; or spring, autumn: the night the clocks change") from None


def _until(said: str | None) -> timedelta:
    span = timedelta(days=30) if said is None else parse_span(said)
    if span is None or not timedelta(0) < span <= LONGEST:
        raise WrongUse(f'--until "{said}": write a length such as 30d or "2d 12h", at most 3 years')
    return span


def _guess(word: str, known: Sequence[str] | Mapping[str, Any], otherwise: str) -> str:
    near = get_close_matches(word, list(known), 1)
    return f'did you mean "{near[0]}"?' if near else f"{otherwise}: {', '.join(known) or 'none'}"


def _changes(project: Project, said: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in said:
        where, equals, value = one.partition("=")
        prefix, _, name = where.rpartition(".")
        if not equals or prefix not in ("contact", ""):
            raise WrongUse(f'cannot read --set "{one}"; write --set contact.tier=gold')
        attribute = project.data.attributes.get(name)
        if attribute is None:
            hint = _guess(name, project.data.attributes, "there are")
            raise WrongUse(f'--set: data.yaml has no attribute "{name}"; {hint}')
        try:
            found[name] = value_of(value, attribute.type, attribute.choices)
        except Unreadable as error:
            raise WrongUse(f"--set {name}: {error}") from None
    return found


def _forced(journey: Journey, said: Sequence[str]) -> dict[str, str]:
    choices = dict(journey.choices)
    found: dict[str, str] = {}
    for one in said:
        state, equals, arm = one.partition("=")
        if not equals:
            raise WrongUse(f'cannot read --force "{one}"; write --force state=arm')
        if state not in choices:
            raise WrongUse(f'--force: {journey.name} has no decision "{state}"; {_guess(state, choices, "it has")}')
        arms = [one.id for one in choices[state].arms]
        if arm not in arms:
            raise WrongUse(f'--force: {state} has no arm "{arm}"; {_guess(arm, arms, "it has")}')
        found[state] = arm
    return found


def _events(
    project: Project, journey: Journey, said: Sequence[str], about: tuple[Script, Mapping[str, Any]]
) -> tuple[list[NewEvent], str]:
    """Return the events of the script; one that starts the journey is made up when none of those given does."""
    script, attributes = about
    typed = [_filled(project, journey, attributes, _event(project, one)) for one in said]
    events = [
        NewEvent(f"simulated-{n:02}", script.contact_id, name, script.start + after, data, "simulated")
        for n, (name, data, after) in enumerate(typed, 1)
    ]
    names = {event.name for event in events}
    if journey.enter.kind != "event" or names & set(journey.enter.events):
        return events, ""
    name, data = rehearsal.starting_event(project, journey, attributes)
    first = NewEvent("simulated-00", script.contact_id, name, script.start, data, "simulated")
    return [first, *events], f"a made-up {name}"


Typed = tuple[str, dict[str, Any], timedelta]


def _filled(project: Project, journey: Journey, attributes: Mapping[str, Any], typed: Typed) -> Typed:
    """Give an event that was typed without properties those that it could have."""
    name, data, after = typed
    if data or name in BUILT_IN:
        return typed
    guard = journey.enter.guard if name in journey.enter.events else None
    made = rehearsal.sample_event(project, (name, guard), vars=journey.vars, contact=attributes)
    return name, made or {}, after


def _event(project: Project, said: str) -> Typed:
    head, at, offset = said.rpartition("@")
    after = parse_span(offset) if at else None
    words = head if after is not None else said
    name, _, properties = words.partition(":")
    declared = project.data.events.get(name)
    if declared is None:
        raise WrongUse(
            f'--event: no event called "{name}" in data.yaml; {_guess(name, project.data.events, "there are")}'
        )
    data = {}
    for one in re.split(r",(?=\s*\w+=)", properties) if properties else []:
        key, equals, value = (part.strip() for part in one.partition("="))
        if not equals or key not in declared:
            raise WrongUse(f'--event {name}: no property "{key}" in data.yaml; {_guess(key, declared, "it has")}')
        try:
            data[key] = value_of(value, declared[key], choices_of(declared[key]))
        except Unreadable as error:
            raise WrongUse(f"--event {name}:{key}: {error}") from None
    return name, data, after or timedelta(0)


def _answer(trying: Trying, done: Rehearsed) -> Answer:
    frame = Frame({trying.journey.name: trying.journey}, trying.zone, trying.journey.name, events=False)
    rows = [e.row for e in done.entries if isinstance(e.row, RunRow) and e.row.journey == trying.journey.name]
    runs = list({row.id: row for row in rows}.values())
    path = items(done.entries, frame)
    if runs:
        ends = [run.left_at for run in runs if run.left_at]
        path = [item for item in path if len(ends) < len(runs) or item.at <= max(ends) or item.sign == "★"]
    lines = [_head(trying), *map(printable, _told(trying, path, runs))]
    lines += [*_foot(trying, done, runs), *_what_if(trying, done)]
    return Answer(_data(trying, done, path, runs), lines)


def _head(trying: Trying) -> str:
    name = trying.attributes.get("first_name")
    who = f"{name} ({trying.script.contact_id})" if name else trying.script.contact_id
    parts = [trying.journey.name, printable(who), str(trying.zone), "virtual clock, nothing is sent"]
    return " · ".join(parts)


def _told(trying: Trying, path: Sequence[Item], runs: Sequence[RunRow]) -> list[str]:
    invented = [f"({trying.made_up})"] if trying.made_up else []
    if not runs:
        return [*invented, *tree(path, trying.zone), f"{trying.journey.name} was not entered: {_why_not(trying)}"]
    return [*invented, *tree(path, trying.zone)]


def _why_not(trying: Trying) -> str:
    enter = trying.journey.enter
    if enter.guard is not None:
        return f"the condition is not met: {enter.guard.source}"
    return f"it begins with {' or '.join(enter.events)}"


def _foot(trying: Trying, done: Rehearsed, runs: Sequence[RunRow]) -> Iterator[str]:
    goal = trying.journey.goal
    for run in runs[-1:]:
        if goal is not None and run.goal_at is None and run.reason != "goal":
            closes = run.entered_at + goal.within
            what = " or ".join(goal.events)
            yield f"{clock(closes, trying.zone)}  goal window ({show_span(goal.within)}) closes: no {what}"
        if run.status == "active":
            yield f"still inside at the end of the look ({clock(trying.script.until, trying.zone)}); --until looks on"
    others = {e.row.journey for e in done.entries if isinstance(e.row, RunRow)} - {trying.journey.name}
    if others:
        yield f"also entered: {', '.join(sorted(others))} (they share the caps)"


def _what_if(trying: Trying, done: Rehearsed) -> Iterator[str]:
    ideas = [*_other_event(trying), *_other_person(trying), *_other_arm(trying, done)]
    if ideas:
        yield "What if: " + "  ·  ".join(ideas)


def _other_event(trying: Trying) -> Iterator[str]:
    goal, given = trying.journey.goal, {event.name for event in trying.script.events}
    if goal is not None and not given & set(goal.events):
        yield f"--event {goal.events[0]}@50m"


def _other_person(trying: Trying) -> Iterator[str]:
    """Yield another value of an attribute that the journey asks about, those with choices first."""
    asked = _asked_about(trying.journey)
    for name in sorted(asked, key=lambda name: name not in trying.project.data.attributes):
        attribute = trying.project.data.attributes.get(name)
        now = trying.attributes.get(name)
        others = [c for c in attribute.choices if c != now] if attribute else []
        if attribute is not None and attribute.type == "flag":
            others = ["false" if now else "true"]
        if others:
            yield f"--set contact.{name}={others[-1]}"
            return


def _asked_about(journey: Journey) -> list[str]:
    """Return the attributes in the conditions of a journey, in the order of the file."""
    sources = []
    for state in journey.states.values():
        sources += [state.guard.source] if state.guard else []
        ways = getattr(state.action, "ways", ())
        sources += [guard.source for guard, _ in ways]
        if isinstance(state.action, Choose):
            sources += [arm.guard.source for arm in state.action.arms if arm.guard]
    return list(dict.fromkeys(re.findall(r"\bcontact\.(\w+)", " ".join(sources))))


def _other_arm(trying: Trying, done: Rehearsed) -> Iterator[str]:
    drawn = {e.row.state: e.row.decision for e in done.entries if isinstance(e.row, DecisionRow)}
    for state, choose in trying.journey.choices:
        if state in trying.script.forced:
            continue
        eligible = drawn[state].arms if state in drawn else [arm.id for arm in choose.arms]
        other = next((arm for arm in reversed(eligible) if state not in drawn or arm != drawn[state].arm), None)
        if other:
            yield f"--force {state}={other}"
            return


def _data(trying: Trying, done: Rehearsed, path: Sequence[Item], runs: Sequence[RunRow]) -> dict[str, Any]:
    mine = [e.row for e in done.entries if e.journey == trying.journey.name]
    return {
        "journey": trying.journey.name, "version": trying.journey.version, "contact": trying.script.contact_id,
        "invented": trying.made_up, "attributes": trying.attributes, "zone": str(trying.zone),
        "start": trying.script.start, "until": trying.script.until, "seed": trying.script.seed, "path": path,
        "runs": runs, "decisions": [row for row in mine if isinstance(row, DecisionRow)],
        "messages": [row for row in mine if isinstance(row, DeliveryRow)],
    }  # fmt: skip
