"""Sealing a whole store anew, batch by batch, while it is used."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from engine.errors import ConfigError
from engine.store import keyring
from engine.store.connect import reading, writing
from engine.store.sealed import sealing_of
from engine.store.tables import contacts


def demand_keys(store: sa.Engine) -> None:
    """Raise ConfigError where there are no keys."""
    if sealing_of(store.dialect) is None:
        raise ConfigError("there are no keys: set `encryption.keys` in sojourn.yaml; `sojourn keys add` makes one")


def people(store: sa.Engine) -> int:
    """Return how many people there are: about how long it takes."""
    with reading(store) as conn:
        return conn.execute(sa.select(sa.func.count()).select_from(contacts)).scalar_one()


def rotate(
    store: sa.Engine,
    now: Callable[[], datetime],
    beat: Callable[[int], None] = lambda _: None,
    *,
    plain: bool = False,
    batch: int = keyring.BATCH,
) -> int:
    """Seal everything with the first key (`plain`: open it) and retire the others; return how many rows changed.

    A kill at any moment loses nothing: each batch is one transaction, and the next call finds what is left.
    """
    rows, last = 0, ""
    while True:
        with writing(store) as conn:
            ids = keyring.people_after(conn, last, batch)
            if not ids:
                keyring.retire(conn, now(), plain=plain)
                return rows
            rows += keyring.reseal(conn, ids, plain=plain)
        last = ids[-1]
        beat(len(ids))
