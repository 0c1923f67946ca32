"""Cluster: the job queue of many machines (PostgreSQL)."""

from __future__ import annotations

revision = "0007_cluster"
down_revision = "0006_placed"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
