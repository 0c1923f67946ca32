"""Everything that the store knows about one person, as one JSON object: the answer to a request for access.

Rules
- The tables are those of belongings.py, all of them: a table that is new is in the export from its first day.
- Values are given open, whatever they are sealed with, and rows as they are: a copy is no interpretation.
- Whoever was merged into them is part of them. Every export is a row of the audit, which does not name them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.store import auditing
from engine.store.belongings import PERSONAL
from engine.store.consenting import Digest
from engine.store.erasing import whose, with_merged
from engine.store.forgetting import PERSON
from engine.store.sets import one_of
from engine.store.tables import addresses, metadata, suppressions

KEYED = {"suppressions", "tombstones"}  # rows that are found by a hash of what the person has


def export(conn: sa.Connection, contact_id: str, digest: Digest, now: datetime) -> dict[str, Any]:
    """Return "exported_at", "contact", and "tables": name -> rows; writes the row of the audit."""
    ids = with_merged(conn, [contact_id])
    tables = {one.table: _rows(conn, whose(one, ids), one.table) for one in PERSONAL if one.table not in KEYED}
    tables |= _by_hash(conn, ids, digest)
    counts = {name: len(rows) for name, rows in tables.items() if rows}
    auditing.note(conn, "exported", {"person": auditing.trace(contact_id, now), "rows": counts}, now)
    return {"exported_at": now, "contact": contact_id, "also_known_as": [one for one in ids if one != contact_id],
            "tables": tables}  # fmt: skip


def _rows(conn: sa.Connection, condition: sa.ColumnElement[bool], name: str) -> list[dict[str, Any]]:
    table = metadata.tables[name]
    query = sa.select(table).where(condition).order_by(*table.primary_key.columns)
    return [dict(row) for row in conn.execute(query).mappings()]


def _by_hash(conn: sa.Connection, ids: Sequence[str], digest: Digest) -> dict[str, list[dict[str, Any]]]:
    """Return the rows that stand for this person's addresses and id without naming them."""
    a = addresses.c
    reach = conn.execute(sa.select(a.channel, a.address).where(one_of(a.contact_id, ids))).all()
    said = [digest(channel, address) for channel, address in reach] + [digest(PERSON, id_) for id_ in ids]
    return {
        name: _rows(conn, one_of(metadata.tables[name].c.digest, said), name)
        for name in (suppressions.name, "tombstones")
    }
