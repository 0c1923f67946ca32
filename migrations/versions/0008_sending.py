"""Sending: what relays, domains and mailboxes said, and how fast they may be written to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008_sending"
down_revision = "0007_cluster"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing was counted before: buckets begin full, ramps at their start."""
    op.create_table(
        "paces",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("free_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "ramps",
        sa.Column("channel", sa.String(64), primary_key=True),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("spent", sa.Integer, nullable=False),
    )
    op.create_table(
        "breakers",
        sa.Column("channel", sa.String(64), primary_key=True),
        sa.Column("provider", sa.String(255), primary_key=True),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("streak", sa.Integer, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
    )
    op.create_table(
        "soft_bounces",
        sa.Column("digest", sa.String(80), primary_key=True),
        sa.Column("channel", sa.String(64), primary_key=True),
        sa.Column("bounces", sa.Integer, nullable=False),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger),
    )
    op.create_table(
        "mail_reports",
        sa.Column("key", sa.String(80), primary_key=True),
        sa.Column("what", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "mail_counts",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("what", sa.String(64), primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    for table in ("mail_counts", "mail_reports", "soft_bounces", "breakers", "ramps", "paces"):
        op.drop_table(table)
