"""Campaigns: audiences, why each person is in one, and the plan over weeks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013_campaigns"
down_revision = "0012_value"
branch_labels = None
depends_on = None

Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "campaign_runs",
        sa.Column("id", sa.String(80), primary_key=True),
        sa.Column("campaign", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("journey", sa.String(64), nullable=False),
        sa.Column("arrays", sa.String(80), nullable=False),
        sa.Column("weights", sa.String(80), nullable=False),
        sa.Column("seed", sa.Integer, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("forecast", sa.Float, nullable=False),
        sa.Column("low", sa.Float, nullable=False),
        sa.Column("high", sa.Float, nullable=False),
        sa.Column("about", Json, nullable=False),
    )
    op.create_index("campaign_runs_of", "campaign_runs", ["campaign", "at"])
    op.create_table(
        "audiences",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("run", sa.String(80), nullable=False),
        sa.Column("contact_id", sa.String(200), nullable=False),
        sa.Column("p", sa.Float, nullable=False),
        sa.Column("group", sa.String(64), nullable=False),
        sa.Column("held", sa.Boolean, nullable=False),
        sa.Column("rfm", sa.Float, nullable=False),
        sa.Column("reasons", Json, nullable=False),
    )
    op.create_index("audiences_of_run", "audiences", ["run"])
    op.create_index("audiences_of_contact", "audiences", ["contact_id"])
    op.create_table(
        "reservations",
        sa.Column("campaign", sa.String(64), primary_key=True),
        sa.Column("contact_id", sa.String(200), primary_key=True),
        sa.Column("week", sa.String(10), nullable=False),
        sa.Column("p", sa.Float, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("reservations_of_contact", "reservations", ["contact_id"])


def downgrade() -> None:
    op.drop_table("reservations")
    op.drop_table("audiences")
    op.drop_table("campaign_runs")
