"""What the challenger would have done, which model was promoted, and which version is pinned."""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa
from alembic import op

from engine.store.tables import Json, Key, Word

revision = "0004_shadow"
down_revision = "0003_choice"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add shadows, and the role of a policy."""
    with op.batch_alter_table("policies", recreate=_recreate()) as policies:
        policies.add_column(sa.Column("role", Word, nullable=False, server_default="serves"))
    with op.batch_alter_table("points", recreate=_recreate()) as points:
        points.add_column(sa.Column("serves", Word))
        points.add_column(sa.Column("written", Word))
        points.add_column(sa.Column("pinned", sa.Integer))
    op.create_table(
        "shadows",
        sa.Column("key", Key, primary_key=True),
        sa.Column("policy", sa.String(80), nullable=False),
        sa.Column("chances", Json, nullable=False),
        sa.Column("serving", Json),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Forget the challengers."""
    op.drop_table("shadows")
    op.execute("DELETE FROM policies WHERE role <> 'serves'")
    with op.batch_alter_table("points", recreate=_recreate()) as points:
        for name in ("serves", "written", "pinned"):
            points.drop_column(name)
    with op.batch_alter_table("policies", recreate=_recreate()) as policies:
        policies.drop_column("role")


def _recreate() -> Literal["always", "never"]:
    return "always" if op.get_bind().dialect.name == "sqlite" else "never"
