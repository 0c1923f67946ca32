"""The learner's rows: decisions whose reward may have changed, what it was told, and how many there are.

Rules
- Claim, rewards and commit are one transaction, as in a tick: an event that comes in between touches its decisions
  again afterwards, so none is missed.
- Every outcome that was claimed comes back as a Reward, those of void decisions too; a void one keeps no value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from engine.core.model import Event, Outcome, Reward
from engine.store.rows import DecisionRow, decision, decision_row, read_decisions, run_of
from engine.store.sets import one_of, write
from engine.store.tables import audit, contacts, decisions, enrollments, events

COUNTED_GROUPS = ("learner", "random")
TEACHING = ("learner", "baseline", "random")
"""Groups whose outcomes teach: the held-out are the measure, not the material."""

c = decisions.c
e = events.c


def claim(conn: sa.Connection, now: datetime, limit: int, names: Sequence[str]) -> list[Outcome]:
    """Return at most `limit` decisions to look at, with their contacts' events of these names inside the window."""
    keys = list(conn.scalars(_due(now, limit)))
    if not keys:
        return []
    rows = conn.execute(_rows(keys)).all()
    happened = _events(conn, keys, now, names)
    entries = _entries(conn, keys)
    return [_outcome(row, tuple(happened[row.key]), entries.get(run_of(row.key)) or {}) for row in rows]


def _due(now: datetime, limit: int) -> sa.Select[Any]:
    """Select what was touched, and what closes; each by its own index."""
    settled = c.status.not_in(("pending", "closed"))  # said so that it tempts no planner away from the other index
    touched = sa.select(c.key, c.closes_at).where(c.touched, settled).order_by(c.key).limit(limit).subquery()
    closing = (
        sa.select(c.key, c.closes_at)
        .where(c.status == "open", c.closes_at <= now)
        .order_by(c.closes_at, c.key)
        .limit(limit)
        .subquery()
    )
    both = sa.union(sa.select(touched), sa.select(closing)).subquery()
    return sa.select(both.c.key).order_by(both.c.closes_at, both.c.key).limit(limit)


def _rows(keys: Iterable[str]) -> sa.Select[Any]:
    return (
        sa.select(decisions, contacts.c.attributes)
        .join_from(decisions, contacts, contacts.c.id == c.contact_id, isouter=True)
        .where(one_of(c.key, keys))
        .order_by(c.at, c.key)
        .with_for_update(of=decisions)
    )


def _events(
    conn: sa.Connection, keys: Iterable[str], now: datetime, names: Sequence[str]
) -> defaultdict[str, list[Event]]:
    """Return by decision what its contact did inside (starts_at, closes_at], up to now."""
    query = (
        sa.select(c.key.label("decision"), e.id, e.name, e.at, e.data, e.fresh, e.starts)
        .join_from(decisions, events, e.contact_id == c.contact_id)
        .where(one_of(c.key, keys), e.name.in_(names), e.at > c.starts_at, e.at <= c.closes_at, e.at <= now)
        .order_by(e.at, e.id)
    )
    found: defaultdict[str, list[Event]] = defaultdict(list)
    for key, *rest in conn.execute(query):
        found[key].append(Event(*rest))
    return found


def _entries(conn: sa.Connection, keys: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """Return the entry of each decision's enrollment."""
    runs = {run_of(key) for key in keys}
    query = sa.select(enrollments.c.id, enrollments.c.entry).where(one_of(enrollments.c.id, runs))
    return {row.id: row.entry for row in conn.execute(query)}


def _outcome(row: sa.Row[Any], happened: tuple[Event, ...], entry: Mapping[str, Any]) -> Outcome:
    return Outcome(
        decision(row), row.journey, row.contact_id, row.starts_at, row.closes_at, row.learned, happened,
        row.attributes or {}, entry, row.status == "void",
    )  # fmt: skip


def late(conn: sa.Connection, now: datetime, since: datetime, names: Sequence[str]) -> list[Outcome]:
    """Return the decisions closed since then of which something was heard after their close that belongs into it."""
    missed = (e.at > c.starts_at, e.at <= c.closes_at, e.received_at > c.closes_at, e.name.in_(names))
    query = (
        sa.select(c.key)
        .join_from(decisions, events, e.contact_id == c.contact_id)
        .where(c.status == "closed", c.closes_at > since, *missed)
        .distinct()
    )
    keys = list(conn.scalars(query))
    if not keys:
        return []
    happened, entries = _events(conn, keys, now, names), _entries(conn, keys)
    return [
        _outcome(row, tuple(happened[row.key]), entries.get(run_of(row.key)) or {}) for row in conn.execute(_rows(keys))
    ]


def recent(conn: sa.Connection, point: str, since: datetime, limit: int) -> list[DecisionRow]:
    """Return the newest decisions of a point since then that somebody drew and that teach, oldest first."""
    journey, _, state = point.partition(".")
    query = (
        sa.select(decisions)
        .where(c.journey == journey, c.state == state, c.at >= since, c.group.in_(COUNTED_GROUPS), c.status != "void")
        .order_by(c.at.desc(), c.key)
        .limit(limit)
    )
    return [decision_row(row) for row in conn.execute(query)][::-1]


def earned(conn: sa.Connection, states: Iterable[tuple[str, str]], since: datetime) -> list[DecisionRow]:
    """Return the closed decisions of these (journey, state) that teach and have a reward, oldest first."""
    here = sa.or_(*(sa.and_(c.journey == journey, c.state == state) for journey, state in states))
    return read_decisions(conn, here, c.at >= since, c.group.in_(TEACHING), c.status == "closed", c.reward.is_not(None))


def after_the_close(conn: sa.Connection, since: datetime, names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return by point, of the decisions closed since then: how many earned, and how many messages were answered only
    after their window had closed (what people do to a message names it; a purchase does not).
    """
    key = e.data["key"].as_string()
    mine = (c.status == "closed", c.closes_at > since, c.group.in_(TEACHING))
    earned = sa.select(c.journey, c.state, sa.func.count().label("n")).where(*mine, c.reward > -c.cost)
    answered = (
        sa.select(c.journey, c.state, sa.func.count(sa.distinct(c.key)).label("n"))
        .join_from(decisions, events, sa.and_(e.contact_id == c.contact_id, e.name.in_(names), e.at > c.closes_at))
        .where(*mine, key == c.key)
    )
    found: dict[str, list[int]] = {}
    for place, query in enumerate((earned, answered)):
        for journey, state, n in conn.execute(query.group_by(c.journey, c.state)):
            found.setdefault(f"{journey}.{state}", [0, 0])[place] = n
    return {point: (counts[0], counts[1]) for point, counts in found.items()}


def late_share(conn: sa.Connection, point: str) -> float | None:
    """Return the share of a point's outcomes that came after the close, by the last night; None: none has been."""
    a = audit.c
    query = sa.select(a.detail).where(a.what == "late", a.detail["point"].as_string() == point).order_by(a.id.desc())
    found = conn.execute(query.limit(1)).scalar()
    return found["late"] / found["outcomes"] if found and found["outcomes"] else None


def commit(conn: sa.Connection, rewards: Sequence[Reward], taught: Mapping[str, float]) -> None:
    """Write what each decision has earned and what the learner was told; none of them is touched any more."""
    if not rewards:
        return
    rows = [{"row": r.key, "value": r.value, "closed": int(r.closed), "told": taught.get(r.key)} for r in rewards]
    write(conn, _settled(), rows)


@lru_cache
def _settled() -> sa.Update:
    void = c.status == sa.literal_column("'void'")
    value, told = sa.bindparam("value", type_=sa.Float), sa.bindparam("told", type_=sa.Float)
    closed = sa.bindparam("closed", type_=sa.Integer) == sa.literal_column("1")
    values = {
        "touched": sa.false(),
        "reward": sa.case((void, sa.null()), else_=value),
        "status": sa.case((void, c.status), (closed, sa.literal_column("'closed'")), else_=c.status),
        "learned": sa.func.coalesce(told, c.learned),
    }
    return sa.update(decisions).where(c.key == sa.bindparam("row")).values(values)


def counts(conn: sa.Connection, limits: Mapping[str, int]) -> dict[str, int]:
    """Return the decisions of learner and random slice so far at each point, counted up to its limit (the warm-up)."""
    if not limits:
        return {}
    found = conn.execute(_counts(tuple(sorted(limits.items()))))
    return {row.point: row.n for row in found}


@lru_cache(maxsize=16)
def _counts(limits: tuple[tuple[str, int], ...]) -> sa.CompoundSelect[str, int]:
    """Return the statement of the warm-up, made once: it runs with every tick."""
    return sa.union_all(*(_counted(point, limit) for point, limit in limits))


def _counted(point: str, limit: int) -> sa.Select[str, int]:
    journey, _, state = point.partition(".")
    some = (
        sa.select(sa.literal(1))
        .where(c.journey == journey, c.state == state, c.group.in_(COUNTED_GROUPS))
        .limit(limit)
        .subquery()
    )
    return sa.select(sa.literal(point).label("point"), sa.func.count().label("n")).select_from(some)
