"""What a model was taught and in which order; how long outcomes take; arms that were taken out."""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa
from alembic import op

from engine.store.tables import Instant, Json

revision = "0003_choice"
down_revision = "0002_versions"
branch_labels = None
depends_on = None

HARM = sa.text("name IN ('unsubscribed', 'complained', 'bounced')")
POLICIES = ("serving", "through", "base", "curves")


def upgrade() -> None:
    """Add lessons, points and stops, and to a policy what it serves with and how it began."""
    with op.batch_alter_table("policies", recreate=_recreate()) as policies:
        policies.add_column(sa.Column("serving", sa.LargeBinary))
        policies.add_column(sa.Column("through", sa.Integer, nullable=False, server_default="0"))
        policies.add_column(sa.Column("base", Json))
        policies.add_column(sa.Column("curves", Json))
    op.create_table(
        "lessons",
        sa.Column("point", sa.String(200), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at", Instant, nullable=False),
        sa.Column("told", Json, nullable=False),
        sa.Column("delays", Json),
        sqlite_with_rowid=False,
    )
    op.create_index("lessons_at", "lessons", ["at"])
    op.create_table("points", sa.Column("point", sa.String(200), primary_key=True), sa.Column("refit_at", Instant))
    op.create_table(
        "stops",
        sa.Column("point", sa.String(200), primary_key=True),
        sa.Column("arm", sa.String(200), primary_key=True),
        sa.Column("stopped_at", Instant),
        sa.Column("counts_from", Instant),
        sa.Column("why", sa.Text, nullable=False),
    )
    with op.batch_alter_table("enrollments", recreate=_recreate()) as enrollments:
        enrollments.add_column(sa.Column("drawn", sa.String(200), nullable=False, server_default=""))
    op.create_index("events_harm", "events", ["name"], sqlite_where=HARM, postgresql_where=HARM)


def downgrade() -> None:
    """Forget all that; the models start anew from the log of decisions."""
    op.drop_index("events_harm", "events")
    with op.batch_alter_table("enrollments", recreate=_recreate()) as enrollments:
        enrollments.drop_column("drawn")
    for table in ("stops", "points", "lessons"):
        op.drop_table(table)
    with op.batch_alter_table("policies", recreate=_recreate()) as policies:
        for name in POLICIES:
            policies.drop_column(name)


def _recreate() -> Literal["always", "never"]:
    """SQLite would append a column behind the constraints; the text of the table shall be the program's."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "never"
