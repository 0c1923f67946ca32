"""What several processes agree on. Part of the one metadata in tables.py."""

from __future__ import annotations

import sqlalchemy as sa

from engine.store.columns import Instant, Key, Word
from engine.store.tables import metadata

chores = sa.Table(
    "chores", metadata,  # one row for each thing that is done from time to time, once for all processes
    sa.Column("name", Word, primary_key=True),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("owner", Key),  # who does it now; names one turn and is never used twice
    sa.Column("lease_until", Instant),  # by the clock of whoever judges leases, see leases.py
    sa.Column("done_at", Instant),  # the last time that it came to an end
    sa.Column("failed", sa.Text),  # what it failed with, the last time
)  # fmt: skip
