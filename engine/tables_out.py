"""What `sojourn export` gives: four tables as streams of rows, without anything that names a person unless asked.

Rules
- people: one row a contact. sends: one a message. decisions: one a choice, with all that offline learning needs.
  outcomes: what goals, rewards and reactions are reckoned from.
- Without `addresses` there is no address, no private attribute and no free body of an event in a row; an id that is an
  address stands under a keyed hash, the same in every table and every export, and text that holds one is masked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from engine.redacting import reaches, redacted
from engine.store.consenting import Digest
from engine.store.erasing import OURS, Kept, bare
from engine.store.sets import one_of
from engine.store.tables import addresses, contacts, decisions, deliveries, events
from journeys.project import Data

AT_ONCE = 2000
TABLES = ("people", "sends", "decisions", "outcomes")
_IDS = frozenset({"contact_id", "key", "event_id"})


class Column(NamedTuple):
    name: str
    kind: str  # text, time, number, flag, json


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for."""

    since: datetime | None
    addresses: bool
    data: Data
    kept: Kept
    digest: Digest


def columns_of(table: str, wish: Wish) -> list[Column]:
    """Return the columns of a table."""
    return _MAKERS[table][0](wish)


def rows_of(conn: sa.Connection, table: str, wish: Wish) -> Iterator[list[Any]]:
    """Yield the rows of a table, in the order of their keys."""
    named = [column.name in _IDS for column in columns_of(table, wish)]
    for row in _MAKERS[table][1](conn, wish):
        yield list(row) if wish.addresses else [_hidden(*one, wish.digest) for one in zip(row, named, strict=True)]


def _hidden(value: Any, named: bool, digest: Digest) -> Any:
    """Return a value without addresses; ids must still tell people apart."""
    if not isinstance(value, str) or (told := redacted(value)) == value:
        return value
    return f"p_{digest('person', value)}" if named else told


def _open(wish: Wish) -> list[tuple[str, str]]:
    """Return the attributes that may be told, with how a column says them."""
    kinds = {"number": "number", "flag": "flag"}
    return [
        (name, kinds.get(one.type, "text"))
        for name, one in wish.data.attributes.items()
        if wish.addresses or not (one.private or reaches(name))
    ]


def _people_columns(wish: Wish) -> list[Column]:
    mine = [Column(name, kind) for name, kind in _open(wish)]
    reach = [Column("addresses", "json")] if wish.addresses else [Column("channels", "text")]
    fixed = [Column("contact_id", "text"), Column("created_at", "time"), Column("updated_at", "time")]
    return [*fixed, Column("consents", "text"), *reach, *mine]


def _people(conn: sa.Connection, wish: Wish) -> Iterator[Sequence[Any]]:
    c, a, after = contacts.c, addresses.c, ""
    while True:
        asked = sa.select(contacts).where(c.id > after).order_by(c.id).limit(AT_ONCE)
        rows = conn.execute(asked if wish.since is None else asked.where(c.updated_at >= wish.since)).all()
        if not rows:
            return
        after = rows[-1].id
        reach: dict[str, list[tuple[str, str]]] = {}
        theirs = sa.select(a.contact_id, a.channel, a.address).where(one_of(a.contact_id, [row.id for row in rows]))
        for id_, channel, address in conn.execute(theirs.order_by(a.channel, a.address)):
            reach.setdefault(id_, []).append((channel, address))
        for row in rows:
            mine = reach.get(row.id, [])
            told = json.dumps([list(one) for one in mine]) if wish.addresses else " ".join(sorted({c for c, _ in mine}))
            said = [_cell(row.attributes.get(name)) for name, _ in _open(wish)]
            yield [row.id, row.created_at, row.updated_at, row.consents, told, *said]


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value


_SENDS = ("key", "contact_id", "journey", "state", "message", "channel", "topic", "transactional", "status", "kind",
          "queued_at", "sent_at", "ended_at", "attempt", "template")  # fmt: skip
_DECISIONS = ("key", "contact_id", "journey", "version", "state", "at", "group", "arms", "chances", "arm",
              "propensity", "policy", "features", "cost", "starts_at", "closes_at", "status", "reward")  # fmt: skip
_KINDS = {"attempt": "number", "propensity": "number", "cost": "number", "reward": "number", "transactional": "flag",
          "arms": "json", "chances": "json", "at": "time"}  # fmt: skip


def _fixed(names: Sequence[str]) -> list[Column]:
    return [Column(name, _KINDS.get(name, "time" if name.endswith("_at") else "text")) for name in names]


def _sends_columns(wish: Wish) -> list[Column]:
    return [*_fixed(_SENDS), *([Column("address", "text")] if wish.addresses else [])]


def _sends(conn: sa.Connection, wish: Wish) -> Iterator[Sequence[Any]]:
    names = [*_SENDS, *(["address"] if wish.addresses else [])]
    asked = sa.select(*(deliveries.c[name] for name in names)).order_by(deliveries.c.key)
    yield from _stream(conn, asked if wish.since is None else asked.where(deliveries.c.queued_at >= wish.since))


def _decisions(conn: sa.Connection, wish: Wish) -> Iterator[Sequence[Any]]:
    asked = sa.select(*(decisions.c[name] for name in _DECISIONS)).order_by(decisions.c.key)
    found = _stream(conn, asked if wish.since is None else asked.where(decisions.c.at >= wish.since))
    return ([_cell(value) for value in row] for row in found)


def _outcomes(conn: sa.Connection, wish: Wish) -> Iterator[Sequence[Any]]:
    e = events.c
    asked = sa.select(e.id, e.contact_id, e.name, e.at, e.source, e.data).where(one_of(e.name, {*OURS, *wish.kept}))
    asked = asked.order_by(e.id)
    for row in _stream(conn, asked if wish.since is None else asked.where(e.at >= wish.since)):
        yield [*row[:5], json.dumps(row.data if wish.addresses else bare(row, wish.kept))]


def _stream(conn: sa.Connection, asked: sa.Select[Any]) -> Iterator[sa.Row[Any]]:
    yield from conn.execute(asked.execution_options(yield_per=AT_ONCE))


_OUTCOMES = [*_fixed(("event_id", "contact_id", "name", "at", "source")), Column("data", "json")]
_MAKERS: dict[str, tuple[Callable[[Wish], list[Column]], Callable[[sa.Connection, Wish], Iterator[Sequence[Any]]]]] = {
    "people": (_people_columns, _people),
    "sends": (_sends_columns, _sends),
    "decisions": (lambda _: _fixed(_DECISIONS), _decisions),
    "outcomes": (lambda _: _OUTCOMES, _outcomes),
}
