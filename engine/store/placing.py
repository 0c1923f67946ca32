"""What puts a run elsewhere and is no walk: a deploy that moves, takes back or retimes, a resume that sends late.

Rules
- How the run stands after it is a row of `placed`, in the same transaction: a walk can be taken again from there.
- What is decided and not handed over does not stay on its way: a decision whose message will not leave is void, and
  pending again when the deploy that gave it up is taken back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.store.sets import one_of
from engine.store.tables import decisions, enrollments, placed

e = enrollments.c
c = decisions.c

STANDS = ("steps", "state", "status", "phase", "due_at", "held_since", "drawn", "reason", "left_at")
_DRAWN_KEY = e.id + ":" + sa.cast(e.steps, sa.String)


def place(conn: sa.Connection, there: sa.ColumnElement[bool], away: Mapping[str, Any], now: datetime) -> int:
    """Let these runs stand otherwise, and note it; return how many."""
    _note(conn, there, away, now)
    return conn.execute(sa.update(enrollments).where(there).values(dict(away))).rowcount


def note_placed(conn: sa.Connection, runs: Collection[str], now: datetime) -> None:
    """Note how these runs stand, each of which was just put there."""
    if runs:
        _note(conn, one_of(e.id, runs), {}, now)


def _note(conn: sa.Connection, there: sa.ColumnElement[bool], away: Mapping[str, Any], now: datetime) -> None:
    stand = [sa.literal(away[name], e[name].type) if name in away else e[name] for name in STANDS]
    query = sa.select(e.id, sa.literal(now, e.due_at.type), *stand).where(there).order_by(e.id)
    conn.execute(placed.insert().from_select(["run", "at", *STANDS], query))


def give_up(conn: sa.Connection, there: sa.ColumnElement[bool]) -> None:
    """Void the decisions of these runs whose message waits for its hour: it will not leave."""
    keys = sa.select(_DRAWN_KEY).where(there, e.drawn != "")
    gone = sa.update(decisions).where(c.key.in_(keys), c.status == "pending")
    conn.execute(gone.values(status="void", touched=True))


def take_up(conn: sa.Connection, runs: Collection[str]) -> None:
    """Let the decisions of these runs be on their way again, where one waits for its hour once more."""
    if runs:
        keys = sa.select(_DRAWN_KEY).where(one_of(e.id, runs), e.drawn != "", e.group == "learner")
        again = sa.update(decisions).where(c.key.in_(keys), c.status == "void")
        conn.execute(again.values(status="pending", touched=False))
