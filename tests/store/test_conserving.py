"""Timelines, and the sums that must come out."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from outbox import DAY, HOUR, MINUTE, NOON, TERMS, add, contact, enrolled, lived, message

from channels.channel import Receipt
from engine.core.model import Reward
from engine.store import delivering, history, learning
from engine.store.delivering import Lease
from engine.store.history import Question
from engine.store.tables import contacts, enrollments

QUESTION = Question("welcome", ("bought",), 3 * DAY, NOON + 10 * DAY)


SCRIPTS = st.lists(
    st.tuples(
        st.sampled_from(("claim", "intend", "recover", "expire", "release", "learn", "leave", "settle", "tick")),
        st.integers(0, 5),
    )
    | st.tuples(
        st.sampled_from(("sent", "deferred", "hard", "policy", "unknown", "withheld")),
        st.integers(0, 5),
    ),
    max_size=25,
)


@pytest.fixture
def conn(fresh):
    with fresh() as conn:
        contact(conn, "ana")
        yield conn


def answer(conn, status, number, now, owner):
    kind = status if status in ("hard", "policy") else ""
    receipt = Receipt(f"r{number}:1", "failed" if kind else status, kind)
    delivering.commit(conn, [receipt], owner, now, TERMS)


def learn(conn, now):
    outcomes = learning.claim(conn, now, 10, ["bought"])
    learning.commit(conn, [Reward(o.decision.key, 0.0, now >= o.closes_at) for o in outcomes], {})


def act(conn, what, number, now, owner):
    """Do one thing that may happen to an outbox at any time."""
    acts = {
        "claim": lambda: delivering.claim(conn, now, Lease(owner, 5 * MINUTE), ["email"], number),
        "intend": lambda: delivering.intend(conn, [f"r{n}:1" for n in range(number)], owner, now),
        "recover": lambda: delivering.recover(conn, now),
        "expire": lambda: delivering.expire(conn, now),
        "release": lambda: delivering.release(conn, owner, now),
        "settle": lambda: delivering.resolve_unknown(conn, [f"r{number}:1"]),
        "learn": lambda: learn(conn, now),
        "leave": lambda: conn.execute(sa.update(contacts).where(contacts.c.id == f"c{number}").values(consents="")),
        "tick": lambda: None,
    }
    acts.get(what, lambda: answer(conn, what, number, now, owner))()


def test_a_timeline_tells_everything_in_order(conn):
    lived(conn)
    assert [(entry.kind, entry.at) for entry in history.timeline(conn, "ana")] == [
        ("event", NOON), ("entered", NOON), ("move", NOON), ("held", NOON), ("decision", NOON + HOUR),
        ("message", NOON + HOUR), ("event", NOON + 2 * HOUR), ("event", NOON + 3 * HOUR), ("move", NOON + 3 * HOUR),
        ("left", NOON + 3 * HOUR),
    ]  # fmt: skip


def test_a_timeline_is_one_contacts_and_may_start_later(conn):
    contact(conn, "bo")
    lived(conn)
    lived(conn, "bo", "rb")
    late = history.timeline(conn, "bo", since=NOON + 3 * HOUR)
    assert [entry.kind for entry in late] == ["event", "move", "left"]
    assert late[0].row.id == "order-bo"


def test_a_timeline_of_one_journey_leaves_the_others_out(conn):
    lived(conn)
    add(conn, enrollments, enrolled("other", "ana", journey="cart"))
    told = {entry.journey for entry in history.timeline(conn, "ana", journey="cart")}
    assert told == {"", "cart"}


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SCRIPTS)
def test_whatever_happens_every_intent_is_somewhere_and_only_there(fresh, script):
    with fresh() as conn:
        for n in range(6):
            contact(conn, f"c{n}")
            expires_at = NOON + n * HOUR if n % 2 else None
            message(conn, f"r{n}:1", f"c{n}", transactional=n == 4, expires_at=expires_at)
            add(
                conn,
                enrollments,
                enrolled(f"r{n}", f"c{n}", **({"status": "left", "left_at": NOON, "reason": "goal"} if n > 3 else {})),
            )
        now, serial = NOON, 0
        for what, number in script:
            now += MINUTE if what != "tick" else HOUR
            serial += what == "claim"
            act(conn, what, number, now, f"w{serial}")
            sums = history.conservation(conn)
            assert sums.exact, (what, sums)
            assert sums.intents == 6
        assert (sums := history.conservation(conn)).enrolled == 6
        assert (sums.inside, sums.left) == ({"active": 4}, {"goal": 2})
