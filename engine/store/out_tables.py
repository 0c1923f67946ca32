"""What is handed to others: audiences, and word of who entered a segment. Part of the one metadata in tables.py.

Rules
- `shared` says what a receiver has been told about whom. A row outlives its person under a random name until the
  receiver was told to let go of them: who forgets must make others forget, too (GDPR, article 19).
- `notices` is an outbox: a row is there from before the call until the move is so old that nobody reads it again.
"""

from __future__ import annotations

import sqlalchemy as sa

from engine.store.columns import Instant, Word
from engine.store.sealed import SealedJson
from engine.store.tables import metadata

shared = sa.Table(
    "shared", metadata,
    sa.Column("audience", Word, primary_key=True),
    sa.Column("contact_id", sa.String(200), primary_key=True),
    sa.Column("state", Word, nullable=False),  # adding, told, removing: the receiver may know of all three
    sa.Column("hashes", SealedJson("hashes"), nullable=False),  # {"email": [sha256], "phone": [sha256]}
    sa.Column("gone", SealedJson("gone hashes"), nullable=False),  # what it was told before and must let go of
    sa.Column("at", Instant, nullable=False),
)  # fmt: skip
sa.Index("shared_of_contact", shared.c.contact_id)
UNHEARD = sa.text("state <> 'told'")
sa.Index(  # few: what a receiver has not heard yet
    "shared_waiting", shared.c.audience, shared.c.state, shared.c.contact_id,
    sqlite_where=UNHEARD, postgresql_where=UNHEARD,
)  # fmt: skip

pushes = sa.Table(
    "pushes", metadata,  # how often an audience was handed over; nothing in it is about a person
    sa.Column("audience", Word, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("at", Instant, nullable=False),
)  # fmt: skip

notices = sa.Table(
    "notices", metadata,
    sa.Column("hook", Word, primary_key=True),
    sa.Column("move_id", sa.BigInteger, primary_key=True),
    sa.Column("contact_id", sa.String(200), nullable=False),
    sa.Column("segment", Word, nullable=False),
    sa.Column("entered", sa.Boolean, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("why", sa.String(80), nullable=False),
    sa.Column("state", Word, nullable=False),  # waiting, sent, failed
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("next_at", Instant, nullable=False),
    sa.Column("queued_at", Instant, nullable=False),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
)  # fmt: skip
sa.Index("notices_of_contact", notices.c.contact_id)
sa.Index("notices_due", notices.c.state, notices.c.next_at)

notice_floors = sa.Table(
    "notice_floors", metadata,  # by webhook: moves up to `low` are done with
    sa.Column("hook", Word, primary_key=True),
    sa.Column("low", sa.BigInteger, nullable=False),
    sa.Column("seen", sa.BigInteger, nullable=False),  # the newest move at `at`: in a while it is the next `low`
    sa.Column("at", Instant, nullable=False),
)  # fmt: skip
