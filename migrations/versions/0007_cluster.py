"""Cluster: whose turn a chore is, and on PostgreSQL the job queue of many machines."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations import jobs

revision = "0007_cluster"
down_revision = "0006_placed"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Chores are due from when the first process looks."""
    op.create_table(
        "chores",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.String(80)),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("done_at", sa.BigInteger),
        sa.Column("failed", sa.Text),
    )
    jobs.make(op.get_bind())


def downgrade() -> None:
    jobs.drop(op.get_bind())
    op.drop_table("chores")
