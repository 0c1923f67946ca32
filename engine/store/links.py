"""Where a numbered link of a sent message leads: looked up by its key, never taken from a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from engine.store.sets import insert_missing
from engine.store.tables import deliveries, templates


@dataclass(frozen=True, slots=True)
class Link:
    """A destination, and the message that it stood in (what a `clicked` event says)."""

    url: str
    key: str
    contact_id: str
    journey: str
    state: str
    message: str
    channel: str
    status: str
    sent_at: datetime | None


def remember_template(
    conn: sa.Connection, version: str, message: str, links: Sequence[str | None], now: datetime
) -> None:
    """Keep the destinations of a template version, by number; None where they differ from person to person."""
    insert_missing(conn, templates, [{"version": version, "message": message, "links": list(links), "at": now}])


def link_target(conn: sa.Connection, key: str, number: int) -> Link | None:
    """Return where link `number` (from 0) of the message `key` leads: the person's own place, else the template's."""
    d, t = deliveries.c, templates.c
    row = conn.execute(
        sa.select(
            d.key, d.contact_id, d.journey, d.state, d.message, d.channel, d.status, d.sent_at,
            d.links.label("own"), t.links.label("common"),
        )
        .join_from(deliveries, templates, t.version == d.template, isouter=True)
        .where(d.key == key)
    ).one_or_none()  # fmt: skip
    url = None if row is None else (row.own or {}).get(str(number)) or _numbered(row.common, number)
    if row is None or not url:
        return None
    return Link(url, row.key, row.contact_id, row.journey, row.state, row.message, row.channel, row.status, row.sent_at)


def _numbered(links: Sequence[str | None] | None, number: int) -> str | None:
    return links[number] if links is not None and 0 <= number < len(links) else None
