"""Law: proof of consent, sealed personal values, the chained audit, what was erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009_law"
down_revision = "0008_sending"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Older consents have no proof, and older rows of the audit stand before its chain."""
    with op.batch_alter_table("consents") as table:
        table.add_column(sa.Column("state", sa.String(64), nullable=False, server_default=""))
        table.add_column(sa.Column("text", sa.String(80)))
        table.add_column(sa.Column("ip", sa.Text))
        table.add_column(sa.Column("proof", sa.String(200)))
    with op.batch_alter_table("audit") as table:
        table.add_column(sa.Column("who", sa.String(200), nullable=False, server_default=""))
        table.add_column(sa.Column("digest", sa.String(80)))
    op.create_table(
        "confirmations",
        sa.Column("id", sa.String(80), primary_key=True),
        sa.Column("contact_id", sa.String(200), nullable=False),
        sa.Column("topic", sa.String(64), nullable=False),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("text", sa.String(80)),
        sa.Column("ip", sa.Text),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("confirmed_at", sa.BigInteger),
    )
    op.create_index("confirmations_of_contact", "confirmations", ["contact_id", "topic"])
    op.create_table(
        "opens",
        sa.Column("contact_id", sa.String(200), primary_key=True),
        sa.Column("day", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "tombstones",
        sa.Column("digest", sa.String(80), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "seals",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("retired_at", sa.BigInteger),
    )


def downgrade() -> None:
    """What is sealed stays sealed: open it with `sojourn keys rotate --open` before."""
    for table in ("seals", "tombstones", "opens", "confirmations"):
        op.drop_table(table)
    with op.batch_alter_table("audit") as audit:
        audit.drop_column("digest")
        audit.drop_column("who")
    with op.batch_alter_table("consents") as consents:
        for column in ("proof", "ip", "text", "state"):
            consents.drop_column(column)
