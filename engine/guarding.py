"""The automatic brake: a journey whose mail is complained of, or bounces, is paused and people are told.

Rules
- Complaints of 0.3 % or hard bounces of 5 % of at least 500 messages within a week: what mailbox providers and relays
  put up with (Google and Yahoo: complaints under 0.3 %; Amazon SES: bounces under 5 %).
- It is an ordinary pause, with its reason, in the audit; `sojourn resume` ends it, and counting begins anew there.
- Transactional messages are neither counted nor a reason: a receipt has to go out.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa

from engine.store import deploying, guarding, pausing
from engine.store.connect import alone, reading, writing
from engine.store.guarding import Harm
from engine.store.pausing import Place

LOG = logging.getLogger("sojourn.mail")
WEEK = timedelta(days=7)
ENOUGH = 500
COMPLAINTS, BOUNCES = 0.003, 0.05
LEAST = {"complained": 2, "bounced": 25}  # of ENOUGH; fewer are never too many


def reason(harm: Harm) -> str | None:
    """Return why a journey must stop, None when it may go on."""
    if harm.sent < ENOUGH:
        return None
    for what, count, most in (("complaints", harm.complaints, COMPLAINTS), ("hard bounces", harm.bounces, BOUNCES)):
        if count >= most * harm.sent:
            return f"{count:,} {what} of {harm.sent:,} messages ({count / harm.sent:.2%}, at most {most:.1%})"
    return None


def guard(store: sa.Engine, journeys: Collection[str], now: datetime) -> list[str]:
    """Pause the journeys that do too much harm; return what was paused and why."""
    with reading(store) as conn:
        found = {harm.journey: why for harm in guarding.harms(conn, now - WEEK, LEAST) if (why := reason(harm))}
        paused = {one.place.journey for one in pausing.pauses_there(conn) if not one.place.state} if found else set()
    found = {name: why for name, why in found.items() if name in journeys and not paused & {name, ""}}
    for name, why in found.items():  # few: a journey is paused once
        _pause(store, name, f"paused by itself: {why}", now)
        LOG.error("ALERT the journey %s is paused: %s; look into it, then: sojourn resume %s", name, why, name)
    return [f"{name} is paused: {why}" for name, why in found.items()]


def _pause(store: sa.Engine, journey: str, why: str, now: datetime) -> None:
    with writing(store) as conn:
        alone(conn)
        place = Place(journey)
        runs, held = pausing.pause(conn, place, why, now)
        told = {"place": str(place), "reason": why, "contacts": runs, "messages_held": held}
        deploying.note(conn, "paused", told, now)
