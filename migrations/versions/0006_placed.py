"""Placed: how a run stands that a deploy or a resume took elsewhere, so that its walks can be taken again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006_placed"
down_revision = "0005_replay"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """What was done before is not known: replay says of which runs."""
    op.create_table(
        "placed",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("run", sa.String(80), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("steps", sa.Integer, nullable=False),
        sa.Column("state", sa.String(130), nullable=False),
        sa.Column("status", sa.String(64), nullable=False),
        sa.Column("phase", sa.String(64), nullable=False),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("held_since", sa.BigInteger),
        sa.Column("drawn", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("left_at", sa.BigInteger),
    )
    op.create_index("placed_of_run", "placed", ["run"])


def downgrade() -> None:
    op.drop_table("placed")
