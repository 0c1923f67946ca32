"""Taking the steps with Alembic, inside a transaction that the caller has begun."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config


def settings(conn: sa.Connection) -> Config:
    """Return Alembic's settings for this connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = conn
    return config


def climb(conn: sa.Connection, to: str = "head") -> None:
    """Go up to the step named `to`."""
    command.upgrade(settings(conn), to)


def descend(conn: sa.Connection, to: str) -> None:
    """Go down to the step named `to`; "base" is before the first."""
    command.downgrade(settings(conn), to)
