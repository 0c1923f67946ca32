"""Reading `tests`: what a test names must exist, so that a typo in a test is an error and not a green tick."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, cast

from journeys.expectation import BEGINNING, GROUPS, Expected, Happens, JourneyTest, TestGroup, When
from journeys.fields import Fields, pairs, read_choice, read_span, read_text, shaped
from journeys.forms import EXPECT, TEST
from journeys.journey import EXIT, Choose, ExitWhen, Leave, State
from journeys.names import Names, Unknown, attribute
from journeys.node import Node
from journeys.page import Page
from journeys.place import Place
from journeys.problem import Problem
from journeys.project import Project
from journeys.span import parse_span
from journeys.spot import known_event, mark, read_message
from journeys.typed import fits

EXPECT_KEYS = EXPECT.names
REASONS = ("goal", "completed", "exit", "capped", "loop_limit", "no_date", "restarted")
START = "write for example 2026-01-12T20:00, local time of the contact"
WHENS = (
    'write for example "2026-01-12T09:00..19:00", "2026-01-12", "09:00..19:00" for any day, or "20h..24h" since the '
    "start"
)


@dataclass(frozen=True, slots=True)
class Tested:
    """The journey that a test is about, as far as its names go."""

    project: Project
    states: Mapping[str, State]
    exits: tuple[ExitWhen, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return every reason with which a run can end."""
        leaves = [state.action.reason for state in self.states.values() if isinstance(state.action, Leave)]
        return tuple(dict.fromkeys([*REASONS, *(way.reason for way in self.exits), *leaves]))


def read_tests(top: Fields, about: Tested) -> tuple[JourneyTest, ...]:
    """Return the tests of a journey, also those with errors (which are on the page, too)."""
    tests: list[JourneyTest] = []
    for item in top.items("tests"):
        before = len(top.page.problems)
        test = _test(top.page, item, about)
        if any(test.name == other.name for other in tests):
            top.page.add("S112", item.get("name") or item, f'two tests are called "{test.name}"')
        tests.append(replace(test, broken=_sorted(top.page.problems[before:])))
    return tuple(tests)


def _sorted(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: (problem.line, problem.col)))


def _test(page: Page, item: Node, about: Tested) -> JourneyTest:
    fields = Fields(page, item, TEST.names, "a test")
    fields.needs("name", "expect")
    return JourneyTest(
        name=fields.text("name") or "without a name",
        place=mark(page, item.get("name") or item),
        start=_start(fields),
        contact=_contact(fields, about),
        events=tuple(event for node in fields.items("events") for event in _happens(page, node, about)),
        forced=_forced(fields, about),
        group=cast(TestGroup, fields.choice("group", GROUPS, "learner")),
        alone=fields.flag("alone", default=False),
        expected=_expected(page, fields.node_of("expect"), about),
    )


def _start(fields: Fields) -> datetime:
    said = fields.text("start")
    if said is None:
        return BEGINNING
    found = _local(said)
    if found is None:
        fields.page.add("S112", fields.values["start"], f'cannot read "{said}" as a date and time', label=START)
    return found or BEGINNING


def _local(said: str) -> datetime | None:
    """Return "2026-01-12T20:00" or "2026-01-12 20:00" as a time without a zone."""
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        return None
    return found if found.tzinfo is None and len(said) > len("2026-01-12") else None


def _contact(fields: Fields, about: Tested) -> dict[str, Any]:
    found = {}
    names = Names(about.project.data)
    for key, value in fields.pairs("contact"):
        known = about.project.data.attributes.get(key.raw)
        if known is None:
            unknown = cast(Unknown, attribute(names, key.raw))
            fields.page.unknown("X301", key, unknown.says, unknown.among)
        elif fits(fields.page, value, f"`{key.raw}`", known):
            found[key.raw] = value.data()
    return found


def _happens(page: Page, node: Node, about: Tested) -> Iterable[Happens]:
    """Yield the event of `{at: 50m, order_placed: {total: 64.9}}`."""
    if not shaped(page, node, "map", "an event of a test"):
        return
    named = [(key, value) for key, value in pairs(node) if key.raw != "at"]
    if len(named) != 1:
        page.add("S113", node, "an event of a test is written like {at: 50m, order_placed: {total: 64.9}}")
        return
    at = node.get("at")
    after = read_span(page, at) if at is not None else timedelta(0)
    (key, value), data = named[0], about.project.data
    if known_event(page, key, data) and after is not None:
        yield Happens(key.raw, after, _props(page, value, key.raw, data.events[key.raw]))


def _props(page: Page, node: Node, event: str, declared: Mapping[str, str]) -> dict[str, Any]:
    if node.kind == "none" or not shaped(page, node, "map", event):
        return {}
    found = {}
    for key, value in pairs(node):
        if key.raw not in declared:
            page.unknown("X301", key, f'the event "{event}" has no property "{key.raw}"', declared)
        elif fits(page, value, f"`{key.raw}`", declared[key.raw]):
            found[key.raw] = value.data()
    return found


def _forced(fields: Fields, about: Tested) -> dict[str, str]:
    choices = {name: s.action for name, s in about.states.items() if isinstance(s.action, Choose)}
    found = {}
    for key, value in fields.pairs("choose"):
        choose = choices.get(key.raw)
        if choose is None:
            what = "decides nothing" if key.raw in about.states else "is no state of this journey"
            fields.page.unknown("R201", key, f'"{key.raw}" {what}, so no arm can be chosen there', choices)
        elif (arm := read_choice(fields.page, value, key.raw, [arm.id for arm in choose.arms])) is not None:
            found[key.raw] = arm
    return found


def _expected(page: Page, node: Node | None, about: Tested) -> Expected:
    if node is None:
        return Expected()
    fields = Fields(page, node, EXPECT_KEYS, "expect")
    if node.kind == "map" and not node.entries:
        page.add("S113", node, f"`expect` needs one of {', '.join(EXPECT_KEYS)}")
    ends = fields.node_of("ends")
    path = [(item, name) for item in fields.items("path") if (name := _state(page, item, about))]
    sent = [(item, one) for item in fields.items("sent") if (one := _sent(page, item, about))]
    if "sent" in fields and (node_ := fields.node_of("sent")) and node_.kind == "list" and not node_.items:
        page.add("S112", node_, "an empty list asks for nothing", helps=("write `sent_at_most: 0` for no message",))
    return Expected(
        ends=read_choice(page, ends, "ends", about.reasons) if ends else None,
        path=tuple(name for _, name in path),
        sent=tuple(one for _, one in sent),
        sent_at_most=fields.whole("sent_at_most", 0) if "sent_at_most" in fields else None,
        state_at=tuple(_state_at(fields, about)),
        places=_places(page, fields, path, sent),
    )


def _places(page: Page, fields: Fields, path: list[Any], sent: list[Any]) -> dict[str, Place]:
    return {
        **{key: mark(page, value) for key, value in fields.values.items()},
        **{f"path.{n}": mark(page, item) for n, (item, _) in enumerate(path)},
        **{f"sent.{n}": mark(page, item) for n, (item, _) in enumerate(sent)},
    }


def _state(page: Page, node: Node, about: Tested) -> str | None:
    name = read_text(page, node, "a state")
    if name is None or name in about.states or name == EXIT:
        return name
    page.unknown("R201", node, f'no state called "{name}"', [*about.states, EXIT])
    return None


def _state_at(fields: Fields, about: Tested) -> Iterable[tuple[timedelta, str]]:
    for key, value in fields.pairs("state_at"):
        at, name = read_span(fields.page, key), _state(fields.page, value, about)
        if at is not None and name is not None:
            yield at, name


def _sent(page: Page, node: Node, about: Tested) -> tuple[str, When | None] | None:
    """Return a message, with its time for `{email/hello: "09:00..19:00"}`."""
    if node.kind != "map":
        message = read_message(page, node, about.project)
        return (message, None) if message else None
    if len(pairs(node)) != 1:
        page.add("S113", node, 'a message with its time is written like {email/hello: "09:00..19:00"}')
        return None
    key, value = pairs(node)[0]
    message, said = read_message(page, key, about.project), read_text(page, value, "the time of a message")
    if message is None or said is None:
        return None
    when = read_when(said)
    if when is None:
        page.add("S112", value, f'cannot read "{said}" as the time of a message', label=WHENS)
    return (message, when) if when else None


def read_when(said: str) -> When | None:
    """Return when a message is expected, None when nobody can tell."""
    first, dots, last = (part.strip() for part in said.partition(".."))
    if dots and not last:
        return None
    return _between(said, first, last) or _daily(said, first, last or first) or _after(said, first, last or first)


def _between(said: str, first: str, last: str) -> When | None:
    start = _date(first) or _local(first)
    if start is None:
        return None
    day = datetime.combine(start, time.min) if not isinstance(start, datetime) else None
    opens = day or cast(datetime, start)
    closes = _end(last, opens) if last else (_last_minute(opens) if day else opens)
    return When(said, between=(opens, closes)) if closes is not None and closes >= opens else None


def _end(said: str, opens: datetime) -> datetime | None:
    """Return the end of a time span: an hour of the same day, a day, or a date and time."""
    hour = _hour(said)
    if hour is not None:
        return datetime.combine(opens.date(), hour)
    day = _date(said)
    return _last_minute(datetime.combine(day, time.min)) if day else _local(said)


def _last_minute(day: datetime) -> datetime:
    return day.replace(hour=23, minute=59)


def _daily(said: str, first: str, last: str) -> When | None:
    opens, closes = _hour(first), _hour(last)
    return When(said, daily=(opens, closes)) if opens is not None and closes is not None and opens <= closes else None


def _after(said: str, first: str, last: str) -> When | None:
    low, high = parse_span(first), parse_span(last)
    return When(said, after=(low, high)) if low is not None and high is not None and low <= high else None


def _hour(said: str) -> time | None:
    return time.fromisoformat(said) if re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", said) else None


def _date(said: str) -> date | None:
    try:
        return date.fromisoformat(said) if len(said) == len("2026-01-12") else None
    except ValueError:
        return None
