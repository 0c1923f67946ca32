"""The outbox of webhooks on segments: which moves each of them is still to be told of.

Rules
- A webhook hears of the moves from the first time that it is looked after on; what was before is history.
- A move may be committed after one with a larger id: a webhook's floor is raised only to what was the newest move an
  hour ago, and above it every move is looked for.
- A row is taken for LEASE before the call and marked after it: who dies in between calls again, with the same key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from engine.store.out_tables import notice_floors, notices
from engine.store.segment_tables import segment_moves
from engine.store.sets import insert_missing, one_of, upsert

LEASE = timedelta(minutes=5)
SURE = timedelta(hours=1)
AT_ONCE = 200
WAITING, SENT, FAILED = "waiting", "sent", "failed"
_n, _f, _m = notices.c, notice_floors.c, segment_moves.c


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a call."""

    hook: str
    move_id: int
    state: str
    next_at: datetime
    detail: str


def gather(conn: sa.Connection, hooks: Mapping[str, Sequence[str]], now: datetime) -> None:
    """Write what is new to be told; `hooks`: webhook -> segments."""
    newest = int(conn.execute(sa.select(sa.func.coalesce(sa.func.max(_m.id), 0))).scalar_one())
    floors = {row.hook: row for row in conn.execute(sa.select(notice_floors).where(one_of(_f.hook, hooks)))}
    fresh = [{"hook": hook, "low": newest, "seen": newest, "at": now} for hook in hooks if hook not in floors]
    insert_missing(conn, notice_floors, fresh)
    for hook, floor in floors.items():
        _fill(conn, hook, (hooks[hook], floor.low), now)
        if now - floor.at >= SURE:
            over = (_n.hook == hook) & (_n.move_id <= floor.seen) & (_n.state == SENT)
            conn.execute(notices.delete().where(over))
            moved = notice_floors.update().where(_f.hook == hook)
            conn.execute(moved.values(low=floor.seen, seen=newest, at=now))


def _fill(conn: sa.Connection, hook: str, what: tuple[Sequence[str], int], now: datetime) -> None:
    segments, low = what
    there = sa.exists().where(_n.hook == hook, _n.move_id == _m.id)
    said: list[Any] = [sa.literal(hook), _m.id, _m.contact_id, _m.segment, _m.entered, _m.at, _m.why,
                       sa.literal(WAITING), sa.literal(0), sa.literal(now, _n.at.type),
                       sa.literal(now, _n.at.type)]  # fmt: skip
    new = sa.select(*said).where(_m.id > low, one_of(_m.segment, segments), ~there)
    names = ["hook", "move_id", "contact_id", "segment", "entered", "at", "why", "state", "attempt", "next_at",
             "queued_at"]  # fmt: skip
    conn.execute(upsert(conn.dialect.name, notices).from_select(names, new).on_conflict_do_nothing())


def take(conn: sa.Connection, now: datetime) -> Sequence[sa.Row[Any]]:
    """Take what is due, oldest move first; it is due again after LEASE."""
    asked = sa.select(notices).where(_n.state == WAITING, _n.next_at <= now).order_by(_n.move_id, _n.hook)
    rows = conn.execute(asked.limit(AT_ONCE).with_for_update(skip_locked=True)).all()
    if rows:
        mine = (_n.hook == sa.bindparam("of")) & (_n.move_id == sa.bindparam("move"))
        given = {"attempt": _n.attempt + 1, "next_at": sa.bindparam("then", type_=_n.next_at.type)}
        conn.execute(
            notices.update().where(mine).values(given),
            [{"of": row.hook, "move": row.move_id, "then": now + LEASE} for row in rows],
        )
    return rows


def settle(conn: sa.Connection, outcomes: Sequence[Outcome]) -> None:
    """Keep what became of calls; whoever was erased meanwhile has no row any more."""
    if outcomes:
        mine = (_n.hook == sa.bindparam("of")) & (_n.move_id == sa.bindparam("move"))
        said = {"state": sa.bindparam("now_is"), "next_at": sa.bindparam("then", type_=_n.next_at.type),
                "detail": sa.bindparam("says")}  # fmt: skip
        conn.execute(
            notices.update().where(mine).values(said),
            [{"of": one.hook, "move": one.move_id, "now_is": one.state, "then": one.next_at, "says": one.detail[:300]}
             for one in outcomes],
        )  # fmt: skip


def standing(conn: sa.Connection) -> dict[str, dict[str, int]]:
    """Return how many calls stand how, by webhook and state."""
    found: dict[str, dict[str, int]] = {}
    asked = sa.select(_n.hook, _n.state, sa.func.count()).group_by(_n.hook, _n.state)
    for hook, state, count in conn.execute(asked):
        found.setdefault(hook, {})[state] = int(count)
    return found
