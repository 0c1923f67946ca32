"""Law: proof of consent, sealed personal values, the chained audit, what was erased."""

from __future__ import annotations

revision = "0009_law"
down_revision = "0008_sending"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
