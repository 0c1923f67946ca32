"""Where something stands in a file."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """A file position; `line` and `col` count from 1. `end_col` (exclusive, 0 = not known) ends a mark on that line."""

    file: str
    line: int
    col: int
    end_col: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"
