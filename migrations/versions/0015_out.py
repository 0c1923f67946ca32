"""Out: audiences handed to others, and webhooks on segment moves."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015_out"
down_revision = "0014_care"
branch_labels = None
depends_on = None

Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "shared",
        sa.Column("audience", sa.String(64), primary_key=True),
        sa.Column("contact_id", sa.String(200), primary_key=True),
        sa.Column("state", sa.String(64), nullable=False),
        sa.Column("hashes", Json, nullable=False),
        sa.Column("gone", Json, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("shared_of_contact", "shared", ["contact_id"])
    unheard = sa.text("state <> 'told'")
    op.create_index(
        "shared_waiting", "shared", ["audience", "state", "contact_id"],
        sqlite_where=unheard, postgresql_where=unheard,
    )  # fmt: skip
    op.create_table(
        "pushes",
        sa.Column("audience", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "notices",
        sa.Column("hook", sa.String(64), primary_key=True),
        sa.Column("move_id", sa.BigInteger, primary_key=True),
        sa.Column("contact_id", sa.String(200), nullable=False),
        sa.Column("segment", sa.String(64), nullable=False),
        sa.Column("entered", sa.Boolean, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("why", sa.String(80), nullable=False),
        sa.Column("state", sa.String(64), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("queued_at", sa.BigInteger, nullable=False),
        sa.Column("detail", sa.Text, nullable=False, server_default=""),
    )
    op.create_index("notices_of_contact", "notices", ["contact_id"])
    op.create_index("notices_due", "notices", ["state", "next_at"])
    op.create_table(
        "notice_floors",
        sa.Column("hook", sa.String(64), primary_key=True),
        sa.Column("low", sa.BigInteger, nullable=False),
        sa.Column("seen", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("notice_floors")
    op.drop_table("notices")
    op.drop_table("pushes")
    op.drop_table("shared")
