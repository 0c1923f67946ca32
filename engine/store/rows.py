"""What the read-only side gives out: rows as frozen values. Instants (`_at`, `until`) are aware UTC."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from engine.core.model import Decision
from engine.store.tables import decisions

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EventRow:
    """What happened, and when we heard of it."""

    id: str
    contact_id: str
    name: str
    at: datetime
    received_at: datetime
    data: Mapping[str, Any]
    source: str


@dataclass(frozen=True, slots=True)
class RunRow:
    """A contact in a journey (one enrollment)."""

    id: str
    contact_id: str
    journey: str
    version: str
    state: str
    group: str
    status: str
    phase: str
    entered_at: datetime
    state_at: datetime
    due_at: datetime | None
    held_since: datetime | None
    left_at: datetime | None
    goal_at: datetime | None
    reason: str | None
    trigger: str
    steps: int
    entry: Mapping[str, Any]
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MoveRow:
    """One transition of a run; `n` is the number of the state visit it leads to."""

    enrollment_id: str
    n: int
    source: str
    target: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RefusalRow:
    """A message that the gate refused, or held until `until`."""

    key: str
    contact_id: str
    journey: str
    state: str
    message: str
    rule: str
    detail: str
    at: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A message and how it stands. `attempt` counts tries that failed; `ended_at` is when it took its end state."""

    key: str
    contact_id: str
    journey: str
    state: str
    message: str
    channel: str
    topic: str
    transactional: bool
    decided: bool
    request: Mapping[str, Any]
    status: str
    kind: str
    detail: str
    queued_at: datetime
    due_at: datetime
    next_at: datetime | None
    expires_at: datetime | None
    attempt: int
    sent_at: datetime | None
    ended_at: datetime | None
    address: str | None
    provider_id: str | None
    template: str | None

    @property
    def at(self) -> datetime:
        """Return when it was handed over, else when it ended, else when it was queued."""
        return self.sent_at or self.ended_at or self.queued_at


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A decision and what it has earned. `reward` is known so far, in the unit of the journey's score; None: nothing
    is known, or the decision is void. `learned` is what the learner was last told.
    """

    decision: Decision
    contact_id: str
    journey: str
    state: str
    version: str
    starts_at: datetime
    closes_at: datetime
    status: str
    reward: float | None
    learned: float | None

    @property
    def at(self) -> datetime:
        return self.decision.at


def columns(kind: type[Any], table: sa.Table) -> list[sa.ColumnElement[Any]]:
    """Return the columns of `table` that `kind` is made of, in its order."""
    return [table.c[field.name] for field in fields(kind)]


def read(conn: sa.Connection, kind: type[T], table: sa.Table, *where: sa.ColumnElement[bool]) -> list[T]:
    """Return the rows of `table` that meet `where`, as values of `kind`."""
    return [kind(*row) for row in conn.execute(sa.select(*columns(kind, table)).where(*where))]


def read_decisions(conn: sa.Connection, *where: sa.ColumnElement[bool]) -> list[DecisionRow]:
    """Return the decisions that meet `where`, oldest first."""
    c = decisions.c
    return [decision_row(row) for row in conn.execute(sa.select(decisions).where(*where).order_by(c.at, c.key))]


def decision_row(row: sa.Row[Any]) -> DecisionRow:
    return DecisionRow(
        decision(row), row.contact_id, row.journey, row.state, row.version, row.starts_at, row.closes_at, row.status,
        row.reward, row.learned,
    )  # fmt: skip


def decision(row: sa.Row[Any]) -> Decision:
    """Return a row of `decisions` in the core's words."""
    return Decision(
        row.key, f"{row.journey}.{row.state}", row.at, row.group, tuple(row.arms), tuple(row.chances), row.arm,
        row.propensity, row.u, row.policy, row.features, row.closes_at - row.starts_at, row.cost,
    )  # fmt: skip


def run_of(key: str) -> str:
    """Return the id of the enrollment whose state visit a send key names."""
    return key.rpartition(":")[0]


def counted(rows: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return counts by name, largest first."""
    return dict(sorted(((name, n) for name, n in rows), key=lambda pair: (-pair[1], pair[0])))
