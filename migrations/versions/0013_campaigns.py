"""Campaigns: audiences, why each person is in one, and the plan over weeks."""

from __future__ import annotations

revision = "0013_campaigns"
down_revision = "0012_value"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
