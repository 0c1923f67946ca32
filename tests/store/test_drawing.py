"""A decision point's log is read back as it was drawn."""

from __future__ import annotations

import sqlalchemy as sa

from engine.store.connect import reading, writing
from engine.store.drawing import closed, share_closed
from engine.store.tables import decisions
from tests.store.outbox import DAY, HOUR, NOON, add, decided


def test_only_drawn_and_closed_decisions_of_the_point_are_read_oldest_first(store: sa.Engine) -> None:
    rows = [
        decided("late", "a", at=NOON + HOUR, status="closed", reward=2.5),
        decided("early", "b", status="closed", reward=None, group="random"),
        decided("open", "c", status="open"),
        decided("void", "d", status="void"),
        decided("baseline", "e", status="closed", group="baseline"),
        decided("held", "f", status="closed", group="holdout"),
        decided("old", "g", status="closed", at=NOON - 2 * DAY),
        decided("elsewhere", "h", status="closed", state="other"),
    ]
    with writing(store) as conn:
        add(conn, decisions, *rows)
    with reading(store) as conn:
        found = closed(conn, "welcome.hello", NOON - DAY)
        share = share_closed(conn, "welcome.hello", NOON - DAY)
    assert [(one.key, one.reward) for one in found] == [("early", 0.0), ("late", 2.5)]
    assert (found[0].arms, found[0].chances, found[0].arm) == (("email/hello", "nothing"), (0.75, 0.25), "email/hello")
    assert share == 2 / 3


def test_a_point_nobody_decided_at_is_empty_and_closed(store: sa.Engine) -> None:
    with reading(store) as conn:
        assert closed(conn, "welcome.hello", NOON) == []
        assert share_closed(conn, "welcome.hello", NOON) == 1.0
