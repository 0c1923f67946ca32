"""Drill 25: files as nobody would write them: every one is told with its line, or accepted; never a traceback."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from engine.drill.drill import Ask, Found
from journeys.load import load, load_journey
from journeys.problem import Problem
from journeys.project import Project
from journeys.starters import copy_starter

SECONDS = 1.0  # for one file
STARTERS = ("shop", "saas")
ODD = ("{", "}", "[", ": ", "- ", "&a ", "*a", "!!python/object ", "\t", "\x00", "\u2028", "'", '"', "22:00", "no",
       "1e999", "2024-13-45", "<<: ", "|", "%", "…", "\ud7ff", "null", "~", "999999999d")  # fmt: skip


def mutated(ask: Ask) -> Found:
    """Drill 25: journeys cut, doubled, swapped and sprinkled; a small bomb of aliases and of brackets."""
    count, chance = ask.some(2000, 100), ask.chance
    projects = [_project(ask.folder / name, name) for name in STARTERS]
    texts = [(project, path.read_text(encoding="utf-8")) for project in projects
             for path in sorted((project.root / "journeys").glob("*.yaml"))]  # fmt: skip
    wrong, told, slowest = list[str](), 0, 0.0
    cases: list[tuple[Project, str]] = [(projects[0], bomb) for bomb in BOMBS]
    for n in range(count):
        project, text = texts[n % len(texts)]
        for _ in range(1 + n % 3):
            text = chance.choice(CHANGES)(text, chance)
        cases.append((project, text))
    for n, (project, text) in enumerate(cases):
        began = time.process_time()
        problem = _judged(project, text)
        took = time.process_time() - began
        slowest = max(slowest, took)
        told += problem == "told"
        if problem not in ("told", "accepted") or took > SECONDS:
            wrong.append(f"case {n}: {problem} in {took:.2f} s")
        ask.tell(f"{n:,} of {len(cases):,} files")
    figures = {"told": told, "accepted": len(cases) - told - len(wrong), "slowest_s": round(slowest, 3)}
    return Found(f"{len(cases):,} files, {told:,} told", wrong=tuple(wrong[:10]), figures=figures)


def _project(folder: Path, starter: str) -> Project:
    copy_starter(starter, folder)
    found = load(folder, {}).project
    if found is None:
        raise AssertionError(f"the starter {starter} cannot be read")
    return found


def _judged(project: Project, text: str) -> str:
    """Return "told" or "accepted", else what is wrong with how it was told."""
    try:
        journey, problems = load_journey(text, "journeys/odd.yaml", project)
    except Exception as bug:  # noqa: BLE001 - a traceback is what must not be
        return f"{type(bug).__name__}: {bug}"[:300]
    errors = [one for one in problems if one.severity == "error"]
    if journey is None and not errors:
        return "refused without a word"
    nowhere = [one for one in errors if not _placed(one, text)]
    return f"no place: {nowhere[0]}"[:300] if nowhere else "told" if errors else "accepted"


def _placed(one: Problem, text: str) -> bool:
    return bool(one.says) and bool(one.file) and 1 <= one.line <= text.count("\n") + 2 and one.col >= 1


def _cut(text: str, chance: random.Random) -> str:
    return text[: chance.randrange(len(text) + 1)]


def _sprinkle(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.choice(ODD) + text[at:]


def _lines(change: Callable[[list[str], random.Random], object]) -> Callable[[str, random.Random], str]:
    def changed(text: str, chance: random.Random) -> str:
        lines = text.split("\n")
        change(lines, chance)
        return "\n".join(lines)

    return changed


def _swap(lines: list[str], chance: random.Random) -> None:
    a, b = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]


def _indent(lines: list[str], chance: random.Random) -> None:
    at = chance.randrange(len(lines))
    lines[at] = " " * chance.randrange(9) + lines[at].lstrip()


def _value(lines: list[str], chance: random.Random) -> None:
    at = chance.randrange(len(lines))
    key, colon, _ = lines[at].partition(":")
    lines[at] = f"{key}{colon} {chance.choice(ODD)}" if colon else lines[at]


CHANGES: tuple[Callable[[str, random.Random], str], ...] = (
    _cut,
    _sprinkle,
    _lines(_swap),
    _lines(_indent),
    _lines(_value),
    _lines(lambda lines, chance: lines.pop(chance.randrange(len(lines)))),
    _lines(lambda lines, chance: lines.insert(chance.randrange(len(lines)), chance.choice(lines))),
)
BOMBS = (
    "a: &a [x, x]\n" + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)),
    "journey: " + "[" * 5000,
    "journey: {" * 2000,
    "journey: x\n" * 5000,
    "? " * 3000,
)
