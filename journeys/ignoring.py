"""`# lint: ignore[W902]` at the end of a line: the warnings of that line which nobody wants to hear again.

Rules
- In every file alike; in templates it may stand in `<!-- … -->` or `{# … #}`.
- Errors cannot be ignored. An ignore that silences nothing is W911, one of a code that does not exist W912: both
  would hide the next mistake. They are said once a file's errors are gone, for until then not all is known.
- An ignore of a warning that needs counts is never useless: another store gives that warning.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from journeys.codes import CODES, COUNTED, ERRORS
from journeys.page import near
from journeys.problem import Edit, Problem

MARK = re.compile(r"(?P<before>\s*(?:\#|<!--)\s*)lint:\s*ignore\[(?P<codes>[^\]\n]*)\](?P<behind>.*)")


@dataclass(frozen=True, slots=True)
class Ignore:
    """One code in a comment, at [col, end_col) of its line; `whole`: the comment, if it says this alone."""

    line: int
    col: int
    end_col: int
    code: str
    whole: tuple[int, int] | None


def heeded(problems: Iterable[Problem], texts: Mapping[str, str], judged: Collection[str]) -> list[Problem]:
    """Return the problems without the ignored ones, and with W911 and W912 for the ignores of the `judged` files.

    `texts` holds the text of each file.
    """
    asked = {file: list(_ignores(text)) for file, text in texts.items() if "ignore[" in text}
    wishes = {(file, one.line, one.code) for file, found in asked.items() for one in found}
    kept: list[Problem] = []
    used = set()
    for problem in problems:
        key = (problem.file, problem.line, problem.code)
        if problem.severity == "warning" and key in wishes:
            used.add(key)
        else:
            kept.append(problem)
    for file in sorted(set(judged) & asked.keys()):
        kept += [
            _useless(file, one) for one in asked[file] if (file, one.line, one.code) not in used | _counted(file, one)
        ]
    return kept


def _counted(file: str, one: Ignore) -> set[tuple[str, int, str]]:
    return {(file, one.line, one.code)} if one.code in COUNTED else set()


def _ignores(text: str) -> Iterator[Ignore]:
    for number, line in enumerate(text.split("\n"), 1):
        found = MARK.search(line)
        if found is None:
            continue
        codes = list(re.finditer(r"[^\s,]+", found["codes"]))
        alone = len(codes) == 1 and not found["behind"].strip() and "#" in found["before"]
        whole = (found.start() + 1, found.end("behind") + 1) if alone else None
        for code in codes:
            col = found.start("codes") + code.start() + 1
            yield Ignore(number, col, col + len(code.group()), code.group(), whole)


def _useless(file: str, one: Ignore) -> Problem:
    fix = (Edit(one.line, *one.whole, ""),) if one.whole else ()
    at = (file, one.line, one.col, one.end_col)
    if one.code in ERRORS:
        says = f"{one.code} is an error: errors cannot be ignored"
        return Problem("W911", "warning", *at, says, helps=("delete this, and see the error to its end",), fix=fix)
    if one.code in CODES:
        says = f"there is no {one.code} in this line to ignore"
        return Problem("W911", "warning", *at, says, helps=("delete this: it would hide the next one",), fix=fix)
    guess = near(one.code, sorted(CODES - ERRORS))
    label = f"did you mean {guess}?" if guess else ""
    edits = (Edit(one.line, one.col, one.end_col, guess),) if guess else ()
    return Problem("W912", "warning", *at, f"lint has no code {one.code}", label=label, fix=edits)
