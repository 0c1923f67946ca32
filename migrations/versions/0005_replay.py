"""Replay: what the log must know so that any walk can be taken again - its instant, and what a person was like."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005_replay"
down_revision = "0004_shadow"
branch_labels = None
depends_on = None

Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
ADDED = (("addresses", "suppressed_at"), ("events", "walked_at"), ("moves", "walked_at"))


def upgrade() -> None:
    """Rows that are there keep an unknown instant: their walks are told as far as the rest of the log goes."""
    for table, column in ADDED:
        op.add_column(table, sa.Column(column, sa.BigInteger))
    op.create_table(
        "waits",
        sa.Column("enrollment_id", sa.String(80), primary_key=True),
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("walked_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "changes",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("contact_id", sa.String(200), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("attributes", Json, nullable=False),
        sa.Column("addresses", Json, nullable=False),
    )
    op.create_index("changes_of_contact", "changes", ["contact_id"])


def downgrade() -> None:
    op.drop_table("changes")
    op.drop_table("waits")
    for table, column in reversed(ADDED):
        op.drop_column(table, column)
