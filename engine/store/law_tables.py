"""Proof of consent, the keys that values are sealed with, who was erased. Part of the one metadata in tables.py."""

from __future__ import annotations

import sqlalchemy as sa

from engine.store.columns import Instant, Key, Word
from engine.store.sealed import Sealed
from engine.store.tables import metadata

confirmations = sa.Table(
    "confirmations", metadata,  # a wish that waits for its confirmation; its mail has the key "confirm:<id>"
    sa.Column("id", Key, primary_key=True),
    sa.Column("contact_id", sa.String(200), nullable=False),
    sa.Column("topic", Word, nullable=False),
    sa.Column("source", sa.String(200), nullable=False),
    sa.Column("text", Key),  # sha256 of the words that were agreed to
    sa.Column("ip", Sealed("ip")),
    sa.Column("asked_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("confirmed_at", Instant),
)  # fmt: skip
sa.Index("confirmations_of_contact", confirmations.c.contact_id, confirmations.c.topic)

opens = sa.Table(
    "opens", metadata,  # the day on which somebody last opened a message, overwritten each time; no history
    sa.Column("contact_id", sa.String(200), primary_key=True),
    sa.Column("day", Instant, nullable=False),  # its midnight, UTC
)  # fmt: skip

tombstones = sa.Table(
    "tombstones", metadata,  # who asked to be forgotten: keyed hashes, so that no import brings them back
    sa.Column("digest", Key, primary_key=True),  # of the id, or of an address
    sa.Column("at", Instant, nullable=False),
)  # fmt: skip

seals = sa.Table(
    "seals", metadata,  # which keys this store was ever sealed with: without them it is not opened
    sa.Column("key", Word, primary_key=True),  # the key's id, never the key
    sa.Column("at", Instant, nullable=False),
    sa.Column("retired_at", Instant),  # when nothing was sealed with it any more
)  # fmt: skip
