"""Answers: which products a message showed, so that they are not shown again at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016_answers"
down_revision = "0015_out"
branch_labels = None
depends_on = None

Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "shown",
        sa.Column("key", sa.String(80), primary_key=True),
        sa.Column("contact_id", sa.String(200), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("skus", Json, nullable=False),
    )
    op.create_index("shown_to_contact", "shown", ["contact_id", "at"])


def downgrade() -> None:
    op.drop_table("shown")
