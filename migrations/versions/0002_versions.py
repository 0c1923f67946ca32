"""Filled in below."""

from __future__ import annotations

revision = "0002_versions"
down_revision = "0001_start"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
