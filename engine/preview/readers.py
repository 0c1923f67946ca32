"""For whom a message is rendered: an invented reader, the awkward ones that break layouts, and real contacts.

Rules
- Invented values come from data.yaml: a default, the first choice of an enum, else an example of the type.
- The awkward readers are those that every list has: nobody's data, very long words, other scripts, markup in a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import sqlalchemy as sa

from engine.proofs import used_by
from engine.store.tables import contacts, events
from journeys.project import Data, Definitions, Project

EXAMPLES: Mapping[str, Any] = {
    "first_name": "Lena", "last_name": "Brandt", "name": "Lena Brandt", "email": "lena@example.com", "city": "Berlin",
    "country": "DE", "locale": "en", "value": 64.9, "total": 64.9, "price": 64.9, "items_count": 2,
}  # fmt: skip
LONG = "Maximiliane-Friederike von und zu Oberhausen-Niederstein"
SCRIPTS = "Παναγιώτα محمد 李小龍 🧥"
MARKUP = '<b>"Bobby" & {{ Tables }}</b>'


@dataclass(frozen=True, slots=True)
class Reader:
    """One reader: `contact` are attributes, `entry` the properties of the event that began the journey.

    `content`: what a template is told beside these; empty: what it is told about somebody whom nobody knows.
    """

    who: str
    contact: Mapping[str, Any] = field(default_factory=dict)
    entry: Mapping[str, Any] = field(default_factory=dict)
    content: Mapping[str, Any] = field(default_factory=dict)


def invented(message: str, definitions: Definitions, project: Project) -> Reader:
    """Return a reader who has a value for everything."""
    return Reader("an invented reader", _everything(project), _entry(message, definitions, project.data))


def awkward(message: str, definitions: Definitions, project: Project) -> list[Reader]:
    """Return the readers that break layouts, and one for each language that contacts may have."""
    whole = invented(message, definitions, project)
    empty = dict.fromkeys(project.data.attributes)
    texts = [name for name, one in project.data.attributes.items() if one.type == "text" and name != "locale"]
    entered = [name for name, kind in _kinds(message, definitions, project.data).items() if kind == "text"]
    found = [whole, Reader("nobody's data", empty, whole.entry)]
    for who, words in (("long words", LONG), ("other scripts", SCRIPTS), ("markup in a name", MARKUP)):
        contact = {**whole.contact, **dict.fromkeys(texts, words)}
        found.append(Reader(who, contact, {**whole.entry, **dict.fromkeys(entered, words)}))
    locale = project.data.attributes.get("locale")
    languages = locale.choices if locale else ()
    return found + [Reader(f"locale {one}", {**whole.contact, "locale": one}, whole.entry) for one in languages]


def real(
    conn: sa.Connection, message: str, definitions: Definitions, *, ids: Iterable[str] = (), most: int = 0
) -> list[Reader]:
    """Return contacts of the store with the newest event that began a journey with this message; two statements.

    `ids`: those; else `most` of them, the newest. Who never entered gets the invented event.
    """
    wanted = list(ids)
    query = sa.select(contacts.c.id, contacts.c.attributes)
    query = query.where(contacts.c.id.in_(wanted)) if wanted else query.order_by(contacts.c.created_at.desc())
    people = dict(map(tuple, conn.execute(query.limit(len(wanted) or most))))
    names = {event for journey in used_by(message, definitions) for event in journey.enter.events}
    began = (
        sa.select(events.c.contact_id, events.c.data)
        .where(events.c.contact_id.in_(list(people)), events.c.name.in_(names))
        .order_by(events.c.at)
    )
    newest = dict(map(tuple, conn.execute(began))) if names and people else {}
    project = definitions.project
    fallback = _entry(message, definitions, project.data) if project else {}
    return [Reader(id_, attributes, newest.get(id_, fallback)) for id_, attributes in people.items()]


def _everything(project: Project) -> dict[str, Any]:
    found = {}
    for name, one in project.data.attributes.items():
        if one.default is not None:
            found[name] = EXAMPLES.get(name, one.default) if one.type == "text" else one.default
        else:
            found[name] = EXAMPLES[name] if name in EXAMPLES and not one.choices else _example(one.type, one.choices)
    return {**found, **({"timezone": project.timezone} if "timezone" in found else {})}


def _entry(message: str, definitions: Definitions, data: Data) -> dict[str, Any]:
    kinds = _kinds(message, definitions, data)
    return {name: EXAMPLES.get(name, _example(kind, ())) for name, kind in kinds.items()}


def _kinds(message: str, definitions: Definitions, data: Data) -> dict[str, str]:
    """Return property -> type of the events that begin a journey with this message."""
    names = [event for journey in used_by(message, definitions) for event in journey.enter.events]
    return {name: kind for event in names for name, kind in data.events.get(event, {}).items()}


def _example(kind: str, choices: tuple[str, ...]) -> Any:
    if choices:
        return choices[0]
    plain: Mapping[str, Any] = {"number": 3, "flag": True, "date": date(2026, 5, 12).isoformat(), "time": "09:00"}
    return plain.get(kind.partition("(")[0], [] if kind == "list" else "Example")
