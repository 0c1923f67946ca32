"""What a person was like before something changed them: the rows of `changes`, with which any walk can be taken again.

Rules
- A row is written with the change, in its transaction; it holds what changed, as it was.
- Whoever is new, or unchanged, leaves no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from engine.store.tables import changes

Gone = tuple[str, str, str | None, datetime]
"""An address that was dropped: channel, address, why it was suppressed, when it was added."""


def note(
    conn: sa.Connection,
    before: Mapping[str, Mapping[str, Any]],
    now: datetime,
    source: Literal["import", "journey", "delivery"],
    dropped: Mapping[str, Sequence[Gone]] | None = None,
) -> None:
    """Write what was there before, by contact: the attributes that change (None = was not there), dropped addresses."""
    gone = dropped or {}
    rows = [
        {"contact_id": id_, "at": now, "source": source, "attributes": dict(before.get(id_, {})),
         "addresses": [_told(one) for one in gone.get(id_, ())]}
        for id_ in dict.fromkeys([*before, *gone])
    ]  # fmt: skip
    if rows:
        conn.execute(changes.insert(), rows)


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `new` changes, as `old` has it."""
    names: Iterable[str] = dict.fromkeys([*old, *new])
    return {name: old.get(name) for name in names if old.get(name) != new.get(name)}


def _told(one: Gone) -> list[Any]:
    channel, address, suppressed, added_at = one
    return [channel, address, suppressed, added_at.isoformat()]
