"""The policies that were published, and what was settled about a decision point beside its file.

Rules
- Policies are only added, never changed; the newest number of a point and kind is that model's state.
- What a decision was drawn from stands in the decision; bytes are kept to learn on from and to go back to.
- The row of a point is its learner's lock: who publishes holds it, so a model has one writer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from engine.store.sets import insert_missing, one_of
from engine.store.tables import points, policies

Role = Literal["serves", "shadow", "candidate"]

KEPT = 50
"""Versions of a point's models whose bytes are kept."""

p = policies.c


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A published policy. `model` learns on; `serving` is the copy that decides (None: the model itself does).

    `learned` counts the examples in it, `through` is the last lesson it was taught; `digest` is its weight hash.
    `base` says how it began and `curves` how long outcomes take; both are what a rebuild needs beside the lessons.
    """

    point: str
    number: int
    kind: str
    model: bytes
    digest: str
    settings: Mapping[str, Any]
    learned: int
    made_at: datetime
    serving: bytes | None = None
    through: int = 0
    base: Mapping[str, Any] | None = None
    curves: Mapping[str, Any] | None = None
    role: Role = "serves"


@dataclass(frozen=True, slots=True)
class PointRow:
    """A decision point's standing: when it was last refitted, what was promoted, and the version that is pinned."""

    point: str
    refit_at: datetime | None = None
    serves: str | None = None
    written: str | None = None
    pinned: int | None = None


def publish(conn: sa.Connection, rows: Sequence[PolicyRow]) -> None:
    """Add policies; their numbers must be new. Older ones than the last KEPT keep their row, not their bytes."""
    if not rows:
        return
    conn.execute(policies.insert(), [_values(row) for row in rows])
    conn.execute(_FORGET, [{"of": row.point, "old": row.number - KEPT} for row in rows])


def _values(row: PolicyRow) -> dict[str, Any]:
    values: dict[str, Any] = {one.name: getattr(row, one.name) for one in fields(PolicyRow)}
    return values | {"settings": dict(row.settings)}


_pinned = sa.select(points.c.pinned).where(points.c.point == p.point, points.c.pinned.is_not(None))
_old = sa.bindparam("old", type_=sa.Integer)
_FORGET = (
    sa.update(policies)
    .where(p.point == sa.bindparam("of"), p.number <= _old, p.number > _old - KEPT, p.model != b"")
    .where(p.number.not_in(_pinned.correlate(policies).scalar_subquery()))
    .values(model=b"", serving=None)
)


def numbers(conn: sa.Connection) -> dict[tuple[str, str], int]:
    """Return the newest number by point and kind, without the models: cheap enough for every tick."""
    return {(row.point, row.kind): row.number for row in conn.execute(_NEWEST)}


_NEWEST = (
    sa.select(p.point, p.kind, sa.func.max(p.number).label("number"))
    .where(p.role != "candidate")
    .group_by(p.point, p.kind)
)


def newest(conn: sa.Connection, of: Collection[tuple[str, str]]) -> list[PolicyRow]:
    """Return the newest policy of each of these (point, kind), candidates apart."""
    last = _NEWEST.where(one_of(p.point, {point for point, _ in of})).subquery()
    query = sa.select(policies).join(last, sa.and_(p.point == last.c.point, p.number == last.c.number))
    return [PolicyRow(*row) for row in conn.execute(query) if (row.point, row.kind) in of]


def newest_numbers() -> sa.Subquery:
    """Return (point, kind, number) of the newest policies as a table."""
    return _NEWEST.subquery()


def last_number(conn: sa.Connection, names: Iterable[str]) -> dict[str, int]:
    """Return the highest number of each of these points, candidates included."""
    query = sa.select(p.point, sa.func.max(p.number)).where(one_of(p.point, names)).group_by(p.point)
    return {row[0]: row[1] for row in conn.execute(query)}


def policy_of(conn: sa.Connection, point: str, number: int) -> PolicyRow | None:
    """Return one version of the policy of a decision point."""
    row = conn.execute(sa.select(policies).where(p.point == point, p.number == number)).one_or_none()
    return None if row is None else PolicyRow(*row)


def versions(conn: sa.Connection, point: str, limit: int = KEPT) -> list[PolicyRow]:
    """Return the versions of a point, newest first."""
    query = sa.select(policies).where(p.point == point).order_by(p.number.desc()).limit(limit)
    return [PolicyRow(*row) for row in conn.execute(query)]


def standing(conn: sa.Connection) -> dict[str, PointRow]:
    """Return what was settled, by point."""
    return {row.point: PointRow(*row) for row in conn.execute(sa.select(points))}


def hold(conn: sa.Connection, names: Iterable[str]) -> dict[str, PointRow]:
    """Return the rows of these points, made if need be and locked until the transaction ends: one writer per model."""
    wanted = sorted(names)
    insert_missing(conn, points, [{"point": name} for name in wanted])
    query = sa.select(points).where(one_of(points.c.point, wanted)).order_by(points.c.point).with_for_update()
    return {row.point: PointRow(*row) for row in conn.execute(query)}


def settle(conn: sa.Connection, names: Iterable[str], **values: Any) -> None:
    """Write down what was settled about points; their rows must be there (`hold`)."""
    conn.execute(sa.update(points).where(one_of(points.c.point, names)).values(**values))
