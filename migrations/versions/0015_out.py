"""Out: audiences handed to others, webhooks on segment moves, roles."""

from __future__ import annotations

revision = "0015_out"
down_revision = "0014_care"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
