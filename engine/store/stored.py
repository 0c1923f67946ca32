"""Values inside JSON columns as SQL, read by their type: another type than the one declared is a missing value.

Rules
- The same element compiles for SQLite and for PostgreSQL; keys and texts are bound or quoted, never pasted.
- Parts of texts are found with upper and lower case apart, without LIKE, whose case differs between the two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

FAR = 2**62
"""An instant that never comes, in microseconds."""

MOST = 90
"""Arguments that a function of either database takes."""

Sql = sa.ColumnElement[Any]


class _Stored(FunctionElement[Any]):
    """What `key` of a JSON object holds. `how`: number, text, flag, missing, list or contains (then `word`)."""

    inherit_cache = False
    name = "stored"

    def __init__(self, column: Sql, key: str, how: str, type_: TypeEngine[Any]) -> None:
        super().__init__(column)
        self.key: str = key
        self.how, self.type = how, type_


class _Contains(_Stored):
    """Whether the list under `key` holds a text."""

    inherit_cache = False

    def __init__(self, column: Sql, key: str, word: str) -> None:
        FunctionElement.__init__(self, column, sa.literal(word, sa.Text))
        self.key, self.how, self.type = key, "contains", sa.Boolean()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_SQLITE = {
    "number": "CASE WHEN json_type({c}, {p}) IN ('integer', 'real') THEN json_extract({c}, {p}) END",
    "text": "CASE WHEN json_type({c}, {p}) = 'text' THEN json_extract({c}, {p}) END",
    "flag": "CASE json_type({c}, {p}) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END",
    "missing": "(coalesce(json_type({c}, {p}), 'null') = 'null')",
    "list": "(coalesce(json_type({c}, {p}), '') = 'array')",
    "contains": "(coalesce(json_type({c}, {p}), '') = 'array' AND EXISTS (SELECT 1 FROM json_each({c}, {p}) AS item "
    "WHERE item.type = 'text' AND item.value = {w}))",
}
_POSTGRESQL = {
    "number": "CASE WHEN jsonb_typeof({c} -> {k}) = 'number' THEN CAST({c} ->> {k} AS DOUBLE PRECISION) END",
    "text": "CASE WHEN jsonb_typeof({c} -> {k}) = 'string' THEN {c} ->> {k} END",
    "flag": "CASE WHEN jsonb_typeof({c} -> {k}) = 'boolean' THEN CAST({c} ->> {k} AS BOOLEAN) END",
    "missing": "(coalesce(jsonb_typeof({c} -> {k}), 'null') = 'null')",
    "list": "(coalesce(jsonb_typeof({c} -> {k}), '') = 'array')",
    "contains": "(coalesce(jsonb_typeof({c} -> {k}), '') = 'array' AND {c} -> {k} @> to_jsonb(CAST({w} AS TEXT)))",
}


@compiles(_Stored)
@compiles(_Contains)
def _on_sqlite(element: _Stored, compiler: SQLCompiler, **kw: Any) -> str:
    column, *word = (compiler.process(part, **kw) for part in element.clauses)
    path = _quoted(f'$."{element.key}"')
    return _SQLITE[element.how].format(c=column, p=path, w=word[0] if word else "")


@compiles(_Stored, "postgresql")
@compiles(_Contains, "postgresql")
def _on_postgresql(element: _Stored, compiler: SQLCompiler, **kw: Any) -> str:
    column, *word = (compiler.process(part, **kw) for part in element.clauses)
    return _POSTGRESQL[element.how].format(c=column, k=_quoted(element.key), w=word[0] if word else "")


def number(column: Sql, key: str) -> Sql:
    return _Stored(column, key, "number", sa.Float())


def text(column: Sql, key: str) -> Sql:
    return _Stored(column, key, "text", sa.Text())


def flag(column: Sql, key: str) -> Sql:
    return _Stored(column, key, "flag", sa.Boolean())


READERS: dict[str, Callable[[Sql, str], Sql]] = {"number": number, "text": text, "flag": flag}


def missing(column: Sql, key: str) -> Sql:
    """Return whether there is no value, or null."""
    return _Stored(column, key, "missing", sa.Boolean())


def is_list(column: Sql, key: str) -> Sql:
    return _Stored(column, key, "list", sa.Boolean())


def contains(column: Sql, key: str, word: str) -> Sql:
    """Return whether a list holds a text; false where there is no list."""
    return _Contains(column, key, word)


def has_part(whole: Sql, word: str, how: str) -> Sql:
    """Return whether a text contains, starts or ends with a word."""
    size, said = len(word), sa.literal(word, sa.Text)
    if how == "starts":
        return sa.func.substr(whole, 1, size) == said
    if how == "ends":
        rest = sa.func.length(whole) - size
        return sa.and_(rest >= 0, sa.case((rest >= 0, sa.func.substr(whole, rest + 1, size))) == said)
    return sa.func.length(sa.func.replace(whole, said, "")) < sa.func.length(whole)


class _Extreme(FunctionElement[int]):
    """The least or greatest of several numbers, none of them NULL."""

    inherit_cache = False
    name = "extreme"
    type = sa.BigInteger()

    def __init__(self, words: tuple[str, str], *parts: Any) -> None:
        super().__init__(*parts)
        self.words = words


@compiles(_Extreme)
@compiles(_Extreme, "postgresql")
def _extreme(element: _Extreme, compiler: SQLCompiler, **kw: Any) -> str:
    parts = [compiler.process(part, **kw) for part in element.clauses]
    word = element.words[compiler.dialect.name == "postgresql"]
    return parts[0] if len(parts) == 1 else f"{word}({', '.join(parts)})"


def least(*parts: Sql) -> Sql:
    """Return the least of any number of them: a function takes only so many at once."""
    while len(parts) > MOST:
        parts = tuple(_Extreme(("min", "least"), *parts[n : n + MOST]) for n in range(0, len(parts), MOST))
    return _Extreme(("min", "least"), *parts)


def most(*parts: Any) -> Sql:
    return _Extreme(("max", "greatest"), *parts)


class rounded(FunctionElement[float]):  # noqa: N801 - reads as the SQL that it is
    """A number to six places, as journeys.happenings.added gives it."""

    inherit_cache = True
    name = "rounded"
    type = sa.Float()


@compiles(rounded)
def _round(element: rounded, compiler: SQLCompiler, **kw: Any) -> str:
    return f"round({compiler.process(element.clauses, **kw)}, 6)"


@compiles(rounded, "postgresql")
def _round_numeric(element: rounded, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST(round(CAST({compiler.process(element.clauses, **kw)} AS NUMERIC), 6) AS DOUBLE PRECISION)"
