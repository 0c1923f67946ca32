"""What was done is written down once and for good: whoever changes it afterwards is found out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from engine.store.auditing import HOURS, actor, note, verify
from engine.store.connect import reading, writing
from engine.store.tables import audit

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DEEDS = ({"place": "welcome", "why": "Übung"}, {"hours": 1.5, "n": [1, 2]}, {}, {"deep": {"b": 1, "a": None}})


@pytest.fixture
def told(store: sa.Engine) -> sa.Engine:
    with writing(store) as conn:
        conn.execute(audit.insert().values(at=NOW, what="older", detail={}))  # from before there was a chain
    token = actor.set("ana@desk")
    for n, detail in enumerate(DEEDS):
        with writing(store) as conn:
            note(conn, "paused", detail, NOW + timedelta(microseconds=n))
            note(conn, HOURS, {"hours": [0.5]}, NOW)
    actor.reset(token)
    return store


def test_the_chain_holds_and_says_who_did_it(told: sa.Engine) -> None:
    with reading(told) as conn:
        found = verify(conn)
        assert (found.rows, found.before, found.broken, found.known) == (4, 1, (), True)
        assert set(conn.execute(sa.select(audit.c.who).where(audit.c.what == "paused")).scalars()) == {"ana@desk"}
        assert verify(conn, found.head).known
        assert not verify(conn, "0" * 64).known


FIRST = sa.select(sa.func.min(audit.c.id)).scalar_subquery()
THIRD = audit.c.id == FIRST + 3


@pytest.mark.parametrize("harm", [
    sa.update(audit).where(THIRD).values(detail={"place": "elsewhere"}),
    sa.update(audit).where(THIRD).values(who="bob@desk"),
    sa.update(audit).where(THIRD).values(at=NOW),
    sa.update(audit).where(THIRD).values(digest=None),
    sa.delete(audit).where(THIRD),
    sa.insert(audit).values(at=NOW, what="paused", detail={}),
])  # fmt: skip
def test_a_row_that_is_altered_taken_out_or_put_in_is_found(told: sa.Engine, harm: sa.Executable) -> None:
    with writing(told) as conn:
        conn.execute(harm)
        assert verify(conn).broken


def test_rows_that_are_cut_off_at_the_end_are_found_by_the_digest_that_was_noted(told: sa.Engine) -> None:
    with reading(told) as conn:
        head = verify(conn).head
    with writing(told) as conn:
        conn.execute(sa.delete(audit).where(audit.c.id > FIRST + 5))
        assert verify(conn).broken == ()
        assert not verify(conn, head).known
