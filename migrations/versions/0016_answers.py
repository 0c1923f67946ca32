"""Answers: surveys, preferences and what people said of themselves."""

from __future__ import annotations

revision = "0016_answers"
down_revision = "0015_out"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
