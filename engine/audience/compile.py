"""Segments as SQL: who is in which, for everybody at once, the same Core expressions on SQLite and PostgreSQL.

Rules
- All segments of a pass share their sums over events: each is worked out once, whoever asks for it.
- What is said here equals what Python says for one person, missing values and odd ones included (a property test).
- What SQL cannot say the same way on both databases raises Unsayable, and Python fills that segment: sequences,
  interests, lots, dates and hours in people's zones, private attributes, order of texts, rounding.
- `dues` are instants, as microseconds, before which time alone changes nothing: they may be early.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from engine.store import stored as col
from engine.store.columns import to_micros
from engine.store.tables import contacts, events
from engine.store.value_tables import traits
from journeys.bits import ORDER, Bit
from journeys.expression import Expression
from journeys.happenings import Asked
from journeys.project import Data

DAY = 86_400_000_000
_at = sa.type_coerce(events.c.at, sa.BigInteger)

Sql = sa.ColumnElement[Any]


class Unsayable(Exception):
    """SQL cannot say this: why, in words."""


@dataclass(slots=True)
class Pass:
    """One pass over everybody: the sums that the segments share, and where time may change something."""

    now: datetime
    data: Data
    segments: Mapping[str, Expression]
    sums: dict[str, tuple[str, Sql]] = field(default_factory=dict)  # what -> label, aggregate over events
    names: set[str] = field(default_factory=set)
    dues: list[Sql] = field(default_factory=list)
    _open: frozenset[str] = frozenset()

    @property
    def micros(self) -> int:
        return to_micros(self.now)

    def condition(self, expression: Expression) -> Sql:
        """Return a segment as an SQL condition that is never NULL; raise Unsayable."""
        if expression.root is None:
            raise Unsayable("it cannot be read")
        mark = len(self.dues), dict(self.sums), set(self.names)
        try:
            return _flag(self, expression.root, expression.source)
        except Unsayable:
            del self.dues[mark[0] :]
            self.sums, self.names = mark[1], mark[2]
            raise

    def figure(self, expression: Expression) -> Sql:
        """Return a number of a person as SQL, NULL where it is missing; raise Unsayable."""
        if expression.root is None or expression.type != "number":
            raise Unsayable("it is no number")
        return _value(self, expression.root, expression.source)

    def table(self, bits: Mapping[str, Sql]) -> sa.Select[Any]:
        """Return the statement that gives each contact's id, these columns and when to look again (`due_at`)."""
        sources: sa.FromClause = contacts
        if self.sums:
            labelled = [aggregate.label(label) for label, aggregate in self.sums.values()]
            shared = (
                sa.select(events.c.contact_id.label("who"), *labelled)
                .where(events.c.name.in_(sorted(self.names)), _at <= self.micros)
                .group_by(events.c.contact_id)
                .subquery("happened")
            )
            sources = sources.outerjoin(shared, shared.c.who == contacts.c.id)
        sources = sources.outerjoin(traits, traits.c.contact_id == contacts.c.id)
        columns = [column.label(name) for name, column in bits.items()]
        return sa.select(contacts.c.id, *columns, self.due().label("due_at")).select_from(sources)

    def due(self) -> Sql:
        """Return when to look again, NULL: never."""
        if not self.dues:
            return sa.cast(sa.null(), sa.BigInteger)
        each = {str(due.compile(compile_kwargs={"literal_binds": True})): due for due in self.dues}.values()
        return sa.func.nullif(col.least(*(sa.func.coalesce(due, col.FAR) for due in each)), col.FAR)

    def sum(self, kind: str, asked: Asked, source: str) -> Sql:
        """Return the column of one aggregate over the events meant: count, total, newest or oldest."""
        if asked.since:
            raise Unsayable("`since` is about a run")
        said = source[asked.test.start : asked.test.end] if asked.test else ""
        key = f"{kind} {asked.event} {asked.within} {asked.prop if kind == 'total' else ''} {said}"
        if key not in self.sums:
            self.names.add(asked.event)
            self.sums[key] = f"s{len(self.sums)}", _aggregate(kind, asked, self._meant(asked, source))
        label, aggregate = self.sums[key]
        return sa.literal_column(f"happened.{label}", aggregate.type)

    def _meant(self, asked: Asked, source: str) -> Sql:
        meant: list[Sql] = [events.c.name == asked.event]
        if asked.within is not None:
            meant.append(_at >= self.micros - span(asked.within))
        if asked.test is not None:
            _own(asked.test)
            meant.append(_flag(self, asked.test, source))
        return sa.and_(*meant)


def _own(test: Bit) -> None:
    """Let pass what looks at the event alone."""
    if isinstance(test.about, Asked) or test.op in ("attribute", "traits", "segment", "interest"):
        raise Unsayable("a `where` looks at more than its event")
    for part in test.parts:
        _own(part)


def span(within: timedelta) -> int:
    """Return a length of time in microseconds."""
    return within // timedelta(microseconds=1)


def _aggregate(kind: str, asked: Asked, meant: Sql) -> Sql:
    if kind == "count":
        return sa.func.sum(sa.case((meant, 1), else_=0), type_=sa.BigInteger)
    if kind == "total":
        return sa.func.sum(sa.case((meant, col.number(events.c.data, asked.prop))), type_=sa.Float)
    pick = sa.func.max if kind == "newest" else sa.func.min
    return pick(sa.case((meant, _at)), type_=sa.BigInteger)


def _flag(made: Pass, bit: Bit, source: str) -> Sql:
    """Return a condition as SQL, never NULL."""
    work = _FLAGS.get(bit.op)
    if work is not None:
        return work(made, bit, source)
    if bit.kind.name != "flag":
        raise Unsayable(f"`{bit.op}` is no condition")
    return sa.func.coalesce(_value(made, bit, source), sa.false())


def _both(made: Pass, bit: Bit, source: str) -> Sql:
    join = sa.and_ if bit.op == "and" else sa.or_
    return join(*(_flag(made, part, source) for part in bit.parts)).self_group()


def _negation(made: Pass, bit: Bit, source: str) -> Sql:
    return sa.not_(_flag(made, bit.parts[0], source).self_group())


def _segment(made: Pass, bit: Bit, _: str) -> Sql:
    rule = made.segments.get(bit.about)
    if rule is None or rule.root is None:
        return sa.false()
    return _flag(made, rule.root, rule.source)


def _happened(made: Pass, bit: Bit, source: str) -> Sql:
    newest = made.sum("newest", bit.about, source)
    if bit.about.within is not None:
        made.dues.append(newest + (span(bit.about.within) + 1))
    return newest.is_not(None) if bit.op == "any" else newest.is_(None)


def _compared(made: Pass, bit: Bit, source: str) -> Sql:
    one, two = bit.parts
    if "none" in (one.kind.name, two.kind.name):
        missing = _missing(made, one if two.kind.name == "none" else two, source)
        return missing if bit.about == "==" else sa.not_(missing)
    kinds = {one.kind.name, two.kind.name}
    if len(kinds) != 1 or not kinds <= {"number", "text", "flag"}:
        raise Unsayable("it compares dates, times or anything")
    if bit.about not in ("==", "!=") and kinds != {"number"}:
        raise Unsayable("texts stand in another order there")
    _watch(made, bit, source)
    left, right = _value(made, one, source), _value(made, two, source)
    return sa.func.coalesce(ORDER[bit.about](left, right), sa.false())


def _watch(made: Pass, bit: Bit, source: str) -> None:
    """Note when days since an event pass the number that they are compared with."""
    for one, two in (bit.parts, bit.parts[::-1]):
        if one.op in ("days_since", "days_since_first"):
            if not two.const or not isinstance(two.constant, int | float):
                raise Unsayable("days since an event are compared with something that is no plain number")
            at = made.sum("newest" if one.op == "days_since" else "oldest", one.about, source)
            turn = at + int(two.constant * DAY)
            made.dues.append(sa.case((turn + 2 > made.micros, col.most(turn, made.micros + 1))))


def _missing(made: Pass, bit: Bit, source: str) -> Sql:
    found = _place(made, bit)
    if found is not None:
        column, key, default = found
        return sa.false() if default is not None else col.missing(column, key)
    return _value(made, bit, source).is_(None)


def _listed(made: Pass, bit: Bit, source: str) -> Sql:
    """Return `in` and `not in`: both false where a side is missing."""
    item, row = bit.parts
    if row.const and isinstance(row.constant, tuple):
        value = _value(made, item, source)
        plain = (int, float) if item.kind.name == "number" else (str,)
        among = [one for one in row.constant if isinstance(one, plain) and not isinstance(one, bool)]
        found = value.in_(among) if bit.op == "in" else value.not_in(among)
        return sa.func.coalesce(found, sa.false())
    place = _place(made, row)
    if place is None or not item.const or not isinstance(item.constant, str) or place[2] is not None:
        raise Unsayable("it looks into a list that is not written out")
    has = col.contains(place[0], place[1], item.constant)
    return has if bit.op == "in" else sa.and_(col.is_list(place[0], place[1]), sa.not_(has))


def _search(made: Pass, bit: Bit, source: str) -> Sql:
    one, two = bit.parts
    if not two.const or not isinstance(two.constant, str):
        raise Unsayable("what is looked for is not written out")
    word = two.constant
    if one.kind.name == "list":
        place = _place(made, one)
        if place is None or place[2] is not None:
            raise Unsayable("it looks into a list with a default")
        return col.contains(place[0], place[1], word)
    if one.kind.name != "text":
        raise Unsayable("it looks into anything")
    return sa.func.coalesce(col.has_part(_value(made, one, source), word, bit.op), sa.false())


_FLAGS: dict[str, Callable[[Pass, Bit, str], Sql]] = {
    "and": _both, "or": _both, "not": _negation, "segment": _segment, "any": _happened, "no": _happened,
    "compare": _compared, "in": _listed, "outside": _listed, "contains": _search, "starts": _search, "ends": _search,
}  # fmt: skip


def _place(made: Pass, bit: Bit) -> tuple[Any, str, Any] | None:
    """Return the JSON column, the key and the default of a value that is stored; None: it is not."""
    if bit.op == "attribute":
        known = made.data.attributes[bit.about]
        if known.private:
            raise Unsayable(f"{bit.about} is private")
        return contacts.c.attributes, bit.about, known.default
    if bit.op == "event":
        return events.c.data, bit.about, None
    return (traits.c.value, bit.about, None) if bit.op == "traits" else None


def _value(made: Pass, bit: Bit, source: str) -> Sql:
    """Return a number, a text or a flag as SQL, NULL where it is missing."""
    if bit.const and bit.kind.name in ("number", "text", "flag"):
        return _literal(bit.constant)
    place = _place(made, bit)
    if place is not None and bit.kind.name in col.READERS:
        column, key, default = place
        found = col.READERS[bit.kind.name](column, key)
        return found if default is None else sa.case((col.missing(column, key), _literal(default)), else_=found)
    work = _VALUES.get(bit.op)
    if work is None or bit.kind.name not in ("number", "text", "flag"):
        raise Unsayable(f"`{source[bit.start : bit.end]}` is no number or text there")
    return work(made, bit, source)


def _literal(value: Any) -> Sql:
    if isinstance(value, bool):
        return sa.true() if value else sa.false()
    if isinstance(value, int | float):
        return sa.literal(float(value), sa.Float)
    return sa.literal(value, sa.Text)


def _leaves(made: Pass, asked: Asked, source: str) -> None:
    """Note when the oldest of the events in a window leaves it: before that the figure stays."""
    if asked.within is not None:
        made.dues.append(made.sum("oldest", asked, source) + (span(asked.within) + 1))


def _count(made: Pass, bit: Bit, source: str) -> Sql:
    _leaves(made, bit.about, source)
    return sa.func.coalesce(made.sum("count", bit.about, source), 0)


def _total(made: Pass, bit: Bit, source: str) -> Sql:
    _leaves(made, bit.about, source)
    return col.rounded(sa.func.coalesce(made.sum("total", bit.about, source), 0.0))


def _days(made: Pass, bit: Bit, source: str) -> Sql:
    _leaves(made, bit.about, source)
    at = made.sum("newest" if bit.op == "days_since" else "oldest", bit.about, source)
    return sa.cast(made.micros - at, sa.Double) / float(DAY)


def _worked(made: Pass, bit: Bit, source: str) -> Sql:
    parts = [sa.cast(_value(made, part, source), sa.Double) for part in bit.parts]
    if any(part.op in ("days_since", "days_since_first") for part in bit.parts):
        raise Unsayable("it calculates with days since an event")
    if bit.op == "minus":
        return -parts[0]
    one, two = parts
    if bit.op == "div":
        return one / sa.func.nullif(two, 0.0)
    return one + two if bit.op == "add" else one - two if bit.op == "sub" else one * two


_VALUES: dict[str, Callable[[Pass, Bit, str], Sql]] = {
    "count": _count, "sum": _total, "days_since": _days, "days_since_first": _days,
    "add": _worked, "sub": _worked, "mul": _worked, "div": _worked, "minus": _worked,
}  # fmt: skip
