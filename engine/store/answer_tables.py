"""What people were shown, so that it is not shown again at once. Part of the one metadata in tables.py."""

from __future__ import annotations

import sqlalchemy as sa

from engine.store.columns import Instant, Json
from engine.store.tables import deliveries, metadata

shown = sa.Table(
    "shown", metadata,  # which products a message recommended
    sa.Column("key", deliveries.c.key.type, primary_key=True),  # of its delivery
    sa.Column("contact_id", sa.String(200), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("skus", Json, nullable=False),  # what was asked -> skus, the best first
)  # fmt: skip
sa.Index("shown_to_contact", shown.c.contact_id, shown.c.at)
