"""What somebody answers on our pages: their attributes, and the event that says so, in one transaction.

Rules
- A survey is answered once for each message: the id of its event says which, so a second answer finds the first.
- People are believed by source, as everybody is who says something about them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from engine.store.alarms import hold
from engine.store.answering import Sent
from engine.store.intake import NewEvent, once, record
from engine.store.profiles import Trust, Word, believe
from engine.store.tables import contacts, events
from journeys.survey import ANSWERED

SURVEY, PREFERENCES = "survey", "preferences"


def event_id(survey: str, key: str) -> str:
    """Return the id of the event that the answer to a survey by this message is."""
    return once(ANSWERED, f"{survey}:{key}", "")


def is_answered(conn: sa.Connection, survey: str, key: str) -> bool:
    """Return whether the survey by this message was answered."""
    return conn.execute(sa.select(events.c.id).where(events.c.id == event_id(survey, key))).first() is not None


def answer(
    conn: sa.Connection, sent: Sent, survey: tuple[str, Mapping[str, Any], Mapping[str, Any]], trust: Trust,
    times: tuple[datetime, timedelta | None],
) -> bool:  # fmt: skip
    """Take an answer in, `survey` being its name, attributes and properties; False: it was answered before."""
    name, attributes, properties = survey
    now, skip_after = times
    hold(conn, [sent.contact_id])
    about = {"survey": name, "key": sent.key, "message": sent.message, "journey": sent.journey, "state": sent.state,
             "channel": sent.message.partition("/")[0]}  # fmt: skip
    event = NewEvent(event_id(name, sent.key), sent.contact_id, ANSWERED, now, {**about, **properties}, SURVEY)
    done = record(conn, [event], now, skip_after)
    if done.duplicates:
        return False
    say(conn, sent.contact_id, (SURVEY, attributes), trust, now)
    return True


def say(
    conn: sa.Connection, contact_id: str, said: tuple[str, Mapping[str, Any]], trust: Trust, now: datetime
) -> set[str]:
    """Take in what a person says of themselves through a source; None takes a value back."""
    source, attributes = said
    hold(conn, [contact_id])
    return believe(conn, [Word(contact_id, name, source, value, now) for name, value in attributes.items()], trust, now)


def attributes_of(conn: sa.Connection, contact_id: str, names: Collection[str]) -> dict[str, Any]:
    """Return the values of these attributes of a contact, as far as there are any."""
    found = conn.execute(sa.select(contacts.c.attributes).where(contacts.c.id == contact_id)).scalar_one_or_none()
    return {name: value for name, value in (found or {}).items() if name in names and value is not None}
