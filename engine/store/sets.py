"""SQL that takes a whole set of values in one statement, the same Core code on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeEngine

from engine.store import bulk
from engine.store.sealed import many_of

_IN_JSON = "{} IN (SELECT value FROM json_each({}))"
Upsert = sqlite.Insert | postgresql.Insert
Many = sa.Insert | sa.Update


class _Texts(sa.types.TypeDecorator[Sequence[str]]):
    """A set of texts in one bound value: a JSON array on SQLite, an array on PostgreSQL."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        texts: TypeEngine[Any] = postgresql.ARRAY(sa.Text) if dialect.name == "postgresql" else sa.Text()
        return dialect.type_descriptor(texts)

    def bind_processor(self, dialect: Dialect) -> Callable[[Sequence[str] | None], Any] | None:
        """Return the conversion itself: it runs with every statement, and a wrapper costs as much again."""
        return _as_list if dialect.name == "postgresql" else _as_json


def _as_list(values: Sequence[str] | None) -> list[str]:
    return [*(values or ())]


def _as_json(values: Sequence[str] | None) -> str:
    return json.dumps(_as_list(values))


class one_of(FunctionElement[bool]):  # noqa: N801  (reads as the SQL condition that it is)
    """`column` is one of `values`, however many: one bound value, one compiled statement, no variable limit."""

    inherit_cache = True
    name = "one_of"
    type = sa.Boolean()

    def __init__(self, column: sa.ColumnElement[Any], values: Iterable[str] | sa.BindParameter[Any]) -> None:
        bound = isinstance(values, sa.BindParameter)
        kind = many_of(column) or _Texts()
        given_now = values if bound else sa.bindparam(None, list(values), type_=kind, unique=True)
        super().__init__(column, given_now)

    def self_group(self, against: OperatorType | None = None) -> Self:
        """Stay bare: SQLite uses no index for "(column IN ...) = 1"."""
        return self


def any_of(column: sa.ColumnElement[Any], parameter: str) -> one_of:
    """Return `one_of` for a statement that is made once: `parameter` is bound to the values at execution.

    Making a statement costs more than running it, so those of every tick are made once.
    """
    return one_of(column, sa.bindparam(parameter, type_=many_of(column) or _Texts()))


@compiles(one_of)
def _in_json(element: one_of, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = (compiler.process(part, **kw) for part in element.clauses)
    return _IN_JSON.format(column, values)


@compiles(one_of, "postgresql")
def _equals_any(element: one_of, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = (compiler.process(part, **kw) for part in element.clauses)
    return f"{column} = ANY ({values})"


def upsert(dialect: str, table: sa.Table) -> Upsert:
    """Return an INSERT that knows ON CONFLICT in this dialect."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


@lru_cache
def insert_or_leave(dialect: str, table: sa.Table) -> Upsert:
    """Return an INSERT that leaves a row with the same primary key as it is; made once."""
    return upsert(dialect, table).on_conflict_do_nothing()


def insert_missing(conn: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows whose primary key is not there yet, in one statement."""
    if rows:
        write(conn, insert_or_leave(conn.dialect.name, table), rows)


def write(conn: sa.Connection, statement: Many, rows: Sequence[Mapping[str, Any]]) -> int:
    """Execute a statement that is made once, with each of the rows; return how many rows it met.

    What the drivers are given is made column by column: row by row it costs more than the database's own work. No two
    rows may be about the same row of the table: PostgreSQL is given all of them at once.
    """
    prepared = _prepared(conn.dialect, statement, tuple(rows[0]))
    columns: list[Iterable[Any]] = [[*map(itemgetter(name), rows)] for name in prepared.names]
    for place, convert in prepared.converted:
        columns[place] = map(convert, columns[place])
    if prepared.way is not None:
        return bulk.write(conn, prepared.way, prepared.names, [*map(tuple, columns)])
    values = zip(*columns, strict=True)
    if prepared.positional:
        return conn.exec_driver_sql(prepared.text, list(values)).rowcount
    return conn.exec_driver_sql(prepared.text, [dict(zip(prepared.names, row, strict=True)) for row in values]).rowcount


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A statement as a driver takes it: the parameters in their order, and which of them the driver takes otherwise."""

    text: str
    names: tuple[str, ...]
    converted: tuple[tuple[int, Callable[[Any], Any]], ...]
    positional: bool
    way: bulk.Way | None = None  # how PostgreSQL takes many rows


@lru_cache(maxsize=64)
def _prepared(dialect: Dialect, statement: Many, keys: tuple[str, ...]) -> _Prepared:
    # "inline" and "for_executemany": nothing is to be fetched for each row
    bare = statement.inline() if isinstance(statement, sa.Insert) else statement
    compiled = bare.compile(dialect=dialect, column_keys=keys, for_executemany=True)
    names = tuple(compiled.positiontup or compiled.params)
    types = [compiled.binds[name].type.dialect_impl(dialect) for name in names]
    converters = [(place, type_.bind_processor(dialect)) for place, type_ in enumerate(types)]
    converted = tuple((place, convert) for place, convert in converters if convert is not None)
    way = bulk.way_of(statement, str(compiled), _types(dialect, compiled)) if dialect.name == "postgresql" else None
    return _Prepared(str(compiled), names, converted, bool(compiled.positional), way)


def _types(dialect: Dialect, compiled: SQLCompiler) -> tuple[tuple[str, str], ...]:
    """Return the names of the values with their types in PostgreSQL, without lengths: a cast would cut."""
    found = {name: bound.type.dialect_impl(dialect).compile(dialect) for name, bound in compiled.binds.items()}
    return tuple((name, found[name].partition("(")[0]) for name in compiled.params)


def given(conn: sa.Connection, names: Sequence[str], rows: Sequence[Sequence[str]]) -> sa.Subquery:
    """Return rows of texts as a table that a statement can join: one bound value instead of one execution each."""
    bound = sa.bindparam(None, json.dumps(rows), type_=sa.Text, unique=True)
    return _table(conn.dialect.name, bound, names)


def listed(dialect: str, parameter: str, names: Sequence[str], *, plain: bool = False) -> sa.Subquery:
    """Return the same for a statement that is made once: `parameter` is bound to the JSON text at execution.

    `plain`: the JSON is a list of texts, not of rows.
    """
    return _table(dialect, sa.bindparam(parameter, type_=sa.Text), names, plain=plain)


def _table(dialect: str, bound: sa.BindParameter[Any], names: Sequence[str], *, plain: bool = False) -> sa.Subquery:
    if dialect == "postgresql":
        each = sa.func.jsonb_array_elements(sa.cast(bound, postgresql.JSONB)).table_valued("value")
        one = each.c.value.op("#>>")(sa.literal_column("'{}'"))
        texts: list[sa.ColumnElement[Any]] = (
            [one] if plain else [each.c.value.op("->>")(place) for place in range(len(names))]
        )
    else:
        each = sa.func.json_each(bound).table_valued("value")
        texts = [each.c.value] if plain else [sa.func.json_extract(each.c.value, f"$[{n}]") for n in range(len(names))]
    return sa.select(*(text.label(name) for text, name in zip(texts, names, strict=True))).subquery()
