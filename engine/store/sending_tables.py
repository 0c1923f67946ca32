"""What relays, domains and mailboxes said, and how fast they may be written to. Part of the one metadata in tables.py.

None of these names a person: addresses are keyed hashes (as in `suppressions`), reports name a send key.
"""

from __future__ import annotations

import sqlalchemy as sa

from engine.store.columns import Instant, Key, Word
from engine.store.tables import metadata

paces = sa.Table(
    "paces", metadata,  # buckets, for all workers and over restarts; a name is "email" or "email google"
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("free_at", Instant, nullable=False),  # when the next message fits in; before now: the bucket fills up
)  # fmt: skip

ramps = sa.Table(
    "ramps", metadata,  # the warm-up of a sender that nobody knows yet
    sa.Column("channel", Word, primary_key=True),
    sa.Column("level", sa.Integer, nullable=False),  # how often the allowance has doubled
    sa.Column("since", Instant, nullable=False),  # the beginning of the window that `spent` counts
    sa.Column("spent", sa.Integer, nullable=False),
)  # fmt: skip

breakers = sa.Table(
    "breakers", metadata,  # providers that refuse us, not a person; nothing goes there before `until`, then one message
    sa.Column("channel", Word, primary_key=True),
    sa.Column("provider", sa.String(255), primary_key=True),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("until", Instant, nullable=False),
    sa.Column("streak", sa.Integer, nullable=False),  # how often in a row: each time the wait is longer
    sa.Column("why", sa.Text, nullable=False),
)  # fmt: skip

soft_bounces = sa.Table(
    "soft_bounces", metadata,  # mailboxes that were full or away, one message after the other
    sa.Column("digest", Key, primary_key=True),
    sa.Column("channel", Word, primary_key=True),
    sa.Column("bounces", sa.Integer, nullable=False),
    sa.Column("first_at", Instant, nullable=False),
    sa.Column("last_at", Instant, nullable=False),
    sa.Column("until", Instant),  # the address is left alone until then
)  # fmt: skip

mail_reports = sa.Table(
    "mail_reports", metadata,  # bounces and complaints that came by mail: one of a kind for each message
    sa.Column("key", Key, primary_key=True),
    sa.Column("what", Word, primary_key=True),  # failed, delayed, delivered, complained, unsubscribed
    sa.Column("kind", Word, nullable=False),  # hard, soft, policy
    sa.Column("status", sa.String(16), nullable=False),  # 5.1.1
    sa.Column("at", Instant, nullable=False),
    sqlite_with_rowid=False,
)  # fmt: skip

mail_counts = sa.Table(
    "mail_counts", metadata,  # what came by mail, by day: also what was nobody's report
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("what", Word, primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
)  # fmt: skip
