"""Drill 28: escapes and bombs in templates, written beside ordinary messages in the process that may be killed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from channels.errors import TemplateProblem
from channels.templates import Library
from engine.drill.drill import Ask, Found
from engine.drill.escapes import BOMBS, EVERY_ESCAPE
from engine.rendering.asked import MEBIBYTE, Answer, Asked, Bounds, Refused
from engine.rendering.process import RenderProcess

FAIR = "Hello {{ contact.first_name }}\n"
SLOW = "{% for a in w %}{% if contact.long.title().title().title() == a %}n{% endif %}{% endfor %}\n"
PERSON: Mapping[str, Any] = {
    "contact": {"first_name": "Ana", "locale": "en", "long": "x y" * 20_000}, "w": list(range(9_000)),
}  # fmt: skip
MOST = 256 * MEBIBYTE


@dataclass(slots=True)
class Course:
    """What was asked, by name of the template, and what came of it."""

    library: Library
    refused: list[str] = field(default_factory=list)  # before anything was written
    asked: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    slowest: float = 0.0

    def asking(self, names: Sequence[str]) -> Iterator[Asked]:
        """Ask for every message, an ordinary one after each."""
        for name in names:
            for one in (name, "fair"):
                try:
                    version = self.library[one].version
                except TemplateProblem:
                    self.refused.append(one)
                    continue
                self.asked.append(one)
                yield Asked(one, version, PERSON)

    def hear(self, writer: RenderProcess, names: Sequence[str]) -> None:
        """Write them all."""
        began = time.monotonic()
        for answer in writer.rendered(self.asking(names)):
            self.answers.append(answer)
            self.slowest, began = max(self.slowest, time.monotonic() - began), time.monotonic()


def corpus(ask: Ask) -> Found:
    """Drill 28: no escape reaches anything, no bomb grows, what is slow is killed, and everybody else has theirs."""
    escapes = ask.chance.sample(EVERY_ESCAPE, min(len(EVERY_ESCAPE), ask.some(len(EVERY_ESCAPE), 20)))
    bombs = ask.chance.sample(BOMBS, min(len(BOMBS), ask.some(len(BOMBS), 6)))
    seconds = 2.0 if ask.scale >= 1 else 0.5
    files = {name: (path,) for name, path in _laid(ask.folder, escapes, bombs)}
    writer = RenderProcess(files, Bounds(seconds))
    course = Course(Library(files))
    course.hear(writer, [name for name in files if name != "fair"])
    peak = writer.line().peak
    writer.close()
    wrong = list(_wrong(course, peak))
    refused = sum(isinstance(one, Refused) for one in course.answers)
    figures = {
        "refused_when_read": len(course.refused), "refused_when_written": refused, "processes": writer.begun,
        "slowest_s": round(course.slowest, 2), "peak_mib": peak // MEBIBYTE,
    }  # fmt: skip
    scale = f"{len(escapes)} escapes, {len(bombs)} bombs, 1 that is slow"
    return Found(scale, wrong=tuple(wrong[:10]), figures=figures)


def _laid(folder: Path, escapes: Sequence[str], bombs: Sequence[str]) -> Iterator[tuple[str, Path]]:
    bodies = {f"escape{n}": body for n, body in enumerate(escapes)} | {f"bomb{n}": body for n, body in enumerate(bombs)}
    for name, body in {**bodies, "slow": SLOW, "fair": FAIR}.items():
        path = folder / f"{name}.txt"
        path.write_text(f"<!-- subject: s -->\n{body}\n", "utf-8")
        yield name, path


def _wrong(course: Course, peak: int) -> Iterator[str]:
    if len(course.answers) != len(course.asked):
        yield f"{len(course.answers)} answers to {len(course.asked)} messages"
    for name, answer in zip(course.asked, course.answers, strict=False):
        if (name == "fair") == isinstance(answer, Refused):
            yield f"{name}: {answer.says if isinstance(answer, Refused) else answer.text[:60]!r}"
        if name == "slow" and isinstance(answer, Refused) and "took longer" not in answer.says:
            yield f"slow: {answer.says}"
    if "slow" not in course.asked:
        yield "the slow one was not even asked"
    if peak > MOST:
        yield f"the process grew to {peak // MEBIBYTE} MiB"
