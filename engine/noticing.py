"""Webhooks on segments, and audiences that are handed over by themselves: what `serve` tells others.

Rules
- At least once: a call is made again under the same key until it is answered with 2xx, for three days. The key is
  `segment:contact:move`, the contact written as in a URL; a receiver that keeps keys hears of every move once.
- Calls of one person may arrive in another order than the moves when one had to be made again: `move` grows.
- 4xx answers but 401, 403, 404, 408, 410, 425 and 429 are for good: the receiver does not want this one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import sqlalchemy as sa

from channels.channel import Channel, Envelope, Receipt
from engine import sharing
from engine.errors import EngineError
from engine.store import membership, noticing
from engine.store import sharing as handed
from engine.store.connect import reading, writing
from engine.store.delivering import WEBHOOK
from engine.store.noticing import FAILED, SENT, WAITING, Outcome

if TYPE_CHECKING:
    from engine.engine import Engine

EVERY = timedelta(seconds=5)
PUSH_EVERY = timedelta(minutes=1)
PATIENCE = timedelta(days=3)
FIRST, LONGEST = timedelta(seconds=30), timedelta(hours=2)
MOST = 5000
"""Calls of one turn: a receiver that was away is not kept from others for long."""

Hooks = Mapping[str, Mapping[str, Any]]


def listening(hooks: Hooks) -> dict[str, list[str]]:
    """Return webhook -> the segments that it wants to hear of."""
    return {name: [str(one) for one in hook["on"]] for name, hook in hooks.items() if hook.get("on")}


def announce(engine: Engine) -> str | None:
    """Tell webhooks who entered and left their segments."""
    hooks, door = engine.project.webhooks, engine.post.channels.get(WEBHOOK)
    wanted = listening(hooks)
    if not wanted or door is None:
        return None
    told = tell(engine.store, (hooks, door), engine.clock.now)
    return f"{told[SENT]:,} calls on segments" + (f", {told[FAILED]:,} not taken" if told[FAILED] else "") \
        if sum(told.values()) else None  # fmt: skip


def tell(store: sa.Engine, to: tuple[Hooks, Channel], clock: Callable[[], datetime]) -> dict[str, int]:
    """Make the calls that are due; return how many came to which state."""
    hooks, door = to
    told = {SENT: 0, WAITING: 0, FAILED: 0}
    with writing(store) as conn:
        noticing.gather(conn, listening(hooks), clock())
    while sum(told.values()) < MOST:
        with writing(store) as conn:
            rows = noticing.take(conn, clock())
        if not rows:
            break
        outcomes = [_called(row, hooks, door, clock) for row in rows]
        with writing(store) as conn:
            noticing.settle(conn, outcomes)
        for one in outcomes:
            told[one.state] += 1
    return told


def _called(row: sa.Row[Any], hooks: Hooks, door: Channel, clock: Callable[[], datetime]) -> Outcome:
    hook = hooks.get(row.hook)
    if hook is None:
        return Outcome(row.hook, row.move_id, FAILED, row.next_at, "this webhook is in sojourn.yaml no more")
    headers = {str(name): str(value) for name, value in (hook.get("headers") or {}).items()}
    envelope = Envelope(key(row), str(hook["url"]), body(row), headers=headers)
    receipt = next(iter(door.send([envelope], frozenset)))
    now = clock()
    state = _state(receipt, now - row.queued_at)
    return Outcome(row.hook, row.move_id, state, _again(receipt, row.attempt, now), receipt.detail)


def key(row: Any) -> str:
    """Return the key of a move: a receiver that has seen it has heard of the move."""
    return f"{row.segment}:{quote(row.contact_id, safe='@')[:300]}:{row.move_id}"


def body(row: Any) -> bytes:
    """Return what a webhook is told: type, timestamp and data, as Standard Webhooks has them."""
    said = {"segment": row.segment, "contact": row.contact_id, "why": row.why, "move": row.move_id}
    at = row.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    kind = "segment.entered" if row.entered else "segment.left"
    return json.dumps({"type": kind, "timestamp": at, "data": said}).encode()


def _state(receipt: Receipt, age: timedelta) -> str:
    if receipt.status == "sent":
        return SENT
    final = receipt.status == "failed" and receipt.kind == "content"
    return FAILED if final or age > PATIENCE else WAITING


def _again(receipt: Receipt, attempt: int, now: datetime) -> datetime:
    if receipt.retry_at is not None:
        return min(receipt.retry_at, now + LONGEST)
    return now + min(FIRST * (1 << min(attempt, 20)), LONGEST)


def hand_over(engine: Engine) -> str | None:
    """Hand over the audiences whose `every` is over."""
    project, now = engine.project, engine.clock.now()
    timed = [one for one in project.audiences.values() if one.every is not None]
    if not timed:
        return None
    with reading(engine.store) as conn:
        last = handed.last_push(conn)
        filled = membership.numbers(conn)
        unheard = {one.name for one in timed if handed.waiting(conn, one.name, handed.FIRST, 1)}
    said: list[str] = []
    troubles: list[EngineError] = []
    for one in timed:
        early = one.name in last and one.every is not None and now < last[one.name] + one.every
        if (early and one.name not in unheard) or one.segment not in filled:
            continue
        try:
            done = sharing.push(engine.store, project, one, engine.post.channels.get(WEBHOOK), engine.clock.now)
        except EngineError as error:
            troubles.append(error)
        else:
            moved = done.added + done.changed + done.removed
            said += [f"{one.name}: {done.added + done.changed:,} told, {done.removed:,} let go"] if moved else []
    if troubles:
        raise troubles[0]
    return "; ".join(said) or None
