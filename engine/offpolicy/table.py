"""A randomised test that was run elsewhere, as a CSV file: one line a decision, arms drawn with known chances."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ConfigError
from engine.learner.features import harmless
from engine.offpolicy.logged import Drawn


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column is what. No `propensity`: every arm was equally likely; no `contact`: each line is a person."""

    arm: str
    reward: str
    context: tuple[str, ...] = ()
    propensity: str = ""
    contact: str = ""


def from_csv(path: Path, columns: Columns) -> list[Drawn]:
    """Return the decisions of a file; ConfigError with file and line when it cannot be read so."""
    rows = list(_rows(path, columns))
    arms = tuple(sorted({row[columns.arm].strip() for _, row in rows}))
    if len(arms) < 2:
        raise ConfigError(f"{path}: the column {columns.arm} names one arm only; there is nothing to compare")
    return [_drawn(path, line, row, (columns, arms)) for line, row in rows]


def _rows(path: Path, columns: Columns) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        reader = csv.DictReader(io.StringIO(raw.decode("utf-8-sig")))
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    header: Sequence[str] = reader.fieldnames or ()
    wanted = [columns.arm, columns.reward, *columns.context, *filter(None, (columns.propensity, columns.contact))]
    for name in wanted:
        if name not in header:
            raise ConfigError(f'{path}:1: no column "{name}"; there are: {", ".join(header)}')
    yield from ((reader.line_num, row) for row in reader)


def _drawn(path: Path, line: int, row: dict[str, str], known: tuple[Columns, tuple[str, ...]]) -> Drawn:
    columns, arms = known
    arm = row[columns.arm].strip()
    chances = [1.0 / len(arms)] * len(arms)
    if columns.propensity:
        mine = _number(path, line, columns.propensity, row)
        if not 0.0 < mine <= 1.0:
            raise ConfigError(f"{path}:{line}: a chance lies in (0, 1], not {mine:g}")
        chances = [mine if one == arm else (1.0 - mine) / (len(arms) - 1) for one in arms]
    tokens = " ".join(_token(name, row[name] or "") for name in columns.context)
    contact = row[columns.contact] if columns.contact else str(line)
    return Drawn(contact, None, tokens, arms, tuple(chances), arm, _number(path, line, columns.reward, row))


def _number(path: Path, line: int, name: str, row: dict[str, str]) -> float:
    try:
        return float(row[name])
    except (TypeError, ValueError):
        raise ConfigError(f'{path}:{line}: {name} is no number: "{row[name]}"') from None


def _token(name: str, value: str) -> str:
    """Return a context value as it would be logged: numbers stay numbers."""
    name = harmless(name.strip()).replace("=", "%3D")
    try:
        return f"{name}:{float(value):.9g}"
    except ValueError:
        return f"{name}={harmless('-'.join(value.split())) or '~none'}"
