"""Profiles: identities, merges, sources and history of attributes, companies, refused events."""

from __future__ import annotations

revision = "0010_profiles"
down_revision = "0009_law"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
