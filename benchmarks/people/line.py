"""One line of the table: what is aimed at, and what a run gives.

Rules
- A module of this folder exposes `LINES: tuple[Line, ...]`; lines that share work keep it in a cached function.
- `run(data)` gets the folder with the real logs, None when there is none: a line that needs it raises NoData.
- A baseline is measured in the same run, on the same people, never quoted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured, in words and as numbers; `ok` is None where there is no aim to hold it against."""

    measured: str
    baseline: str = ""
    ok: bool | None = None
    figures: dict[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """`name` begins with the number of its aim, such as "G1 buyers against RFM"."""

    name: str
    aim: str
    run: Callable[[Path | None], Result]


class NoData(Exception):
    """The line needs a folder that was not given; the words say which."""


def folder(data: Path | None, name: str) -> Path:
    """Return the folder `name` of the real logs, or raise NoData."""
    if data is None or not (data / name).is_dir():
        raise NoData(f"needs {name}/ (--data DIR or SOJOURN_DATA)")
    return data / name
