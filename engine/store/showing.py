"""What a message needs to know of its readers beside their attributes, and which products it showed them.

Rules
- A fixed number of statements for any number of readers, each for all of them.
- What a message showed is kept under its key: made again, it shows the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.store.answer_tables import shown
from engine.store.columns import Instant
from engine.store.segment_tables import WIDTH, segment_numbers, standings
from engine.store.sets import any_of, insert_missing
from engine.store.value_tables import traits

Answers = Mapping[str, Sequence[str]]  # what was asked -> skus, the best first

_since = sa.bindparam("since", type_=Instant)
_SHOWN = sa.select(shown.c.key, shown.c.contact_id, shown.c.skus).where(
    any_of(shown.c.contact_id, "ids"), sa.or_(shown.c.at >= _since, any_of(shown.c.key, "keys"))
)
_STANDING = sa.select(standings.c.contact_id, standings.c.block, standings.c.bits).where(
    any_of(standings.c.contact_id, "ids")
)
_NUMBERS = sa.select(segment_numbers.c.name, segment_numbers.c.number).where(
    any_of(segment_numbers.c.name, "names"), segment_numbers.c.version != ""
)
_INTERESTS = sa.select(traits.c.contact_id, traits.c.interests).where(any_of(traits.c.contact_id, "ids"))


def lately(
    conn: sa.Connection, ids: Sequence[str], keys: Sequence[str], since: datetime
) -> tuple[dict[str, set[str]], dict[str, Answers]]:
    """Return the skus that these people were shown since then, and what the messages of these keys showed before."""
    seen: dict[str, set[str]] = {}
    mine, known = {}, set(keys)
    for key, contact_id, answers in conn.execute(_SHOWN, {"ids": ids, "keys": keys, "since": since}):
        if key in known:
            mine[key] = answers
        seen.setdefault(contact_id, set()).update(sku for skus in answers.values() for sku in skus)
    return seen, mine


def remember(conn: sa.Connection, rows: Iterable[tuple[str, str, Answers]], now: datetime) -> None:
    """Keep what messages showed, as (key, contact, answers)."""
    insert_missing(
        conn, shown, [{"key": key, "contact_id": who, "at": now, "skus": answers} for key, who, answers in rows]
    )


def interests_of(conn: sa.Connection, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Return the interests of those of these people of whom some are known."""
    return {row[0]: row[1] for row in conn.execute(_INTERESTS, {"ids": ids})}


def inside(conn: sa.Connection, ids: Sequence[str], names: Iterable[str]) -> dict[str, list[str]]:
    """Return which of these segments each of these people is in; who is in none is left out."""
    numbers = conn.execute(_NUMBERS, {"names": sorted(names)}).all()
    found: dict[str, list[str]] = {}
    for contact_id, block, bits in conn.execute(_STANDING, {"ids": ids}) if numbers else ():
        mine = [name for name, n in numbers if n // WIDTH == block and bits >> n % WIDTH & 1]
        if mine:
            found.setdefault(contact_id, []).extend(mine)
    return found
