"""Value: interests, lifetime value and scores of people, and the products they buy."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012_value"
down_revision = "0011_segments"
branch_labels = None
depends_on = None

Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "products",
        sa.Column("sku", sa.String(200), primary_key=True),
        sa.Column("attributes", Json, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "traits",
        sa.Column("contact_id", sa.String(200), primary_key=True),
        sa.Column("value", Json, nullable=False, server_default="{}"),
        sa.Column("interests", Json, nullable=False, server_default="{}"),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "fits",
        sa.Column("name", sa.String(80), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("content", Json, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("fits")
    op.drop_table("traits")
    op.drop_table("products")
