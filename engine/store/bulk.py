"""Many rows into PostgreSQL at once: COPY for what is only added, arrays for what meets rows that are there.

Rules
- Measured for 1,000 rows of seven columns on the machine of docs/cluster.md, client CPU and wall time a row: one
  execution each 14 and 36 microseconds, arrays 8 and 20, COPY 2 and 11.
- What the database says against a row leaves here as SQLAlchemy's own error, like from any other statement.
- A statement whose text cannot be told apart here is executed row by row, which is always right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

Many = sa.Insert | sa.Update
Columns = list[Sequence[Any]]

_TYPE = r"(?!(?:AND|OR|FROM|WHERE|RETURNING|ON)\b)[A-Z]+"  # a type may be several words; what follows it is none
_PLACE = re.compile(rf"%\((\w+)\)s(?:::({_TYPE}(?: {_TYPE})*))?")
_ROWS = "sojourn_rows"


@dataclass(frozen=True, slots=True)
class Way:
    """How a statement takes many rows: `copies` are its columns in quotes, else `text` takes one array per name."""

    text: str
    copies: bool = False


def write(conn: sa.Connection, way: Way, names: Sequence[str], columns: Columns) -> int:
    """Write rows given column by column, as the driver takes their values; return how many rows were met."""
    if way.copies:
        return _copy(conn, way.text, columns)
    return conn.exec_driver_sql(way.text, dict(zip(names, map(_alike, columns), strict=True))).rowcount


def _alike(column: Sequence[Any]) -> list[Any]:
    """Return a column as one array: the driver takes no array of whole and broken numbers."""
    values = list(column)
    return [None if v is None else float(v) for v in values] if any(type(v) is float for v in values) else values


def _copy(conn: sa.Connection, text: str, columns: Columns) -> int:
    driver: Any = conn.connection.driver_connection
    try:
        with driver.cursor() as cursor:
            with cursor.copy(text) as copy:
                put: Callable[[Sequence[Any]], None] = copy.write_row
                for row in zip(*columns, strict=True):
                    put(row)
            return int(cursor.rowcount)
    except conn.dialect.loaded_dbapi.Error as error:
        base = conn.dialect.loaded_dbapi.Error
        raise sa.exc.DBAPIError.instance(text, None, error, base, hide_parameters=True) from error


@lru_cache(maxsize=256)
def way_of(statement: Many, text: str, types: tuple[tuple[str, str], ...]) -> Way | None:
    """Return how a statement, compiled to `text`, takes many rows; `types`: names of values with PostgreSQL's types."""
    if isinstance(statement, sa.Insert):
        head, values, tail = _parted(text)
        if not values:
            return None
        places = [_PLACE.fullmatch(place.strip()) for place in values.split(",")]
        if not tail.strip() and [place and place[1] for place in places] == [name for name, _ in types]:
            return Way(f"COPY {head.removeprefix('INSERT INTO ').strip()} FROM STDIN", copies=True)
        return Way(" ".join((head, "SELECT", _named(values), "FROM", _arrays(types), _named(tail))))
    at = _where(text)
    return None if at is None else Way(f"{_named(text[:at])} FROM {_arrays(types)} {_named(text[at:])}")


def _named(text: str) -> str:
    return _PLACE.sub(lambda place: f'{_ROWS}."{place[1]}"', text)


def _arrays(types: tuple[tuple[str, str], ...]) -> str:
    values = ", ".join(f"%({name})s::{type_}[]" for name, type_ in types)
    names = ", ".join(f'"{name}"' for name, _ in types)
    return f"unnest({values}) AS {_ROWS}({names})"


def _parted(text: str) -> tuple[str, str, str]:
    """Return what stands before VALUES, between its brackets, and after them."""
    head, _, rest = text.partition(" VALUES (")
    depth = 1
    for at, letter in enumerate(rest):
        depth += (letter == "(") - (letter == ")")
        if not depth:
            return head, rest[:at], rest[at + 1 :]
    return head, "", ""


def _where(text: str) -> int | None:
    """Return where the statement's own WHERE begins, outside of every bracket."""
    depth, found = 0, None
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if not depth and text.startswith(" WHERE ", at):
            found = at
    return found
