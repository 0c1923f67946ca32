"""Segments: who stands in which, until when, and every entering and leaving."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011_segments"
down_revision = "0010_profiles"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Nobody stands anywhere until the first tick has filled the segments."""
    op.create_table(
        "standings",
        sa.Column("contact_id", sa.String(200), primary_key=True),
        sa.Column("block", sa.Integer, primary_key=True),
        sa.Column("bits", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "segment_numbers",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False, unique=True),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("filled_at", sa.BigInteger),
    )
    op.create_table(
        "segment_moves",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("contact_id", sa.String(200), nullable=False),
        sa.Column("segment", sa.String(64), nullable=False),
        sa.Column("entered", sa.Boolean, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("why", sa.String(80), nullable=False),
    )
    op.create_index("segment_moves_of_contact", "segment_moves", ["contact_id", "at"])
    op.create_index("segment_moves_of_segment", "segment_moves", ["segment", "at"])
    op.create_table(
        "segment_fills",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("segment", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("why", sa.String(64), nullable=False),
        sa.Column("members", sa.Integer, nullable=False),
        sa.Column("entered", sa.Integer, nullable=False),
        sa.Column("left", sa.Integer, nullable=False),
    )
    op.create_index("segment_fills_of_segment", "segment_fills", ["segment", "at"])


def downgrade() -> None:
    for table in ("segment_fills", "segment_moves", "segment_numbers", "standings"):
        op.drop_table(table)
