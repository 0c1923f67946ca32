"""Profiles: identities, merges, sources and history of attributes, companies, refused events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010_profiles"
down_revision = "0009_law"
branch_labels = None
depends_on = None

Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
Contact = sa.String(200)
Word = sa.String(64)
TABLES = ("identities", "merges", "moved", "proposals", "profile_values", "companies", "memberships", "problems",
          "cursors")  # fmt: skip


def upgrade() -> None:
    """Contacts that are there have no identities yet: a user id that is a contact's id finds them anyway."""
    _people()
    _profiles()
    op.create_table(
        "problems",
        sa.Column("id", sa.String(80), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("source", Word, nullable=False),
        sa.Column("message_id", sa.String(200), nullable=False),
        sa.Column("contact_id", Contact),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("item", Json, nullable=False),
    )
    op.create_index("problems_at", "problems", ["at"])
    op.create_table(
        "cursors",
        sa.Column("name", sa.String(80), primary_key=True),
        sa.Column("value", Json, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )


def _people() -> None:
    op.create_table(
        "identities",
        sa.Column("kind", Word, primary_key=True),
        sa.Column("value", sa.String(200), primary_key=True),
        sa.Column("contact_id", Contact, nullable=False),
        sa.Column("source", Word, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("identities_of_contact", "identities", ["contact_id"])
    op.create_table(
        "merges",
        sa.Column("id", sa.String(80), primary_key=True),
        sa.Column("contact_id", Contact, nullable=False),
        sa.Column("gone", Contact, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("why", Word, nullable=False),
        sa.Column("source", Word, nullable=False),
        sa.Column("before", Json, nullable=False),
        sa.Column("undone_at", sa.BigInteger),
    )
    op.create_index("merges_of_contact", "merges", ["contact_id"])
    op.create_index("merges_of_gone", "merges", ["gone"])
    op.create_table(
        "moved",
        sa.Column("merge_id", sa.String(80), primary_key=True),
        sa.Column("belonging", Word, primary_key=True),
        sa.Column("key", sa.String(200), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "proposals",
        sa.Column("contact_id", Contact, primary_key=True),
        sa.Column("other", Contact, primary_key=True),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("source", Word, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("settled", Word),
        sa.Column("settled_at", sa.BigInteger),
    )
    op.create_index("proposals_of_other", "proposals", ["other"])


def _profiles() -> None:
    op.create_table(
        "profile_values",
        sa.Column("contact_id", Contact, primary_key=True),
        sa.Column("attribute", Word, primary_key=True),
        sa.Column("source", Word, primary_key=True),
        sa.Column("value", Json),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "companies",
        sa.Column("id", sa.String(200), primary_key=True),
        sa.Column("attributes", Json, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "memberships",
        sa.Column("contact_id", Contact, primary_key=True),
        sa.Column("company_id", sa.String(200), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("memberships_of_company", "memberships", ["company_id"])


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
