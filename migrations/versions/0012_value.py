"""Value: interests, lifetime value and scores of people, and the products they buy."""

from __future__ import annotations

revision = "0012_value"
down_revision = "0011_segments"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
