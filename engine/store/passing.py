"""One pass over everybody writes who is in many segments: into a temporary table first, then bits into standings.

Rules
- The expensive statement runs once, however many blocks of bits there are.
- An alarm only ever moves earlier here; whoever is looked at too early is looked at again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from engine.store.segment_tables import WIDTH, standings
from engine.store.sets import upsert
from engine.store.stored import FAR, least
from engine.store.tables import alarms

s = standings.c
Conditions = Mapping[int, sa.ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Asked:
    """`table` makes the statement of a pass from columns; `conditions` says by number who is in each segment."""

    table: Callable[[Mapping[str, sa.ColumnElement[Any]]], sa.Select[Any]]
    conditions: Conditions

    @property
    def blocks(self) -> list[int]:
        """Return the blocks; the first is always there: it keeps the alarm and says that somebody was looked at."""
        return sorted({0, *(number // WIDTH for number in self.conditions)})


def write(conn: sa.Connection, asked: Asked) -> None:
    """Work the conditions out for everybody and write bits and alarms."""
    passed = _passed(asked.blocks)
    passed.create(conn)
    columns = {f"b{block}": _bits(asked.conditions, block) for block in asked.blocks}
    conn.execute(passed.insert().from_select([column.name for column in passed.columns], asked.table(columns)))
    for block in asked.blocks:
        conn.execute(_merged(conn.dialect.name, passed, block, _mask(asked.conditions, block)))
    passed.drop(conn)


def counted(conn: sa.Connection, asked: Asked) -> dict[int, tuple[int, int, int]]:
    """Return by number how many would be in a segment, enter and leave it."""
    if not asked.conditions:
        return {}
    columns = {f"c{number}": sa.case((found, 1), else_=0) for number, found in asked.conditions.items()}
    table = asked.table(columns).subquery("would")
    source: sa.FromClause = table
    old = {block: standings.alias(f"block{block}") for block in asked.blocks}
    for block, rows in old.items():
        source = source.outerjoin(rows, (rows.c.contact_id == table.c.id) & (rows.c.block == block))
    sums = []
    for number in asked.conditions:
        bits = sa.func.coalesce(old[number // WIDTH].c.bits, 0)
        was = sa.case((bits.op("&")(_bit(number)) != 0, 1), else_=0)
        now = table.c[f"c{number}"]
        sums += [sa.func.sum(now), sa.func.sum(now * (1 - was)), sa.func.sum(was * (1 - now))]
    row = [int(value or 0) for value in conn.execute(sa.select(*sums).select_from(source)).one()]
    return {number: (row[3 * n], row[3 * n + 1], row[3 * n + 2]) for n, number in enumerate(asked.conditions)}


def alarm(conn: sa.Connection) -> None:
    """Ring everybody no later than their segments may change."""
    insert = upsert(conn.dialect.name, alarms)
    due = sa.select(s.contact_id, s.due_at).where(s.block == 0, s.due_at.is_not(None))
    earlier = insert.excluded.due_at < alarms.c.due_at
    said = insert.from_select(["contact_id", "due_at"], due)
    update = {"due_at": said.excluded.due_at}
    conn.execute(said.on_conflict_do_update(index_elements=["contact_id"], set_=update, where=earlier))


def _passed(blocks: list[int]) -> sa.Table:
    columns = [sa.Column(f"b{block}", sa.BigInteger, nullable=False) for block in blocks]
    return sa.Table(
        "segment_pass", sa.MetaData(), sa.Column("id", sa.String(200), primary_key=True), *columns,
        sa.Column("due_at", sa.BigInteger), prefixes=["TEMPORARY"],
    )  # fmt: skip


def _bit(number: int) -> sa.ColumnElement[int]:
    return sa.literal_column(str(1 << number % WIDTH), sa.BigInteger)


def _bits(conditions: Conditions, block: int) -> sa.ColumnElement[int]:
    total: sa.ColumnElement[int] = sa.literal_column("0", sa.BigInteger)
    for number, found in conditions.items():
        if number // WIDTH == block:
            total = total + sa.case((found, _bit(number)), else_=sa.literal_column("0", sa.BigInteger))
    return sa.cast(total, sa.BigInteger)


def _mask(conditions: Conditions, block: int) -> int:
    return sum(1 << number % WIDTH for number in conditions if number // WIDTH == block)


def _merged(dialect: str, passed: sa.Table, block: int, mask: int) -> Any:
    """Return the statement that lays a block's new bits over the old ones."""
    insert = upsert(dialect, standings)
    p = passed.c
    due = p.due_at if block == 0 else sa.cast(sa.null(), sa.BigInteger)
    rows = sa.select(p.id, sa.literal_column(str(block)), p[f"b{block}"], due).where(sa.true())
    said = insert.from_select(["contact_id", "block", "bits", "due_at"], rows)
    kept = s.bits.op("&")(sa.literal_column(str(~mask), sa.BigInteger))
    first = least(_or_never(s.due_at), _or_never(said.excluded.due_at))
    update = {"bits": kept.op("|")(said.excluded.bits)} | ({"due_at": sa.func.nullif(first, FAR)} if block == 0 else {})
    return said.on_conflict_do_update(index_elements=["contact_id", "block"], set_=update)


def _or_never(at: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.type_coerce(at, sa.BigInteger), FAR)
