"""People, runs and what came of them, in our words, for the tests of claim and commit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from engine.core.model import (
    Decision,
    Enrollment,
    Move,
    Snapshot,
    Step,
)
from engine.store.connect import reading, writing
from engine.store.intake import NewContact, NewEvent, add_contacts, record, ring
from engine.store.stepping import Needs, Walked, claim, commit, next_alarm

NOW = datetime(2026, 3, 1, 10, 0, 0, 123456, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ALL = Needs(history={"seen": None, "paid": 2 * DAY}, recent=7 * DAY, reentered=frozenset({"win"}), kept=True)


def digest(channel: str, address: str) -> str:
    return channel + address


def fill(store: sa.Engine, *ids: str) -> None:
    people = [NewContact(id_, {"name": id_}, {"email": f"{id_}@x.org"}, frozenset({"promo"})) for id_ in ids]
    news = [NewEvent(f"start-{id_}", id_, "signed_up", NOW, {"plan": "pro"}) for id_ in ids]
    with writing(store) as conn:
        add_contacts(conn, people, NOW, digest)
        record(conn, news, NOW)


def run(who: str, **changes) -> Enrollment:
    first = Enrollment(
        id=f"run-{who}",
        contact_id=who,
        journey="win",
        version="v1",
        state="hello",
        entered_at=NOW,
        state_at=NOW,
        due_at=NOW + DAY,
        trigger=f"start-{who}",
        steps=1,
    )
    return replace(first, **changes)


def walk_one(store: sa.Engine, *steps: Step, at: datetime = NOW, needs: Needs = ALL) -> Snapshot:
    """Claim the one contact that is due and commit these steps of it."""
    with writing(store) as conn:
        (snapshot,) = claim(conn, at, 10, needs)
        commit(conn, [Walked(snapshot, steps)], at)
    return snapshot


def started(store: sa.Engine, who: str = "ana", **changes) -> Enrollment:
    fill(store, who)
    enrollment = run(who, **changes)
    walk_one(store, Step(enrollment, (Move("enter", "hello", "on signed_up", NOW, 1),), started=True))
    return enrollment


def look(store: sa.Engine, at: datetime = NOW + DAY, needs: Needs = ALL) -> Snapshot:
    """Return what a claim at `at` gives, and give it back."""
    with reading(store) as conn:
        ring(conn, ["ana"], at)
        (snapshot,) = claim(conn, at, 1, needs)
    return snapshot


def table(store: sa.Engine, which: sa.Table) -> list[dict]:
    with reading(store) as conn:
        return [dict(row) for row in conn.execute(sa.select(which)).mappings()]


def alarm(store: sa.Engine) -> datetime | None:
    with reading(store) as conn:
        return next_alarm(conn)


def draw(**changes) -> Decision:
    first = Decision(
        key="run-ana:1", point="win.hello", at=NOW + DAY, group="learner", arms=("email/a", "nothing"),
        chances=(0.7, 0.3), arm="email/a", propensity=0.7, u=0.123456789, policy="v9", features="f1 f2",
        within=2 * DAY, cost=0.25,
    )  # fmt: skip
    return replace(first, **changes)
