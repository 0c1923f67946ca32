"""Waking a cluster: whoever makes somebody due says so in the same transaction, and a worker looks once it commits.

Rules
- A wake-up is a row of the job queue, written just before the commit: none is lost, none is about what was undone.
- However many wake-ups nobody has answered yet, they are one row per process (`queueing_lock`), so that callers hardly
  ever wait for each other. Without a worker there are none: the first worker that starts looks anyway.
- A wake-up is left out while an older one waits. That is safe because whoever takes one up waits for those who relied
  on it (`settle`): they hold a lock from just before they look until they have committed.
"""

from __future__ import annotations

import os
from typing import Final

import sqlalchemy as sa

STEP: Final = "step"
"""The queue of batches of contacts, and the task that steps one."""

_RUNG: Final = "rung"
_CALLERS = 7_305_120  # the number after that of ticks in connect.py
_PLACES = 16

_CALL = sa.text(
    "WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(:callers)) "
    "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock) "
    "SELECT CAST(:step AS text), CAST(:step AS text), CAST(:kind AS text) || place "
    "FROM turn CROSS JOIN generate_series(CAST(:first AS int), CAST(:last AS int)) AS place "
    "WHERE EXISTS (SELECT FROM procrastinate_workers) ON CONFLICT DO NOTHING"
).bindparams(callers=_CALLERS, step=STEP)
_SETTLE = sa.text("SELECT pg_advisory_xact_lock(:callers)").bindparams(callers=_CALLERS)


def rung(conn: sa.Connection) -> None:
    """Remember that this transaction has made somebody due now."""
    if conn.dialect.name == "postgresql":
        conn.info[_RUNG] = True


def call(conn: sa.Connection) -> None:
    """Put a wake-up beside what was recorded, if this transaction has made somebody due; the last thing it does."""
    if conn.dialect.name == "postgresql" and conn.info.pop(_RUNG, False):
        place = os.getpid() % _PLACES
        conn.execute(_CALL, {"kind": f"{STEP}-of-", "first": place, "last": place})


def spread(conn: sa.Connection, batches: int) -> None:
    """Put so many batches on the queue, for as many workers; those that wait already are not doubled."""
    conn.execute(_CALL, {"kind": f"{STEP}-", "first": 1, "last": batches})


def settle(conn: sa.Connection) -> None:
    """Wait for those who left out their wake-up because of the one that was just taken up: milliseconds."""
    conn.execute(_SETTLE)
