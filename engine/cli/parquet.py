"""A Parquet file as a sheet: the same columns, rows and reports of rows that are wrong as a CSV file has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from engine.cli.sheet import MOST_COLUMNS, Row
from engine.errors import ConfigError
from engine.store.columns import from_micros

AT_ONCE = 2_000
SUFFIXES = (".parquet", ".pq")


@dataclass(frozen=True, slots=True)
class Parquet:
    """A Parquet file that was looked at; iterating gives its rows as texts. `line` is the number of the row."""

    path: Path
    header: tuple[str, ...]
    lines: int  # its rows, and one for their names
    zoned: frozenset[int] = frozenset()  # places of instants: read as microseconds, for more DuckDB wants pytz
    remark: str = "Parquet"

    def __iter__(self) -> Iterator[Row]:
        database = _database()
        try:
            asked = ", ".join(f"epoch_us(c{n})" if n in self.zoned else f"c{n}" for n in range(len(self.header)))
            names = ", ".join(f"c{n}" for n in range(len(self.header)))
            read = f"SELECT {asked} FROM read_parquet($1) AS file({names})"  # noqa: S608 - names of our own
            found = database.execute(read, [str(self.path)])
            number = 0
            while rows := found.fetchmany(AT_ONCE):
                for row in rows:
                    number += 1
                    yield Row(number, tuple(map(_text, map(self._value, range(len(row)), row))))
        finally:
            database.close()

    def _value(self, place: int, value: Any) -> Any:
        return from_micros(value) if place in self.zoned and value is not None else value


def open_parquet(path: Path) -> Parquet:
    """Look at a file; ConfigError says why it cannot be read."""
    if not path.is_file():
        raise ConfigError(f"there is no file {path}")
    database = _database()
    import duckdb

    try:
        described = database.execute("DESCRIBE SELECT * FROM read_parquet($1)", [str(path)]).fetchall()
        count = database.execute("SELECT count(*) FROM read_parquet($1)", [str(path)]).fetchone()
    except duckdb.Error as error:
        says = str(error).splitlines()[0]
        raise ConfigError(f"{path} cannot be read as Parquet: {says}") from None
    finally:
        database.close()
    if len(described) > MOST_COLUMNS:
        raise ConfigError(f"{path} has {len(described)} columns; at most {MOST_COLUMNS}")
    zoned = frozenset(n for n, row in enumerate(described) if row[1] == "TIMESTAMP WITH TIME ZONE")
    return Parquet(path, tuple(str(row[0]).strip() for row in described), int(count[0]) + 1, zoned)


def _database() -> Any:
    try:
        import duckdb
    except ImportError:
        raise ConfigError("Parquet files need an extra: pip install 'sojourn[lake]'") from None
    return duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false", "threads": "1"})


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list | dict):
        return json.dumps(value, default=str)
    return str(value)


_TYPES = {"text": "VARCHAR", "json": "VARCHAR", "time": "TIMESTAMPTZ", "number": "DOUBLE", "flag": "BOOLEAN"}


def write_parquet(sheet: Path, path: Path, columns: list[tuple[str, str]]) -> None:
    """Make a Parquet file of a CSV file; `columns`: names and kinds (text, json, time, number, flag)."""
    database = _database()
    import duckdb

    types = ", ".join(f"{_quoted(name)}: {_quoted(_TYPES[kind])}" for name, kind in columns)
    read = f"read_csv({_quoted(str(sheet))}, header = true, columns = {{{types}}}, quote = '\"', escape = '\"')"
    part = path.with_name(f".{path.name}.part")
    try:
        part.touch(mode=0o600)
        whole = f"COPY (SELECT * FROM {read}) TO {_quoted(str(part))}"  # noqa: S608 - every name in it is quoted
        database.execute(f"{whole} (FORMAT parquet, COMPRESSION zstd)")
        part.replace(path)
    except (duckdb.Error, OSError) as error:
        raise ConfigError(f"{path} cannot be written: {str(error).splitlines()[0]}") from None
    finally:
        part.unlink(missing_ok=True)
        database.close()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
