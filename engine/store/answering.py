"""What a click or an unsubscribe needs to know of its message, and taking back a click that was none.

Rules
- Tokens name the send key, so a delivery is the way to its contact; nothing here is looked up by address.
- A click is taken back (renamed) only while no walk has seen it; after that it is history.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from engine.store.sets import one_of
from engine.store.tables import contacts, deliveries, events

CLICKED, MACHINE = "clicked", "machine_click"

d = deliveries.c


@dataclass(frozen=True, slots=True)
class Sent:
    """The message a token speaks of."""

    key: str
    contact_id: str
    message: str
    journey: str
    state: str
    topic: str
    status: str
    sent_at: datetime | None


def sent(conn: sa.Connection, key: str) -> Sent | None:
    """Return the message with this send key."""
    row = conn.execute(
        sa.select(d.key, d.contact_id, d.message, d.journey, d.state, d.topic, d.status, d.sent_at).where(d.key == key)
    ).one_or_none()
    return None if row is None else Sent(*row)


def subscriptions(conn: sa.Connection, contact_id: str) -> frozenset[str]:
    """Return the contact's consents, in the words of model.Contact.consents."""
    words = conn.execute(sa.select(contacts.c.consents).where(contacts.c.id == contact_id)).scalar_one_or_none()
    return frozenset((words or "").split())


def take_back(conn: sa.Connection, ids: Iterable[str]) -> int:
    """Rename clicks that a machine made, as far as nothing has acted on them; return how many."""
    e = events.c
    unseen = sa.and_(one_of(e.id, ids), e.name == CLICKED, e.fresh)
    return conn.execute(sa.update(events).where(unseen).values(name=MACHINE)).rowcount
