"""Caps held against the ledger: how often each window was used, whatever the gate thought."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from engine.core.calendar import unit_start
from engine.store.connect import reading
from engine.store.tables import deliveries
from journeys.journey import CapRule


def overruns(store: sa.Engine, caps: Sequence[CapRule]) -> Iterator[str]:
    """Yield each window of a cap that was used too often; people live in UTC here, and doubt counts as sent."""
    d = deliveries.c
    with reading(store) as conn:
        rows = conn.execute(
            sa.select(d.contact_id, d.channel, d.topic, d.queued_at).where(d.status != "shadow").order_by(d.queued_at)
        ).all()
    sent: dict[str, list[tuple[str, str, datetime]]] = defaultdict(list)
    for row in rows:
        sent[row.contact_id].append((row.channel, row.topic, row.queued_at))
    for contact, mine in sent.items():
        for cap in caps:
            times = [at for channel, topic, at in mine if cap.name in ("", channel, topic)]
            yield from _over(contact, cap, times)


def _over(contact: str, cap: CapRule, times: list[datetime]) -> Iterator[str]:
    for at in times:
        start, end = unit_start(cap.per, at, ZoneInfo("UTC")) if isinstance(cap.per, str) else (at, at + cap.per)
        used = sum(start <= other < end for other in times)
        if used > cap.limit:
            yield f"{contact}: {cap} was used {used} times from {start}"
