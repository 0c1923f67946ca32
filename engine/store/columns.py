"""What columns are made of: instants, JSON, keys and words, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HELD = datetime(9000, 1, 1, tzinfo=UTC)  # `next_at` of a message of a paused journey
_MICROSECOND = timedelta(microseconds=1)


def to_micros(at: datetime) -> int:
    """Return microseconds since 1970 UTC."""
    return (at - EPOCH) // _MICROSECOND


def from_micros(value: int) -> datetime:
    """Return the aware UTC instant of `value` microseconds since 1970."""
    return EPOCH + timedelta(microseconds=value)


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware UTC datetime kept as BIGINT microseconds."""

    impl = sa.BigInteger
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], int | None]:
        """Return the conversion itself: it runs ten times per contact and step, and a wrapper costs as much again."""
        return _bound

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[int | None], datetime | None]:
        return _read


def _bound(value: datetime | None) -> int | None:
    return None if value is None else (value - EPOCH) // _MICROSECOND


def _read(value: int | None) -> datetime | None:
    return None if value is None else EPOCH + timedelta(0, 0, value)


Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
Key = sa.String(80)
Word = sa.String(64)
