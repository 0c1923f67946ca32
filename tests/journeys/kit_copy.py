"""The kit's project for tests of the language: loaded once, and journeys written against it."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from journeys import Journey, Problem
from journeys.load import load, load_journey
from journeys.project import Definitions, Project

KIT = Path(__file__).parent / "kit"


@cache
def kit() -> Definitions:
    return load(KIT, {})


def project() -> Project:
    found = kit().project
    assert found is not None
    return found


@dataclass(frozen=True)
class Read:
    journey: Journey | None
    problems: list[Problem]

    @property
    def codes(self) -> list[str]:
        return [problem.code for problem in self.problems if problem.severity == "error"]

    @property
    def good(self) -> Journey:
        assert self.journey is not None, self.problems
        return self.journey

    def one(self, code: str) -> Problem:
        found = [problem for problem in self.problems if problem.code == code]
        assert len(found) == 1, self.problems
        return found[0]


def read(text: str, *, files: dict[str, str] | None = None, of: Project | None = None) -> Read:
    """Read a journey; `files` stand in for fragments and shared files."""
    shelf = {name: textwrap.dedent(content) for name, content in (files or {}).items()}
    journey, problems = load_journey(textwrap.dedent(text).lstrip("\n"), "journeys/j.yaml", of or project(), shelf.get)
    return Read(journey, problems)


def with_states(states: str, top: str = "", **more: object) -> Read:
    """Read a journey made of these states, entered by cart_abandoned; the first state stands on line 5."""
    head = "journey: j\nenter: {event: cart_abandoned}\nreenter: never\n"
    if top:
        head += textwrap.dedent(top).strip("\n") + "\n"
    body = textwrap.indent(textwrap.dedent(states).strip("\n"), "  ")
    return read(f"{head}states:\n{body}\n", **more)  # type: ignore[arg-type]
