"""An error is a value: what is wrong, where, and the way out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace [col, end_col) of `line` by `text`; columns count from 1, end exclusive."""

    line: int
    col: int
    end_col: int
    text: str


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that the message speaks of ("first one"); end_col exclusive."""

    line: int
    col: int
    end_col: int
    text: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding of lint, printed as `file:line:col: severity[code] [*] message` (language.md 1.9)."""

    code: str
    severity: Literal["error", "warning"]
    file: str
    line: int
    col: int
    end_col: int  # exclusive; the carets stand under [col, end_col)
    says: str
    label: str = ""  # printed behind the carets
    helps: tuple[str, ...] = ()  # "\n" goes on below the first line; one that starts with "fix: " is printed as such
    notes: tuple[str, ...] = ()
    others: tuple[Label, ...] = ()
    fix: tuple[Edit, ...] = ()  # safe edits; [*] when there are any
    notes_first: bool = False  # print the notes before the helps
    about: str = ""  # the unknown name that it is about, as written
