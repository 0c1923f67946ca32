"""What templates ask about real contacts, for a preview: read as for a message, and nothing is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from channels.templates import Library
from engine.content import Content
from engine.preview.readers import Reader
from engine.shelves import Shelves
from engine.store.connect import reading
from engine.store.delivering import Delivery
from engine.store.sets import one_of
from engine.store.tables import contacts
from engine.tokens import load_secrets
from journeys.project import Project


def told(store: sa.Engine, project: Project, message: str, readers: Sequence[Reader], now: datetime) -> list[Reader]:
    """Return these contacts with what the message's templates would be told about them now."""
    content = Content(project.data, Shelves(project, load_secrets(project.root, project.secret)))
    with reading(store) as conn:
        query = sa.select(contacts.c.id, contacts.c.consents).where(one_of(contacts.c.id, [one.who for one in readers]))
        words = {id_: frozenset(said.split()) for id_, said in conn.execute(query)}
    asked = [_delivery(one.who, message, words.get(one.who, frozenset()), now) for one in readers]
    found = {one.contact_id: one.content for one in content.told(store, asked, Library(project.messages), now)}
    return [replace(one, content=found.get(one.who, {})) for one in readers]


def _delivery(who: str, message: str, consents: frozenset[str], now: datetime) -> Delivery:
    channel = message.partition("/")[0]
    return Delivery(
        f"preview:{who}", who, "", "", message, channel, "", False, False, {}, 0, 0, now, now, None, consents=consents
    )
