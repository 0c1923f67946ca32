"""Who stands in which segment, until when, and the moves. Part of the one metadata in tables.py.

Rules
- A segment's number is its place among the bits: block number // WIDTH, bit number % WIDTH; no other ever gets it.
- Whoever was looked at has a row of block 0, be they in no segment at all; `due_at` stands in that row alone.
- `segment_moves` is what happened, one row each; a fill moves so many at once that `segment_fills` keeps their counts.
"""

from __future__ import annotations

import sqlalchemy as sa

from engine.store.columns import Instant, Word
from engine.store.tables import metadata

WIDTH = 62
"""Segments to a block: a BIGINT of either database holds them, and none touches the sign."""

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")

standings = sa.Table(
    "standings", metadata,
    sa.Column("contact_id", sa.String(200), primary_key=True),
    sa.Column("block", sa.Integer, primary_key=True),
    sa.Column("bits", sa.BigInteger, nullable=False),
    sa.Column("due_at", Instant),  # when time alone may change one of them; None: only the person can
    sqlite_with_rowid=False,
)  # fmt: skip

segment_numbers = sa.Table(
    "segment_numbers", metadata,
    sa.Column("name", Word, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False, unique=True),
    sa.Column("version", Word, nullable=False),  # hash of what it asks for; "" = data.yaml has it no more
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("filled_at", Instant),
)  # fmt: skip

segment_moves = sa.Table(
    "segment_moves", metadata,
    sa.Column("id", _Id, primary_key=True, autoincrement=True),
    sa.Column("contact_id", sa.String(200), nullable=False),
    sa.Column("segment", Word, nullable=False),
    sa.Column("entered", sa.Boolean, nullable=False),  # False: left
    sa.Column("at", Instant, nullable=False),
    sa.Column("why", sa.String(80), nullable=False),  # an event's name, "time", "profile" or "new"
)  # fmt: skip
sa.Index("segment_moves_of_contact", segment_moves.c.contact_id, segment_moves.c.at)
sa.Index("segment_moves_of_segment", segment_moves.c.segment, segment_moves.c.at)

segment_fills = sa.Table(
    "segment_fills", metadata,  # a new or edited segment, or new values of everybody: who is in it is counted anew
    sa.Column("id", _Id, primary_key=True, autoincrement=True),
    sa.Column("segment", Word, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("why", Word, nullable=False),  # new, edited, values
    sa.Column("members", sa.Integer, nullable=False),
    sa.Column("entered", sa.Integer, nullable=False),
    sa.Column("left", sa.Integer, nullable=False),
)  # fmt: skip
sa.Index("segment_fills_of_segment", segment_fills.c.segment, segment_fills.c.at)
