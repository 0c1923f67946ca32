"""Filled in below."""

from __future__ import annotations

revision = "0004_shadow"
down_revision = "0003_choice"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
