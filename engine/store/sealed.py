"""Columns whose values are sealed where the project has keys, and are what they always were where it has none.

Rules
- The keys hang on the dialect of the store's engine (`sealing_of`): one process may have several stores open.
- Without keys a column of these types costs nothing: the conversions of the plain type are handed out themselves.
- `column == value` and `one_of(column, values)` find rows sealed with any of the keys, also during a rotation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import operators
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from engine.store.columns import Json
from engine.store.sealing import Sealing

_IN_JSON = "{} IN (SELECT value FROM json_each({}))"
Convert = Callable[[Any], Any] | None


def sealing_of(dialect: Dialect) -> Sealing | None:
    """Return the keys of the store with this dialect, None where nothing is sealed."""
    return cast("Sealing | None", getattr(dialect, "sealing", None))


def give_keys(engine: sa.Engine, sealing: Sealing | None) -> None:
    """Let this store seal and open; before its first statement."""
    engine.dialect.sealing = sealing  # type: ignore[attr-defined]


class _Candidates(sa.types.TypeDecorator[Any]):
    """A value, or several, as every text that may stand for it; without keys the value itself."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, place: str, *, many: bool = False) -> None:
        super().__init__()
        self.place, self.many = place, many

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        texts = dialect.name == "postgresql" and (self.many or sealing_of(dialect) is not None)
        whole: TypeEngine[Any] = postgresql.ARRAY(sa.Text) if texts else sa.Text()
        return dialect.type_descriptor(whole)

    def bind_processor(self, dialect: Dialect) -> Convert:
        sealing, place, many = sealing_of(dialect), self.place, self.many
        if sealing is None and not many:
            return None
        listed = dialect.name == "postgresql"

        def bound(value: Any) -> Any:
            values = [*(value or ())] if many else [] if value is None else [value]
            texts = [text for one in values for text in (sealing.candidates(one, place) if sealing else (one,))]
            return texts if listed else json.dumps(texts)

        return bound


class same_as(FunctionElement[bool]):  # noqa: N801  (reads as the SQL condition that it is)
    """A sealed column holds this value."""

    inherit_cache = True
    name = "same_as"
    type = sa.Boolean()

    def self_group(self, against: operators.OperatorType | None = None) -> same_as:
        """Stay bare, as one_of does: an index is used only so."""
        return self


@compiles(same_as)
def _same(element: same_as, compiler: SQLCompiler, **kw: Any) -> str:
    column, value = (compiler.process(part, **kw) for part in element.clauses)
    if sealing_of(compiler.dialect) is None:
        return f"{column} = {value}"
    postgres = compiler.dialect.name == "postgresql"
    return f"{column} = ANY ({value})" if postgres else _IN_JSON.format(column, value)


class Sealed(sa.types.TypeDecorator[str]):
    """A text that can be looked up, such as an address. `place` names what it is."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, place: str = "address") -> None:
        super().__init__()
        self.place = place

    class Comparator(sa.types.TypeDecorator.Comparator[str]):
        """Compares with what may stand for a value, not with the value."""

        def operate(self, op: operators.OperatorType, *other: Any, **kwargs: Any) -> sa.ColumnElement[Any]:
            value = other[0] if other else None
            if op is operators.eq and isinstance(value, str | sa.BindParameter):
                return cast("sa.ColumnElement[Any]", same_as(self.expr, _asked(value, self.type)))
            return cast("sa.ColumnElement[Any]", super().operate(op, *other, **kwargs))

    comparator_factory = Comparator

    def bind_processor(self, dialect: Dialect) -> Convert:
        """Return what seals, None where nothing is sealed."""
        sealing, place = sealing_of(dialect), self.place
        return None if sealing is None else lambda value: None if value is None else sealing.seal(value, place)

    def result_processor(self, dialect: Dialect, coltype: object) -> Convert:
        """Return what opens, None where nothing is sealed."""
        sealing, place = sealing_of(dialect), self.place
        return None if sealing is None else lambda text: None if text is None else sealing.open(text, place)


def _asked(value: Any, type_: Any) -> sa.BindParameter[Any]:
    many = _Candidates(type_.place)
    if not isinstance(value, sa.BindParameter):
        return sa.bindparam(None, value, type_=many, unique=True)
    asked = value._clone()  # noqa: SLF001 - a parameter keeps its name, and only its type is ours to say
    asked.type = many
    return asked


def many_of(column: sa.ColumnElement[Any]) -> TypeEngine[Any] | None:
    """Return the type of a set of values of a sealed column, None for any other column."""
    return _Candidates(column.type.place, many=True) if isinstance(column.type, Sealed) else None


class _Json(sa.types.TypeDecorator[Any]):
    """JSON that goes through the keys on its way in and out."""

    impl = Json
    cache_ok = True

    def coerce_compared_value(self, op: operators.OperatorType | None, value: Any) -> Any:
        """Compare as JSON does: `column["name"]`."""
        return self.impl_instance.coerce_compared_value(op, value)

    def seal(self, sealing: Sealing, value: Any) -> Any:
        raise NotImplementedError

    def open(self, sealing: Sealing, value: Any) -> Any:
        raise NotImplementedError

    def bind_processor(self, dialect: Dialect) -> Convert:
        """Return JSON's own conversion where nothing is sealed."""
        inner, sealing = super().bind_processor(dialect), sealing_of(dialect)
        if sealing is None:
            return inner
        return lambda value: _through(inner, None if value is None else self.seal(sealing, value))

    def result_processor(self, dialect: Dialect, coltype: object) -> Convert:
        """Return JSON's own conversion where nothing is sealed."""
        inner, sealing = super().result_processor(dialect, coltype), sealing_of(dialect)
        if sealing is None:
            return inner

        def opened(stored: Any) -> Any:
            value = _through(inner, stored)
            return None if value is None else self.open(sealing, value)

        return opened


def _through(convert: Convert, value: Any) -> Any:
    return value if convert is None else convert(value)


class Attributes(_Json):
    """Attributes by name: those that data.yaml calls private are sealed one by one."""

    cache_ok = True

    def seal(self, sealing: Sealing, value: Mapping[str, Any]) -> Any:
        return sealing.seal_private(value) if sealing.private else value

    def open(self, sealing: Sealing, value: Mapping[str, Any]) -> Any:
        return sealing.open_private(value)


class SealedJson(_Json):
    """A JSON value that is sealed as a whole; nothing in it can be asked for by SQL."""

    cache_ok = True

    def __init__(self, place: str = "json") -> None:
        super().__init__()
        self.place = place

    def seal(self, sealing: Sealing, value: Any) -> Any:
        return sealing.seal_once(value, self.place)

    def open(self, sealing: Sealing, value: Any) -> Any:
        return sealing.open_once(value, self.place)
