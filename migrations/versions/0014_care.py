"""Care: what was sent after the copy that a store was restored from, and quick ways to what needs a person."""

from __future__ import annotations

from secrets import token_hex

import sqlalchemy as sa
from alembic import op

revision = "0014_care"
down_revision = "0013_campaigns"
branch_labels = None
depends_on = None

DOUBT = sa.text("status = 'unknown'")
PARKED = sa.text("status = 'parked'")


def upgrade() -> None:
    op.drop_index("addresses_by_address", "addresses")
    op.create_index("addresses_by_address", "addresses", ["address", "channel"])
    op.create_table(
        "accepted",
        sa.Column("key", sa.String(80), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    ledgers = op.create_table("ledgers", sa.Column("name", sa.String(80), primary_key=True), sqlite_with_rowid=False)
    op.bulk_insert(ledgers, [{"name": token_hex(8)}])
    op.create_index("deliveries_in_doubt", "deliveries", ["sent_at"], sqlite_where=DOUBT, postgresql_where=DOUBT)
    op.create_index("enrollments_parked", "enrollments", ["contact_id"], sqlite_where=PARKED, postgresql_where=PARKED)


def downgrade() -> None:
    op.drop_index("addresses_by_address", "addresses")
    op.create_index("addresses_by_address", "addresses", ["channel", "address"])
    op.drop_index("enrollments_parked", "enrollments")
    op.drop_index("deliveries_in_doubt", "deliveries")
    op.drop_table("ledgers")
    op.drop_table("accepted")
