"""What is known of one person: attributes by their kind, who says so, and what they were before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from engine.cli.text import columns, moment, printable, short

if TYPE_CHECKING:
    import sqlalchemy as sa

    from engine.store.profiles import Word
    from journeys.project import Data


@dataclass(frozen=True, slots=True)
class Profile:
    """`said`: what each source says; `history`: (instant, attribute, before, after); `names`: kind and identity."""

    attributes: Mapping[str, Any]
    said: Sequence[Word] = ()
    names: Sequence[tuple[str, str]] = ()
    companies: Sequence[Any] = ()
    history: Sequence[tuple[datetime, str, Any, Any]] = field(default=())


def profile_of(conn: sa.Connection, contact_id: str, attributes: Mapping[str, Any]) -> Profile:
    """Read what is known of a person whose attributes are these now."""
    import sqlalchemy as sa

    from engine.store.companies import company
    from engine.store.profile_tables import identities
    from engine.store.profiles import told
    from engine.store.tables import changes

    named = sa.select(identities.c.kind, identities.c.value).where(identities.c.contact_id == contact_id)
    before = sa.select(changes.c.at, changes.c.attributes).where(changes.c.contact_id == contact_id)
    return Profile(
        attributes,
        sorted(told(conn, [contact_id]), key=lambda word: (word.attribute, word.source)),
        [(row.kind, row.value) for row in conn.execute(named.order_by(identities.c.kind, identities.c.value))],
        company(conn, contact_id),
        history(conn.execute(before.order_by(changes.c.at, changes.c.id)).all(), attributes),
    )


def veiled(profile: Profile, private: Collection[str]) -> Profile:
    """Return the profile without what whoever looks must not see."""
    if not private:
        return profile
    return replace(
        profile,
        attributes={name: "***" if name in private else value for name, value in profile.attributes.items()},
        said=[word for word in profile.said if word.attribute not in private],
        history=[change for change in profile.history if change[1] not in private],
    )


def history(before: Iterable[Sequence[Any]], attributes: Mapping[str, Any]) -> list[tuple[datetime, str, Any, Any]]:
    """Return each change of an attribute, oldest first; `before` are (instant, attributes as they were until then)."""
    after = dict(attributes)
    found = []
    for at, was in sorted(before, key=lambda row: row[0], reverse=True):
        for name, old in was.items():
            found.append((at, name, old, after.get(name)))
            after[name] = old
    return found[::-1]


def attribute_lines(profile: Profile, data: Data) -> list[str]:
    """Return the attributes under their kinds, those without one first; who says so where a source did."""
    kinds: dict[str, list[tuple[str, str, str]]] = {}
    for name, value in profile.attributes.items():
        kind = data.attributes[name].kind if name in data.attributes else ""
        said = [word.source for word in profile.said if word.attribute == name and word.value == value]
        kinds.setdefault(kind, []).append((name, printable(short(_shown(value), 80)), ", ".join(said)))
    lines: list[str] = []
    for kind in sorted(kinds):
        lines += ([f"  {kind}"] if kind else []) + [f"  {'  ' if kind else ''}{line}" for line in columns(kinds[kind])]
    return lines


def history_lines(profile: Profile, zone: ZoneInfo) -> list[str]:
    """Return what changed when, and what other sources say that are not believed."""
    rows = [
        (moment(at, zone), name, f"{printable(short(_shown(old), 40))} → {printable(short(_shown(new), 40))}")
        for at, name, old, new in profile.history
    ]
    lines = columns(rows) if rows else ["nothing has changed"]
    lost = [word for word in profile.said if profile.attributes.get(word.attribute) != word.value]
    more = [(word.attribute, f"{word.source} says {printable(short(_shown(word.value), 40))}", moment(word.at, zone))
            for word in lost]  # fmt: skip
    return lines + (["not believed", *(f"  {line}" for line in columns(more))] if more else [])


def profile_data(profile: Profile) -> dict[str, Any]:
    """Return the same for programs."""
    return {
        "identities": [{"kind": kind, "value": value} for kind, value in profile.names],
        "companies": [{"id": row.id, "attributes": row.attributes, "at": row.at} for row in profile.companies],
        "said": [
            {"attribute": word.attribute, "source": word.source, "value": word.value, "at": word.at,
             "believed": profile.attributes.get(word.attribute) == word.value}
            for word in profile.said
        ],
        "history": [
            {"at": at, "attribute": name, "before": old, "after": new} for at, name, old, new in profile.history
        ],
    }  # fmt: skip


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)
