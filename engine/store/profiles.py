"""What is true of a person when several sources say it: the most trusted source that says anything, else the newest.

Rules
- What a source said last is kept beside what is believed; when the believed one takes its value back, the next holds.
- A value that no source said (a journey's own, an older import) counts as said by `import`, before everything else.
- A fixed number of statements for any number of people; whoever is in a journey and changes is looked at again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from engine.store.alarms import hold
from engine.store.changing import differing, note
from engine.store.columns import EPOCH
from engine.store.consenting import Digest
from engine.store.forgetting import forgotten
from engine.store.membership import look_again
from engine.store.people import NewContact
from engine.store.profile_tables import profile_values
from engine.store.sets import Upsert, any_of, upsert, write
from engine.store.tables import contacts
from journeys.project import Data

DEFAULT_RANK = 100
"""The rank of a source that data.yaml does not name: those that it names are usually believed before."""
UNSAID = "import"
THEMSELVES = ("survey", "preferences")
"""The sources that are people on our own pages."""

_v = profile_values.c
_VALUES = sa.select(_v.contact_id, _v.attribute, _v.source, _v.value, _v.at).where(any_of(_v.contact_id, "ids"))
_PEOPLE = (
    sa.select(contacts.c.id, contacts.c.attributes)
    .where(any_of(contacts.c.id, "ids"))
    .order_by(contacts.c.id)
    .with_for_update()
)
_WRITE = contacts.update().where(contacts.c.id == sa.bindparam("of"))


@dataclass(frozen=True, slots=True)
class Trust:
    """Who is believed: `ranks` of sources, a lower number wins; `kinds`: every declared attribute and its kind."""

    ranks: Mapping[str, int] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Data) -> Trust:
        """Return what data.yaml says; people are believed first about themselves, unless it says otherwise."""
        ranks = {**dict.fromkeys(THEMSELVES, 0), **data.sources}
        return cls(ranks, {name: attribute.kind for name, attribute in data.attributes.items()})


@dataclass(frozen=True, slots=True)
class Word:
    """What a source says of an attribute at an instant; value None = that it says nothing any more."""

    contact_id: str
    attribute: str
    source: str
    value: Any
    at: datetime


@dataclass(slots=True)
class Sayings:
    """All that was said of one attribute of one person, and what is believed now."""

    believed: Any = None
    said: dict[str, tuple[Any, datetime]] = field(default_factory=dict)

    def hear(self, word: Word) -> bool:
        """Take a word in; False: the source has said something newer since."""
        before = self.said.get(word.source)
        if before is not None and before[1] > word.at:
            return False
        if self.believed is not None and UNSAID not in self.said and not self._has(self.believed):
            self.said[UNSAID] = (self.believed, EPOCH)
        self.said[word.source] = (word.value, word.at)
        return True

    def best(self, ranks: Mapping[str, int]) -> Any:
        """Return what is believed: of the sources that say something the most trusted, of equals the newest."""
        told = [(ranks.get(source, DEFAULT_RANK), -(at - EPOCH).total_seconds(), source, value)
                for source, (value, at) in self.said.items() if value is not None]  # fmt: skip
        return min(told, key=lambda one: one[:3])[3] if told else None

    def _has(self, value: Any) -> bool:
        return any(one == value for one, _ in self.said.values())


def believe(conn: sa.Connection, words: Sequence[Word], trust: Trust, now: datetime) -> set[str]:
    """Take in what sources say about people who exist and whose alarms are held; return whose attributes changed."""
    if not words:
        return set()
    ids = sorted({word.contact_id for word in words})
    before: dict[str, dict[str, Any]] = {row[0]: row[1] for row in conn.execute(_PEOPLE, {"ids": ids})}
    return change(conn, before, weigh(conn, words, before, trust), now)


def weigh(
    conn: sa.Connection, words: Sequence[Word], before: Mapping[str, Mapping[str, Any]], trust: Trust
) -> dict[str, dict[str, Any]]:
    """Keep what is said about these people, and return the attributes that are believed of them now."""
    sayings = _sayings(conn, sorted(before), before)
    there = [word for word in words if word.contact_id in before]
    heard = [word for word in there if _hear(sayings, before, word)]
    after = {word.contact_id: dict(before[word.contact_id]) for word in heard}
    for word in heard:
        best = sayings[word.contact_id, word.attribute].best(trust.ranks)
        if best is None:
            after[word.contact_id].pop(word.attribute, None)
        else:
            after[word.contact_id][word.attribute] = best
    said = {(word.contact_id, word.attribute): None for word in heard}
    _keep(conn, [
        Word(*key, source, value, at) for key in said for source, (value, at) in sayings[key].said.items()
    ])  # fmt: skip
    return after


def change(
    conn: sa.Connection, before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]], now: datetime
) -> set[str]:
    """Write the attributes of people that are otherwise now, with what they were; return whose."""
    other = {id_ for id_ in after if after[id_] != before[id_]}
    if other:
        rows = [{"of": id_, "attributes": after[id_], "updated_at": now} for id_ in sorted(other)]
        write(conn, _written(), rows)
        note(conn, {id_: differing(before[id_], after[id_]) for id_ in sorted(other)}, now, "import")
        look_again(conn, other, now)
    return other


def preferred(
    conn: sa.Connection, rows: Sequence[NewContact], origin: str, terms: tuple[Trust, Digest], now: datetime
) -> list[NewContact]:
    """Return the people of an import with the attributes that are believed of them once `origin` has said its own."""
    trust, digest = terms
    gone = forgotten(conn, {row.id: row.addresses for row in rows}, digest)
    ids = sorted({row.id for row in rows} - gone)
    hold(conn, ids)
    before: dict[str, dict[str, Any]] = {id_: {} for id_ in ids}
    before |= {row[0]: row[1] for row in conn.execute(_PEOPLE, {"ids": ids})}
    words = [Word(row.id, name, origin, value, now) for row in rows for name, value in row.attributes.items()]
    after = before | weigh(conn, [word for word in words if word.contact_id in before], before, trust)
    return [
        row if row.id in gone
        else replace(row, attributes={name: after[row.id].get(name, value) for name, value in row.attributes.items()})
        for row in rows
    ]  # fmt: skip


def told(conn: sa.Connection, contact_ids: Collection[str]) -> list[Word]:
    """Return all that sources said about these people."""
    return [Word(*row) for row in conn.execute(_VALUES, {"ids": sorted(contact_ids)})]


def _sayings(
    conn: sa.Connection, ids: Sequence[str], people: Mapping[str, Mapping[str, Any]]
) -> dict[tuple[str, str], Sayings]:
    found: dict[tuple[str, str], Sayings] = {}
    for word in told(conn, ids):
        key = word.contact_id, word.attribute
        sayings = found.setdefault(key, Sayings(people.get(key[0], {}).get(key[1])))
        sayings.said[word.source] = (word.value, word.at)
    return found


def _hear(sayings: dict[tuple[str, str], Sayings], people: Mapping[str, Mapping[str, Any]], word: Word) -> bool:
    key = word.contact_id, word.attribute
    return sayings.setdefault(key, Sayings(people[key[0]].get(key[1]))).hear(word)


def _keep(conn: sa.Connection, words: Iterable[Word]) -> None:
    rows = [
        {"contact_id": w.contact_id, "attribute": w.attribute, "source": w.source, "value": w.value, "at": w.at}
        for w in sorted(words, key=lambda word: (word.contact_id, word.attribute, word.source))
    ]
    if rows:
        write(conn, _upsert(conn.dialect.name), rows)


@lru_cache
def _written() -> sa.Update:
    return _WRITE.values(attributes=sa.bindparam("attributes"), updated_at=sa.bindparam("updated_at"))


@lru_cache
def _upsert(dialect: str) -> Upsert:
    insert = upsert(dialect, profile_values)
    new = {"value": insert.excluded.value, "at": insert.excluded.at}
    return insert.on_conflict_do_update(index_elements=["contact_id", "attribute", "source"], set_=new)
