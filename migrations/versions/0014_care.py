"""Care: what an operator must know of a store: its epoch, its heartbeat, its alarms."""

from __future__ import annotations

revision = "0014_care"
down_revision = "0013_campaigns"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
