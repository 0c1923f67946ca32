"""Segments: who stands in which, until when, and every entering and leaving."""

from __future__ import annotations

revision = "0011_segments"
down_revision = "0010_profiles"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
