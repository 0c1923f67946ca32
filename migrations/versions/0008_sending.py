"""Sending: what relays, domains and mailboxes said, and how fast they may be written to."""

from __future__ import annotations

revision = "0008_sending"
down_revision = "0007_cluster"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
