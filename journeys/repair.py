"""Safe edits put into a text, by position: everything else stays byte for byte.

Rules
- The edits of one Problem belong together: all of them or none.
- Where two Problems want the same place, the first in the file wins; the other is seen again in the next round.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from journeys.problem import Edit, Problem

_LINE = re.compile(
    "([^\n\r\x85\u2028\u2029]*)(\r\n|[\n\r\x85\u2028\u2029]|$)"
)  # what YAML takes for a line, and its end


def repair(text: str, problems: Iterable[Problem]) -> tuple[str, tuple[Problem, ...]]:
    """Return `text` with the fixes of `problems` put in, and those whose fix was."""
    lines = _lines(text)
    taken: list[Edit] = []
    done: list[Problem] = []
    for problem in sorted(problems, key=lambda one: (one.line, one.col)):
        if problem.fix and _fits(problem.fix, lines) and not _overlaps(problem.fix, taken):
            taken += problem.fix
            done.append(problem)
    for edit in sorted(taken, key=lambda one: (one.line, one.col), reverse=True):
        body, end = lines[edit.line - 1]
        lines[edit.line - 1] = (f"{body[: edit.col - 1]}{edit.text}{body[edit.end_col - 1 :]}", end)
    return "".join(body + end for body, end in lines), tuple(done)


def _lines(text: str) -> list[tuple[str, str]]:
    """Return each line with its end; the last one has none."""
    lines = [(found[1], found[2]) for found in _LINE.finditer(text)]
    open_end = len(lines) > 1 and not lines[-2][1]  # the pattern matches once more behind a line without an end
    return lines[:-1] if open_end else lines


def _fits(edits: Sequence[Edit], lines: Sequence[tuple[str, str]]) -> bool:
    """Return whether every edit lies inside the text, and none in another of its own."""
    inside = all(
        0 < edit.line <= len(lines) and 1 <= edit.col <= edit.end_col <= len(lines[edit.line - 1][0]) + 1
        for edit in edits
    )
    return inside and not any(_overlaps([edit], edits[:at]) for at, edit in enumerate(edits))


def _overlaps(edits: Iterable[Edit], others: Sequence[Edit]) -> bool:
    return any(
        edit.line == other.line and edit.col <= other.end_col and other.col <= edit.end_col
        for edit in edits
        for other in others
    )
