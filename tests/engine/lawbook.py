"""Generated journeys, people and events, played through the real engine on a store in memory."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st

from engine.app import Options
from engine.drill.ground import Stage
from engine.engine import Limits
from engine.simulate import Virtual, virtual
from engine.store import tables
from engine.store.connect import writing
from engine.store.intake import NewContact, NewEvent, add_contacts
from journeys.load import load, load_journey
from journeys.project import Definitions

REWARD = "reward: {within: 1d, score: {paid: 1}}"
START = datetime(2026, 3, 27, 9, 0, tzinfo=UTC)  # the Friday before European clocks change
MESSAGES = ("email/hello", "email/again", "push/nudge")
ZONES = ("Europe/Paris", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Kiritimati")
PROJECT = """\
project: laws
timezone: UTC
store: "sqlite://"
secret: a-secret-for-the-laws
channels: {email: {provider: captured, from: a@b.test}, push: {provider: captured}}
topics: {promo: {title: Promo}}
caps: {all: [CAP_ALL], channels: {email: [1/day, 3/7d]}, topics: {promo: [4/7d]}, when_capped: WHEN, max_wait: 30h}
quiet_hours: {from: "QUIET", to: "08:00"}
holdout: 5%
"""
DATA = """\
contact: {email: text, tier: "enum(basic, gold) = basic", timezone: timezone}
events: {started: {value: number}, poked: {}, paid: {total: number}}
"""


@dataclass(frozen=True)
class Case:
    """What is generated: project settings, journeys as text, events as (contact, name, hours, value)."""

    settings: Mapping[str, str]
    journeys: tuple[str, ...]
    events: tuple[tuple[int, str, float, float], ...]
    people: int
    extra: tuple[float, ...]


def _action(draw: Any, names: list[str]) -> str:
    target = draw(st.sampled_from([*names, "exit"]))
    message = draw(st.sampled_from(MESSAGES))
    return draw(
        st.sampled_from(
            [
                f"send: {message}",
                f"send: {message}, when_capped: skip",
                f"choose: {{arms: [email/hello, email/again, push/nudge, nothing], {REWARD}}}",
                f"choose: {{arms: [email/hello, push/nudge], {REWARD}}}, when_capped: switch",
                f"choose: {{arms: [email/hello, push/nudge, nothing], times: [now, morning, evening], {REWARD}}}",
                f"choose: {{arms: [email/again, nothing], times: [noon], keep: contact, {REWARD}}}, when_capped: skip",
                f"wait_for: {{event: poked, within: 20h}}, then: {target}",
                f'wait_for: {{event: poked, if: contact.tier == "gold", within: 9h}}, else: {target}',
                f"split: {{{names[-1]}: 30%, exit: 70%}}",
                f'branch: [{{if: contact.tier == "gold", then: {target}}}], else: {names[-1]}',
                "set: {contact.tier: gold}",
                "emit: {event: poked}",
            ]
        )
    )


@st.composite
def journey(draw: Any, name: str) -> str:
    """A journey of two to five states; every state waits, so a loop is legal."""
    names = [f"s{n}" for n in range(draw(st.integers(2, 5)))]
    lines = [
        f"journey: {name}",
        "topic: promo",
        f"priority: {draw(st.integers(0, 100))}",
        "enter: {event: started, if: event.value > 2}",
        f"reenter: {draw(st.sampled_from(['never', 'always', '{after: 1d}', '{while_active: restart}']))}",
        "holdout: 10%",
    ]
    if draw(st.booleans()):
        lines.append("goal: {event: paid, within: 3d}")
    if draw(st.booleans()):
        lines.append('jump_when: [{event: poked, if: contact.tier == "gold", then: s1}]')
    lines.append("states:")
    for own in names:
        after = draw(st.sampled_from(["1h", "5h", "1d", "26h", "2d"]))
        action = _action(draw, names)
        hours = [', at: "10:00"', ', at: "09:00-12:00"', ', at: "23:30"', ", at: best"]
        window = draw(st.sampled_from(["", ", days: weekdays", *([] if "times:" in action else hours)]))
        guard = draw(st.sampled_from(["", ", if: no paid within 2d", ', if: contact.tier == "basic"']))
        lines.append(f"  {own}: {{after: {after}{window}{guard}, max_visits: 3, {action}}}")
    return "\n".join(lines) + "\n"


@st.composite
def cases(draw: Any) -> Case:
    people = draw(st.integers(1, 4))
    names = st.sampled_from(["started", "poked", "paid"])
    happened = st.tuples(st.integers(0, people - 1), names, st.floats(0, 150), st.floats(0, 10))
    first = tuple((n, "started", 0.1 * n, 5.0) for n in range(people))
    settings = {
        "CAP_ALL": draw(st.sampled_from(["2/day", "1/24h", "3/day, 4/7d"])),
        "WHEN": draw(st.sampled_from(["wait", "skip", "exit"])),
        "QUIET": draw(st.sampled_from(["21:30", "02:30", "00:30"])),
    }
    journeys = tuple(draw(journey(f"trip{n}")) for n in range(draw(st.integers(1, 2))))
    events = first + tuple(draw(st.lists(happened, max_size=10)))
    return Case(settings, journeys, events, people, tuple(draw(st.lists(st.floats(0, 200), max_size=6))))


HOOKS: dict[str, dict[str, Any]] = {}
_PROJECTS: dict[str, Definitions] = {}


def definitions(case: Case, folder: Path) -> Definitions:
    """Return the case's files, loaded; the project once per setting."""
    text = PROJECT
    for word, value in case.settings.items():
        text = text.replace(word, value)
    found = _PROJECTS.get(text)
    if found is None:
        root = folder / f"project{len(_PROJECTS)}"
        for message in MESSAGES:
            path = root / "templates" / f"{message}{'.yaml' if message.startswith('push') else '.html'}"
            path.parent.mkdir(parents=True, exist_ok=True)
            push = message.startswith("push")
            path.write_text(
                "title: x\nbody: y\n" if push else "<!--\nsubject: x\n-->\n<a href='{{ unsubscribe_url }}'>n</a>"
            )
        (root / "sojourn.yaml").write_text(text)
        (root / "data.yaml").write_text(DATA)
        found = _PROJECTS[text] = load(root, {})
    assert found.project is not None, found.problems
    if HOOKS:
        found = replace(found, project=replace(found.project, webhooks=HOOKS))
    loaded = [load_journey(each, f"{n}.yaml", found.project) for n, each in enumerate(case.journeys)]
    harmless = {"P601", "F401", "F404"}  # quiet windows and unreachable states are legal to walk
    errors = [p for _, problems in loaded for p in problems if p.severity == "error" and p.code not in harmless]
    assert not errors, (case.journeys, errors)
    return replace(found, journeys={j.name: j for j, _ in loaded if j is not None}, problems=())


@cache
def stage() -> tuple[Stage, sqlite3.Connection]:
    made = Stage()
    return made, made.kept()


def emptied() -> sa.Engine:
    """Return the one store in memory, empty again: what SQLAlchemy has compiled for it stays."""
    made, empty = stage()
    made.reset(empty)
    return made.store


def world(case: Case, folder: Path, batch: int = 1000, store: sa.Engine | None = None) -> Virtual:
    options = Options(limits=Limits(contacts=batch, messages=batch, decisions=1000), seed="laws", store=store)
    made = virtual(definitions(case, folder), START, options)
    people = [
        NewContact(
            f"p{n}",
            {"email": f"p{n}@a.test", "timezone": ZONES[n % len(ZONES)]},
            {"email": f"p{n}@a.test", "push": '{"endpoint": "x"}'},
            frozenset({"promo"}),
        )
        for n in range(case.people)
    ]
    with writing(made.engine.store) as conn:
        add_contacts(conn, people, START, lambda _, address: address)
    return made


def script(case: Case) -> list[NewEvent]:
    return [
        NewEvent(
            f"e{n}", f"p{who}", name, START + timedelta(hours=round(hours, 3)), {"value": round(value, 1), "total": 1}
        )
        for n, (who, name, hours, value) in enumerate(case.events)
    ]


def ledger(made: Virtual) -> dict[str, list[tuple[Any, ...]]]:
    """Return what happened, row by row, without what may differ between equal runs (nothing but row numbers)."""
    with made.engine.store.connect() as conn:
        return {
            table.name: sorted(tuple(map(_said, row)) for row in conn.execute(sa.select(*_columns(table))))
            for table in (tables.moves, tables.decisions, tables.deliveries, tables.refusals, tables.enrollments)
        }


def _said(value: Any) -> str:
    """Return a value as text; PostgreSQL keeps the keys of a mapping in an order of its own."""
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else str(value)


def _columns(table: sa.Table) -> list[sa.Column[Any]]:
    left_out = {"id"} if table.name == "refusals" else {"owner", "fence"}
    return [column for column in table.c if column.name not in left_out]
