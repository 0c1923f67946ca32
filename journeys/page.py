"""A file under review: its lines, and the Problems found on it so far."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

from journeys.codes import WARNINGS
from journeys.node import Node
from journeys.place import Place
from journeys.problem import Edit, Label, Problem

Span = tuple[int, int, int]  # line, col, end_col (exclusive)

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what YAML takes for the end of a line

# What people write for a key whose name is not near enough to be guessed by its letters.
SYNONYMS = {
    "exit_if": "exit_when",
    "delay": "after",
    "wait": "after",
    "trigger": "enter",
    "next": "then",
    "when": "if",
    "condition": "if",
    "template": "send",
    "goto": "then",
    "otherwise": "else",
    "on": "event",
    "timeout": "within",
}


SLIP = 2  # letters
LONG_WORD = 100  # letters; nobody meant a name that is longer
LONG_SAYING = 400
MOST = 100  # problems of one file; who has more repairs these first


class Page:
    """Collects what is wrong with one file; a Problem is added once, whoever finds it again, and at most MOST are."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.lines = _BREAK.split(text)
        self.problems: list[Problem] = []

    @property
    def full(self) -> bool:
        """Return whether nothing more will be kept."""
        return len(self.problems) > MOST

    def add(self, code: str, at: Node | Span, says: str, **more: Any) -> None:
        """Report a Problem at a node or span; `more` takes label, helps, notes, others and fix."""
        if self.full:
            return
        line, col, end_col = self.span(at)
        severity: Literal["error", "warning"] = "warning" if code in WARNINGS else "error"
        self.keep(Problem(code, severity, self.file, line, col, end_col, _short(says), **more))

    def keep(self, problem: Problem) -> None:
        """Keep a Problem; the one after MOST says that the others are left out."""
        if self.full or problem in self.problems:
            return
        if len(self.problems) == MOST:
            says = f"more than {MOST} problems in this file: repair these first"
            problem = Problem("Y009", "error", self.file, problem.line, problem.col, problem.end_col, says)
        self.problems.append(problem)

    def place(self, at: Node | Span) -> Place:
        line, col, _ = self.span(at)
        return Place(self.file, line, col)

    def span(self, at: Node | Span) -> Span:
        """Return where the carets go: a node of several lines is shown by the rest of its first."""
        if isinstance(at, tuple):
            return at
        end = at.end_col if at.end_line == at.line else len(self.line(at.line).rstrip()) + 1
        return at.line, at.col, max(end, at.col + 1)

    def line(self, number: int) -> str:
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def label(self, at: Node, text: str) -> Label:
        return Label(*self.span(at), text)

    def swap(self, at: Node | Span, text: str) -> tuple[Edit, ...]:
        """Return the fix that writes `text` in place of a one-line piece."""
        if isinstance(at, Node) and at.end_line != at.line:
            return ()
        return (Edit(*self.span(at), text),)

    def meant(self, at: Node, guess: str) -> tuple[Edit, ...]:
        """Return the fix that writes `guess`, where it is sure that it was meant."""
        return self.swap(at, guess) if sure(at.raw, guess) else ()

    def unknown(self, code: str, at: Node, says: str, names: Iterable[str], **more: Any) -> None:
        """Report a name that nobody knows, with the nearest of `names` and the fix that writes it."""
        if self.full:
            return
        guess = near(at.raw, names)
        if guess is not None:
            more = {"label": f'did you mean "{guess}"?', "fix": self.meant(at, guess), **more}
        self.add(code, at, says, about=at.raw, **more)


def _short(says: str) -> str:
    """Return the message on one line; a word of thousands of letters in it is cut in its middle."""
    says = " ".join(says.split()) if "\n" in says else says
    return says if len(says) <= LONG_SAYING else f"{says[: LONG_SAYING // 2]} … {says[-LONG_SAYING // 2 :]}"


def near(word: str, names: Iterable[str]) -> str | None:
    """Return the one name that `word` was probably meant to be: at most 2 letters or a third away."""
    if len(word) > LONG_WORD:
        return None
    known = list(names)
    if SYNONYMS.get(word) in known:
        return SYNONYMS[word]
    far = sorted((_distance(word, name), name) for name in known if abs(len(word) - len(name)) <= len(name))
    if far and far[0][0] <= max(2, max(len(word), len(far[0][1])) // 3) and far[0][0] < len(word):
        return far[0][1]
    return None


def sure(word: str, guess: str) -> bool:
    """Return whether `word` is `guess` with a slip of the pen: near enough to be written without asking."""
    return SYNONYMS.get(word) == guess or _distance(word, guess) <= SLIP


def _distance(one: str, two: str) -> int:
    """Return how many letters to add, drop, change or swap to get from one to the other."""
    rows = [list(range(len(two) + 1))]
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, other in enumerate(two, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == two[j - 2] and one[i - 2] == other:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]
