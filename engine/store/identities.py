"""Which contact an identity belongs to.

Rules
- Identities are locked in their order, before alarms and before contacts: whoever names a person waits for those who
  are just finding out that they are somebody else.
- An identity that is not there is made with the id that it would give a contact; the contact itself comes later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from engine.audience.identity import Key, Proposal, contact_of
from engine.store.profile_tables import identities, merges, proposals
from engine.store.sets import any_of, insert_missing, one_of

_i = identities.c
_LOCKED = (
    sa.select(_i.kind, _i.value, _i.contact_id)
    .where(any_of(_i.value, "values"))
    .order_by(_i.kind, _i.value)
    .with_for_update()
)
_APART = sa.select(merges.c.contact_id, merges.c.gone).where(
    any_of(merges.c.gone, "gone"), merges.c.undone_at.is_not(None)
)


def claim_identities(
    conn: sa.Connection, keys: Collection[Key], also: Collection[Key], now: datetime, source: str
) -> dict[Key, str]:
    """Lock these identities until the transaction ends and return whose they are; `also` only where they exist."""
    rows = [
        {"kind": kind, "value": value, "contact_id": contact_of((kind, value)), "source": source, "at": now}
        for kind, value in sorted(set(keys))
    ]
    insert_missing(conn, identities, rows)
    wanted = {*keys, *also}
    found = conn.execute(_LOCKED, {"values": sorted({value for _, value in wanted})})
    return {(kind, value): contact_id for kind, value, contact_id in found if (kind, value) in wanted}


def resolve(conn: sa.Connection, keys: Iterable[Key]) -> dict[Key, str]:
    """Return the contacts of these identities; those that nobody has are left out. Locks nothing."""
    wanted = set(keys)
    query = sa.select(_i.kind, _i.value, _i.contact_id).where(one_of(_i.value, {value for _, value in wanted}))
    return {(row.kind, row.value): row.contact_id for row in conn.execute(query) if (row.kind, row.value) in wanted}


def hold_identities(conn: sa.Connection, contact_ids: Collection[str]) -> list[Key]:
    """Lock all identities of these contacts and return them."""
    query = sa.select(_i.kind, _i.value).where(one_of(_i.contact_id, contact_ids)).order_by(_i.kind, _i.value)
    return [(row.kind, row.value) for row in conn.execute(query.with_for_update())]


def identify(conn: sa.Connection, owners: Mapping[Key, str], now: datetime, source: str) -> None:
    """Give identities that are not there yet to these contacts: the keys of another system for its records."""
    rows = [
        {"kind": kind, "value": value, "contact_id": contact_id, "source": source, "at": now}
        for (kind, value), contact_id in sorted(owners.items())
    ]
    insert_missing(conn, identities, rows)


def taken_apart(conn: sa.Connection, gone: Collection[str]) -> set[tuple[str, str]]:
    """Return the pairs (kept, gone) whose merge was undone by hand."""
    return {(row[0], row[1]) for row in conn.execute(_APART, {"gone": sorted(gone)})} if gone else set()


def propose(conn: sa.Connection, found: Sequence[Proposal], now: datetime) -> None:
    """Propose that two known contacts are one; a pair that was settled stays settled."""
    rows = {
        (one.contact_id, one.other): {
            "contact_id": one.contact_id, "other": one.other, "why": one.why, "source": one.source, "at": now,
            "settled": None, "settled_at": None,
        }
        for one in found
    }  # fmt: skip
    insert_missing(conn, proposals, [rows[pair] for pair in sorted(rows)])


def settle_proposal(conn: sa.Connection, pair: tuple[str, str], how: str, now: datetime) -> int:
    """Say of a proposal that they are one (`merged`) or that they are not (`apart`); return whether it was open."""
    one, other = sorted(pair)
    p = proposals.c
    mine = (p.contact_id == one) & (p.other == other) & p.settled.is_(None)
    return conn.execute(proposals.update().where(mine).values(settled=how, settled_at=now)).rowcount
