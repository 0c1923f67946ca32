"""What the challenger would have drawn from: logged beside the decisions that the incumbent made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.store.sets import insert_missing
from engine.store.tables import decisions, shadows

s = shadows.c
c = decisions.c


@dataclass(frozen=True, slots=True)
class Shadow:
    """The challenger's chances over `decisions.arms`, in their order; `serving` the incumbent's where the decision
    was not drawn from its own (the random slice).
    """

    key: str
    policy: str
    chances: tuple[float, ...]
    serving: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """A closed decision with both vectors over `arms`, the one drawn from, and what it earned."""

    key: str
    contact_id: str
    at: datetime
    features: str
    arms: tuple[str, ...]
    chances: tuple[float, ...]
    arm: str
    serving: tuple[float, ...]
    shadow: tuple[float, ...]
    reward: float


def write(conn: sa.Connection, rows: Sequence[Shadow]) -> None:
    """Log what the challenger would have done."""
    values = [{"key": r.key, "policy": r.policy, "chances": r.chances, "serving": r.serving} for r in rows]
    insert_missing(conn, shadows, values)


def compared(conn: sa.Connection, point: str, kinds: tuple[str, str], since: datetime | None = None) -> list[Compared]:
    """Return the closed decisions of a point at which `kinds` (incumbent, challenger) stood beside each other.

    They are those that the incumbent drew, and those of the random slice for which both vectors are known.
    """
    journey, _, state = point.partition(".")
    incumbent, challenger = kinds
    own = c.policy.startswith(f"{incumbent}@", autoescape=True)
    query = (
        sa.select(decisions, s.chances.label("shadow"), s.serving.label("serving"))
        .join_from(decisions, shadows, s.key == c.key)
        .where(c.journey == journey, c.state == state, c.status == "closed", c.reward.is_not(None))
        .where(s.policy.startswith(f"{challenger}@", autoescape=True), c.group.in_(("learner", "random")))
        .where(sa.or_(own, s.serving.is_not(None)), *([c.at >= since] if since is not None else []))
        .order_by(c.at, c.key)
    )
    return [_compared(row) for row in conn.execute(query)]


def _compared(row: sa.Row[Any]) -> Compared:
    serving = tuple(row.serving) if row.serving is not None else tuple(row.chances)
    return Compared(
        row.key, row.contact_id, row.at, row.features, tuple(row.arms), tuple(row.chances), row.arm, serving,
        tuple(row.shadow), row.reward,
    )  # fmt: skip
