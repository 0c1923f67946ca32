"""A problem as people read it (`file:line:col`, source, caret, help) and as programs read it (JSON).

Rules
- The form is that of compilers people like: clickable first line, the source with a caret, then the way out.
- Nothing is printed between two places that are far apart but `...`.
- Colour is an addition: without it, no byte differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from journeys.problem import Label, Problem

WIDE = 300  # characters of a line that are shown
TAB = "→   "
RED, YELLOW, BLUE, BOLD, PLAIN = "\x1b[1;31m", "\x1b[1;33m", "\x1b[1;34m", "\x1b[1m", "\x1b[0m"


def show(problem: Problem, source_text: str, colour: bool = False) -> str:
    """Return `problem` with its lines of `source_text`, as `sojourn lint` prints it."""
    lines = source_text.split("\n")
    marks = sorted(
        [*problem.others, Label(problem.line, problem.col, problem.end_col, problem.label)], key=lambda m: m.line
    )
    marks = [mark for mark in marks if 1 <= mark.line <= len(lines)]
    width = len(str(max((mark.line for mark in marks), default=problem.line)))
    out = [head(problem, colour), f"{' ' * width} |"]
    before = marks[0].line - 1 if marks else 0
    if marks and before and marks[0].line == problem.line and lines[before - 1].strip():
        out.append(f"{before:>{width}} | {_visible(lines[before - 1][:WIDE])}")
    last = 0
    for mark in marks:
        out += _marked(mark, lines[mark.line - 1], (width, last), primary=_is_primary(mark, problem))
        last = mark.line
    out += [f"{' ' * width} = {line}" for line in _advice(problem)]
    if colour:
        out[1:] = [_painted(line, RED if problem.severity == "error" else YELLOW) for line in out[1:]]
    return "\n".join(out)


def head(problem: Problem, colour: bool = False) -> str:
    """Return the first line alone: `file:line:col: severity[code] [*] message`."""
    place = f"{problem.file}:{problem.line}:{problem.col}:"
    kind = f"{problem.severity}[{problem.code}]"
    star = " [*]" if problem.fix else ""
    if not colour:
        return f"{place} {kind}{star} {problem.says}"
    tone = RED if problem.severity == "error" else YELLOW
    return f"{BOLD}{place}{PLAIN} {tone}{kind}{PLAIN}{star} {BOLD}{problem.says}{PLAIN}"


def summary(problems: Iterable[Problem], checked: Mapping[str, int], seconds: float) -> str:
    """Return the last line: what was checked, how long it took, and what was found.

    `checked` counts by singular noun: {"journey": 4, "fragment": 1, "message": 14}.
    """
    found = list(problems)
    errors = [problem for problem in found if problem.severity == "error"]
    fixable = sum(1 for problem in errors if problem.fix)
    what = ", ".join(_count(number, noun) for noun, number in checked.items())
    aside = f" ({fixable} fixable with --fix)" if fixable else ""
    warnings = _count(len(found) - len(errors), "warning")
    return f"{what} checked in {seconds:.2f} s: {_count(len(errors), 'error')}{aside}, {warnings}"


def as_json(problem: Problem) -> dict[str, Any]:
    """Return `problem` as plain values for `--json`; keys are only ever added."""
    edits = [asdict(edit) for edit in problem.fix]
    return {
        "code": problem.code,
        "severity": problem.severity,
        "file": problem.file,
        "line": problem.line,
        "col": problem.col,
        "end_col": problem.end_col,
        "message": problem.says,
        "label": problem.label,
        "helps": list(problem.helps),
        "notes": list(problem.notes),
        "others": [asdict(label) for label in problem.others],
        "fix": {"safe": True, "edits": edits} if edits else None,
    }


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _is_primary(mark: Label, problem: Problem) -> bool:
    return not any(mark is other for other in problem.others)


def _marked(mark: Label, line: str, gutter: tuple[int, int], *, primary: bool) -> list[str]:
    """Return the source line of `mark` (unless it was just printed) and the line of carets below it."""
    width, last = gutter
    out = []
    if last and mark.line - last > 1:
        out.append("...".rjust(width))
    line, start = _window(line, mark.col)
    if mark.line != last or start:
        out.append(f"{mark.line:>{width}} | {_visible(line)}".rstrip())
    col, end = mark.col - start, mark.end_col - start
    pad = " " * len(_visible(line[: col - 1]).ljust(col - 1))
    span = max(1, len(_visible(line[col - 1 : end - 1])))
    carets = ("^" if primary else "-") * span
    out.append(f"{' ' * width} | {pad}{carets} {mark.text}".rstrip())
    return out


def _window(line: str, col: int) -> tuple[str, int]:
    """Return the part of a very long line around `col`, and how many characters are left out before it."""
    if len(line) <= WIDE:
        return line, 0
    start = max(0, min(col - 1, len(line)) - WIDE // 2)
    return line[start : start + WIDE], start


def _visible(text: str) -> str:
    return text.replace("\t", TAB).rstrip("\r")


def _advice(problem: Problem) -> list[str]:
    helps = [line for text in problem.helps for line in _lines("help", text)]
    notes = [line for text in problem.notes for line in _lines("note", text)]
    return notes + helps if problem.notes_first else helps + notes


def _lines(word: str, text: str) -> list[str]:
    first, *more = text.split("\n")
    head_line = first if first.startswith("fix: ") else f"{word}: {first}"
    return [head_line, *(f"{' ' * 10}{line}" for line in more)]


def _painted(line: str, tone: str) -> str:
    """Colour the gutter, and the carets in the colour of the severity."""
    gutter, bar, rest = line.partition(" |" if " |" in line[:8] else " =")
    text = rest.lstrip(" ")
    if text[:1] in ("^", "-") and not gutter.strip():
        rest = f"{tone if text[0] == '^' else BLUE}{rest}{PLAIN}"
    return f"{BLUE}{gutter}{bar}{PLAIN}{rest}"
