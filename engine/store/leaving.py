"""People who leave, and addresses that die: what is written when a message is answered with no.

Rules
- An unsubscription withdraws the topic of its message (or every topic), a complaint every topic, for ever.
- A complaint and a hard bounce put the address on the suppression list in the same transaction.
- Each is one event of the contact, however often it is said again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from engine.store.answering import Sent
from engine.store.consenting import ConsentChange, Digest, Suppression, change_consents, suppress
from engine.store.intake import NewEvent, record
from engine.store.sets import one_of
from engine.store.tables import deliveries

UNSUBSCRIBED, COMPLAINED, BOUNCED = "unsubscribed", "complained", "bounced"


@dataclass(frozen=True, slots=True)
class No:
    """An answer that means no: `what` is unsubscribed, complained or bounced; `topic` "" = every topic."""

    message: Sent
    what: str
    at: datetime
    topic: str = ""
    source: str = "link"


def take_no(
    conn: sa.Connection, answers: Sequence[No], digest: Digest, now: datetime, skip_after: timedelta | None = None
) -> None:
    """Withdraw consents, suppress addresses and record the events."""
    withdrawn = [
        ConsentChange(no.message.contact_id, no.topic, "", granted=False, source=f"{no.source} {no.message.key}")
        for no in answers
        if no.what != BOUNCED
    ]
    if withdrawn:
        change_consents(conn, withdrawn, now)
    reasons = {
        no.message.key: "complaint" if no.what == COMPLAINED else "hard" for no in answers if no.what != UNSUBSCRIBED
    }
    if reasons:
        suppress(conn, _suppressions(conn, reasons), digest, now)
    record(conn, [event_of(no) for no in answers], now, skip_after)


def _suppressions(conn: sa.Connection, reasons: dict[str, str]) -> list[Suppression]:
    d = deliveries.c
    rows = conn.execute(sa.select(d.key, d.channel, d.address).where(one_of(d.key, reasons)).order_by(d.key))
    return [Suppression(channel, address, reasons[key]) for key, channel, address in rows if address]


def event_of(no: No) -> NewEvent:
    """Return the event that says it; a mail client may ask again, and it is still one event."""
    message = no.message
    data: dict[str, Any] = {"key": message.key, "message": message.message, "journey": message.journey}
    data["state"] = message.state
    if no.what == UNSUBSCRIBED:
        data["topic"] = no.topic
    if no.what == BOUNCED:
        data["class"] = "hard"
    id_ = f"{no.what}:{message.key}" + (f":{no.topic}" if no.what == UNSUBSCRIBED else "")
    return NewEvent(id_, message.contact_id, no.what, no.at, data, no.source)
