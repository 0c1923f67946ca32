"""What is deployed is kept whole and numbered; journeys can be paused."""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa
from alembic import op

from engine.store.tables import Instant, Json

revision = "0002_versions"
down_revision = "0001_start"
branch_labels = None
depends_on = None

# a version's number is its place in the order in which the journey's versions were deployed
NUMBERED = """
UPDATE deployments SET number = (
  SELECT count(*) FROM deployments AS d
  WHERE d.journey = deployments.journey
    AND (d.at < deployments.at OR (d.at = deployments.at AND d.version <= deployments.version)))
"""


def upgrade() -> None:
    """Number the versions there are; make room for data.yaml, for what a deploy moved, and for pauses."""
    with op.batch_alter_table("deployments", recreate=_recreate()) as deployments:
        deployments.add_column(sa.Column("number", sa.Integer, nullable=False, server_default="0"))
        deployments.add_column(sa.Column("files", Json, nullable=False, server_default="{}"))
    op.execute(NUMBERED)
    op.create_table(
        "dictionaries",
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("live", sa.Boolean, nullable=False),
    )
    op.create_table(
        "displaced",
        sa.Column("run", sa.String(80), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("journey", sa.String(64), nullable=False),
        sa.Column("old", sa.String(130), nullable=False),
        sa.Column("new", sa.String(130), nullable=False),
        sa.Column("steps", sa.Integer, nullable=False),
        sa.Column("status", sa.String(64), nullable=False),
        sa.Column("phase", sa.String(64), nullable=False),
        sa.Column("due_at", Instant),
        sa.Column("held_since", Instant),
        sa.Column("drawn", sa.String(200), nullable=False),
    )
    op.create_table(
        "pauses",
        sa.Column("journey", sa.String(64), primary_key=True),
        sa.Column("state", sa.String(130), primary_key=True),
        sa.Column("at", Instant, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Forget the numbers, the other files and the pauses."""
    op.drop_table("pauses")
    op.drop_table("displaced")
    op.drop_table("dictionaries")
    with op.batch_alter_table("deployments", recreate=_recreate()) as deployments:
        deployments.drop_column("files")
        deployments.drop_column("number")


def _recreate() -> Literal["always", "never"]:
    """SQLite would append a column behind the constraints; the text of the table shall be the program's."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "never"
