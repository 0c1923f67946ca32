"""What an operator must know of a store. Part of the one metadata in tables.py."""

from __future__ import annotations

import sqlalchemy as sa

from engine.store.tables import Instant, Key, deliveries, enrollments, metadata

accepted = sa.Table(
    "accepted", metadata,  # sent from here after the copy was made that this store was restored from
    sa.Column("key", Key, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sqlite_with_rowid=False,
)  # fmt: skip

ledgers = sa.Table(
    "ledgers", metadata,  # one row: which ledger this is; a copy of a store has the name of what it is a copy of
    sa.Column("name", Key, primary_key=True),
    sqlite_with_rowid=False,
)  # fmt: skip

DOUBT = sa.text("status = 'unknown'")
PARKED = sa.text("status = 'parked'")
sa.Index("deliveries_in_doubt", deliveries.c.sent_at, sqlite_where=DOUBT, postgresql_where=DOUBT)
sa.Index("enrollments_parked", enrollments.c.contact_id, sqlite_where=PARKED, postgresql_where=PARKED)
