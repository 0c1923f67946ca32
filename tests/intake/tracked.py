"""A shop that takes in what tracking clients say, and a run of a journey."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from engine.intake.calls import Call, Sent, read_call
from engine.intake.taking import Taken, Terms, take
from engine.store.connect import reading, writing
from engine.store.problems import Trouble
from engine.store.profiles import Trust
from engine.store.tables import contacts, events
from journeys.data_file import BUILT_IN
from journeys.project import Attribute, Data

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DATA = Data(
    {
        "email": Attribute("text"), "first_name": Attribute("text"), "age": Attribute("number", kind="demographic"),
        "plan": Attribute("enum", choices=("basic", "gold")), "newsletter": Attribute("flag"),
        "city": Attribute("text", kind="geographic"), "company": Attribute("text", kind="firm"),
        "industry": Attribute("text", kind="firm"), "employees": Attribute("number", kind="firm"),
    },
    {**BUILT_IN, "product_viewed": {"sku": "text", "price": "number"}, "order_placed": {"total": "number"},
     "signed_up": {}},
    {}, {}, {"crm": 1, "shop": 2, "web": 3},
)  # fmt: skip
TERMS = Terms(DATA, Trust.of(DATA), lambda channel, address: f"{channel}:{address}", timedelta(days=2))


class Shop:
    """Says things to a store, one after the other."""

    def __init__(self, store: sa.Engine) -> None:
        self.store = store
        self.now = NOON
        self.count = 0

    def say(self, kind: str, *, source: str = "web", **item: Any) -> Taken:
        return self.say_all([(kind, item)], source)

    def say_all(self, said: Sequence[tuple[str, dict[str, Any]]], source: str = "web") -> Taken:
        items = []
        for kind, item in said:
            self.count += 1
            named = {"messageId": f"m{self.count}", "type": kind, **item}
            items.append({{"user": "userId", "anon": "anonymousId"}.get(name, name): v for name, v in named.items()})
        return self.take([read_call(item, DATA, Sent(source, self.now)) for item in items])

    def take(self, calls: Sequence[Call | Trouble]) -> Taken:
        with writing(self.store) as conn:
            return take(conn, calls, TERMS, self.now)

    def rows(self, query: Any) -> list[Any]:
        with reading(self.store) as conn:
            return [tuple(row) for row in conn.execute(query).all()]

    def people(self) -> dict[str, Any]:
        return dict(self.rows(sa.select(contacts.c.id, contacts.c.attributes)))

    def events(self) -> list[tuple[str, str]]:
        return sorted(self.rows(sa.select(events.c.contact_id, events.c.name)))


def run(id_: str, contact: str, journey: str) -> dict[str, Any]:
    """Return a run that is under way, as a row."""
    return {
        "id": id_, "contact_id": contact, "journey": journey, "version": "v1", "state": "wait", "group": "learner",
        "status": "active", "phase": "waiting", "entered_at": NOON, "state_at": NOON, "trigger": "t", "cause": "t",
        "steps": 1, "visits": {}, "entry": {}, "values": {},
    }  # fmt: skip
