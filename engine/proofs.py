"""Proof-reading the templates: every message of the project is compiled and filled in once, before anybody gets it.

The values are invented: what data.yaml declares, without a value or with its default. So only two things are found
here for certain: a template that cannot be read (T700), and a name that nothing declares (T701). What goes wrong with
particular values ends as failed(render) for that person.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from channels.errors import TemplateProblem
from channels.templates import load_template
from journeys import Choose, Journey, Problem, Send
from journeys.project import Definitions, Project

UNKNOWN = re.compile(r'^(there is no "|"[^"]+" is not known)')
PAGES = ("unsubscribe_url", "preferences_url", "view_url")


def proofs(definitions: Definitions) -> list[Problem]:
    """Return what is wrong in the templates, one problem per message."""
    project = definitions.project
    if project is None:
        return []
    found = (_proof(message, files, definitions) for message, files in sorted(project.messages.items()))
    return [problem for problem in found if problem is not None]


def _proof(message: str, files: tuple[Path, ...], definitions: Definitions) -> Problem | None:
    project = definitions.project
    assert project is not None  # noqa: S101 - proofs() has looked
    try:
        template = load_template(files)
    except TemplateProblem as wrong:
        return _problem("T700", wrong, project)
    try:
        template.render(sample(message, definitions), lambda number: f"https://example.test/{number}")
    except TemplateProblem as wrong:
        return _problem("T701", wrong, project) if UNKNOWN.match(wrong.says) else None
    return None


def sample(message: str, definitions: Definitions) -> dict[str, Any]:
    """Return every name that a template of this message may use, with declared names and no values."""
    project = definitions.project
    assert project is not None  # noqa: S101 - as above
    using = [journey for journey in definitions.journeys.values() if message in set(_messages(journey))]
    events = project.data.events
    entry = dict.fromkeys(p for journey in using for event in journey.enter.events for p in events.get(event, {}))
    channel, _, _ = message.partition("/")
    return {
        "contact": {name: one.default for name, one in project.data.attributes.items()},
        "entry": entry,
        "journey": {"name": "", "state": "", **_values(using)},
        "vars": {name: value for journey in using for name, value in _vars(journey, message).items()},
        "message": {"id": message, "channel": channel, "topic": ""},
        "currency": project.currency,
        **dict.fromkeys(PAGES, "https://example.test/"),
    }


def _messages(journey: Journey) -> Iterator[str]:
    for state in journey.states.values():
        if isinstance(state.action, Send):
            yield state.action.message
        elif isinstance(state.action, Choose):
            yield from (arm.message for arm in state.action.arms)


def _vars(journey: Journey, message: str) -> dict[str, Any]:
    """Return the journey's vars with those that its sends of this message add."""
    found = dict(journey.vars)
    for state in journey.states.values():
        if isinstance(state.action, Send) and state.action.message == message:
            found |= {**state.vars, **state.action.vars}
        elif isinstance(state.action, Choose):
            own = [arm.vars for arm in state.action.arms if arm.message == message]
            found |= {name: value for one in own for name, value in {**state.vars, **one}.items()}
    return {name: value if isinstance(value, str | int | float | bool) else None for name, value in found.items()}


def _values(using: list[Journey]) -> dict[str, Any]:
    """Return the journey.* values that `set` and `save_as` may have written."""
    names: set[str] = set()
    for journey in using:
        for state in journey.states.values():
            names |= {name for where, name, _ in getattr(state.action, "values", ()) if where == "journey"}
            names |= {saved} if (saved := getattr(state.action, "save_as", None)) else set()
    return dict.fromkeys(sorted(names))


def _problem(code: str, wrong: TemplateProblem, project: Project) -> Problem:
    file = Path(wrong.file)
    shown = file.relative_to(project.root).as_posix() if file.is_relative_to(project.root) else wrong.file
    try:
        line = file.read_text(encoding="utf-8", errors="replace").splitlines()[wrong.line - 1]
    except (OSError, IndexError):
        line = ""
    start = len(line) - len(line.lstrip()) + 1
    return Problem(code, "error", shown, wrong.line, start, max(len(line.rstrip()), start) + 1, wrong.says)
