"""Which keys a store is sealed with, how much with each, and sealing it anew, batch by batch.

Rules
- At every instant every row opens with the keys that are configured. A batch is some people with all their rows in one
  transaction: an address stands in `addresses` and in `deliveries` in the same words, and so both change together.
- People come in the order of their ids, and what has its seal already is left alone: a rotation that was killed is
  begun again and soon is where it was.
- A store that holds values of a key is not opened without that key; a finished rotation retires the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from engine.errors import ConfigError
from engine.store.belongings import PERSONAL, Belonging
from engine.store.columns import Json
from engine.store.law_tables import seals
from engine.store.sealed import Attributes, Sealed, SealedJson, sealing_of
from engine.store.sealing import MARK, Sealing
from engine.store.sets import insert_missing, one_of
from engine.store.tables import metadata

BATCH = 500
PLAIN = "plain"  # the name of no key: values that are not sealed

SEALED = (Sealed, SealedJson, Attributes)
Renew = Callable[[Any], Any]
"""A stored value -> the value to store instead; the same when it may stay."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One table with sealed columns, and the column that says whose its rows are."""

    table: sa.Table
    owner: sa.Column[Any]
    columns: tuple[sa.Column[Any], ...]


def check_keys(conn: sa.Connection) -> None:
    """Raise ConfigError when something here is sealed with a key that was not given."""
    active = set(conn.execute(sa.select(seals.c.key).where(seals.c.retired_at.is_(None))).scalars())
    sealing = sealing_of(conn.dialect)
    missing = sorted(active.difference(sealing.ids if sealing else ()))
    if missing:
        raise ConfigError(
            f"this store is sealed with the key {missing[0]}, and `encryption.keys` in sojourn.yaml does not have it; "
            "set the variable or file it comes from (a new key goes before the old one, not instead of it)"
        )


def register(conn: sa.Connection, now: datetime) -> None:
    """Note that values are sealed with the first key from now on."""
    sealing = sealing_of(conn.dialect)
    if sealing is not None:
        insert_missing(conn, seals, [{"key": sealing.ids[0], "at": now}])
        again = sa.update(seals).where(seals.c.key == sealing.ids[0], seals.c.retired_at.is_not(None))
        conn.execute(again.values(retired_at=None))


def registered(conn: sa.Connection) -> bool:
    """Return whether the first key is noted, or there is none."""
    sealing = sealing_of(conn.dialect)
    known = seals.c.retired_at.is_(None)
    return (
        sealing is None
        or conn.execute(sa.select(seals.c.key).where(seals.c.key == sealing.ids[0], known)).first() is not None
    )


@cache
def spots() -> tuple[Spot, ...]:
    """Return every table with sealed columns: all of them are about people, or this fails."""
    owners: Mapping[str, Belonging] = {one.table: one for one in PERSONAL if one.through is None}
    return tuple(
        Spot(table, table.c[owners[name].column], columns)
        for name, table in sorted(metadata.tables.items())
        if (columns := tuple(column for column in table.c if isinstance(column.type, SEALED)))
    )


def people_after(conn: sa.Connection, last: str, most: int = BATCH) -> list[str]:
    """Return the next ids of people with rows in such tables, in order."""
    ranges = [
        sa.select(
            sa.select(spot.owner.label("id"))
            .distinct()
            .where(spot.owner > last)
            .order_by(spot.owner)
            .limit(most)
            .subquery()
        )
        for spot in spots()
    ]
    both = sa.union(*ranges).subquery()
    return list(conn.execute(sa.select(both.c.id).order_by(both.c.id).limit(most)).scalars())


def reseal(conn: sa.Connection, ids: Sequence[str], *, plain: bool = False) -> int:
    """Seal all rows of these people with the first key (`plain`: open them); return how many rows changed."""
    sealing = sealing_of(conn.dialect)
    if sealing is None:
        raise ConfigError("there are no keys: set `encryption.keys` in sojourn.yaml; `sojourn keys add` makes one")
    return sum(_reseal(conn, spot, ids, _renewals(sealing, spot, plain=plain)) for spot in spots())


def _renewals(sealing: Sealing, spot: Spot, *, plain: bool) -> dict[str, Renew]:
    return {column.name: _renewal(sealing, column.type, plain=plain) for column in spot.columns}


def _renewal(sealing: Sealing, kind: Any, *, plain: bool) -> Renew:
    """Return what gives a stored value its new seal."""
    if isinstance(kind, Attributes):
        return lambda stored: _attributes(sealing, stored, plain=plain)
    place = kind.place
    if isinstance(kind, SealedJson):
        opened = sealing.open_once
        if plain:
            return lambda stored: opened(stored, place)
        return lambda stored: stored if sealing.current(stored) else sealing.seal_once(opened(stored, place), place)
    if plain:
        return lambda stored: sealing.open(stored, place)
    return lambda stored: stored if sealing.current(stored) else sealing.seal(sealing.open(stored, place), place)


def _attributes(sealing: Sealing, stored: Mapping[str, Any], *, plain: bool) -> Mapping[str, Any]:
    private = frozenset[str]() if plain else sealing.private
    wrong = [
        name
        for name, value in stored.items()
        if value is not None and sealing.current(value) != (name in private) and (name in private or _is_sealed(value))
    ]
    if not wrong:
        return stored
    opened = sealing.open_private(stored)
    return (
        opened
        if plain
        else {name: value for name, value in stored.items() if name not in wrong}
        | sealing.seal_private({name: opened[name] for name in wrong})
    )


def _is_sealed(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(MARK)


def _reseal(conn: sa.Connection, spot: Spot, ids: Sequence[str], renew: Mapping[str, Renew]) -> int:
    keys = tuple(spot.table.primary_key.columns)
    asked = {f"pk_{c.name}": _raw(c) for c in keys} | {f"is_{c.name}": _raw(c) for c in spot.columns}
    query = sa.select(*(raw.label(name) for name, raw in asked.items())).where(one_of(spot.owner, ids))
    changed = []
    for row in conn.execute(query.with_for_update()).mappings():
        new = {f"new_{name}": row[f"is_{name}"] for name in renew}
        new |= {f"new_{name}": make(row[f"is_{name}"]) for name, make in renew.items() if row[f"is_{name}"] is not None}
        if any(new[f"new_{name}"] != row[f"is_{name}"] for name in renew):
            changed.append({f"pk_{c.name}": row[f"pk_{c.name}"] for c in keys} | new)
    if changed:
        same = [_raw(c) == sa.bindparam(f"pk_{c.name}", type_=_raw(c).type) for c in keys]
        values = {c.name: sa.bindparam(f"new_{c.name}", type_=_raw(c).type) for c in spot.columns}
        conn.execute(sa.update(spot.table).where(*same).values(values), changed)
    return len(changed)


def _raw(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Return the column as it stands in the store."""
    if isinstance(column.type, Sealed):
        return sa.type_coerce(column, sa.Text)
    return sa.type_coerce(column, Json) if isinstance(column.type, SealedJson | Attributes) else column


def retire(conn: sa.Connection, now: datetime, *, plain: bool = False) -> None:
    """Note that nothing is sealed with any other key (`plain`: with any key) any more."""
    sealing = sealing_of(conn.dialect)
    kept = "" if plain or sealing is None else sealing.ids[0]
    conn.execute(sa.update(seals).where(seals.c.key != kept, seals.c.retired_at.is_(None)).values(retired_at=now))


def counts(conn: sa.Connection) -> dict[str, dict[str, int]]:
    """Return "table.column" -> key id (or "plain") -> how many values; reads every row."""
    return {f"{spot.table.name}.{c.name}": dict(_count(conn, c)) for spot in spots() for c in spot.columns}


def _count(conn: sa.Connection, column: sa.Column[Any]) -> Counter[str]:
    sealing = sealing_of(conn.dialect)
    found: Counter[str] = Counter()
    for value in _stored(conn, column):
        if not isinstance(column.type, Attributes):
            found[_key_of(value)] += 1
            continue
        private = sealing.private if sealing else frozenset[str]()
        found.update(
            _key_of(one) for name, one in value.items() if one is not None and (name in private or _is_sealed(one))
        )
    return found


def _stored(conn: sa.Connection, column: sa.Column[Any]) -> Iterator[Any]:
    rows = conn.execution_options(yield_per=5000).execute(sa.select(_raw(column)).where(column.is_not(None)))
    yield from rows.scalars()


def _key_of(value: Any) -> str:
    return str(value)[len(MARK) :].partition(":")[0] if _is_sealed(value) else PLAIN
