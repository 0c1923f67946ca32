"""The operator's commands: what is wrong and the way out, and settling what is in doubt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.store.connect import open_store, writing
from engine.store.stepping import park
from engine.store.tables import alarms, deliveries, enrollments


@pytest.fixture
def sent(people: Path, sojourn) -> sa.Engine:
    """Lena was written to, and then it turned out that nobody knows whether she got it."""
    assert sojourn("event", "send", "signed_up", "--contact", "lena@shop.example").code == 0
    assert sojourn("tick").code == 0
    store = open_store("sqlite:///sojourn.db")
    with writing(store) as conn:
        conn.execute(deliveries.update().values(status="unknown", detail="cut off after the dot"))
    yield store
    store.dispose()


def key(store: sa.Engine) -> str:
    with store.connect() as conn:
        return conn.execute(sa.select(deliveries.c.key)).scalar_one()


def test_a_well_store_says_its_sums_and_ends_with_0(people, sojourn):
    said = sojourn("doctor")
    assert said.code == 0
    assert "messages  0 queued ever = 0" in said.out
    assert "nothing is stuck" in said.out
    assert sojourn("unknown", "ls").out.strip() == "nothing is in doubt"


def test_a_message_in_doubt_is_listed_and_settled_once(sent, sojourn):
    assert "1 messages are in doubt" in sojourn("doctor").out
    listed = sojourn("unknown", "ls")
    assert key(sent) in listed.out
    assert "cut off after the dot" in listed.out
    assert sojourn("unknown", "dismiss", key(sent)).out.startswith("1 settled as sent")
    again = sojourn("unknown", "dismiss", key(sent))
    assert (again.code, "is not in doubt" in again.err) == (4, True)
    assert sojourn("unknown", "dismiss").code == 2


def test_sending_once_more_asks_first_and_goes_out_with_the_next_pass(sent, sojourn):
    assert sojourn("unknown", "resend", "--all", "--no-input").code == 3
    assert sojourn("unknown", "resend", "--all", "--yes").out.startswith("1 queued again")
    assert "sent 1 (email 1)" in sojourn("tick").out
    assert "2" in sojourn("mailbox").out


def test_a_parked_person_is_found_and_let_go(sent, sojourn):
    now = datetime.now(UTC)
    with writing(sent) as conn:
        park(conn, "lena@shop.example", "ZeroDivisionError: by hand", now)
    assert "1 people are parked" in sojourn("doctor").out
    assert sojourn("unpark", "lena@shop.example").out.startswith("1 person goes on")
    assert sojourn("unpark", "--all").out.strip() == "nobody is parked"


def test_what_nobody_would_look_at_again_fails_and_is_fixed(sent, sojourn):
    with writing(sent) as conn:
        conn.execute(alarms.delete())
        conn.execute(enrollments.update().values(due_at=datetime.now(UTC) - timedelta(hours=1)))
    said = sojourn("doctor", "--json")
    assert (said.code, [one["code"] for one in said.json["problems"]]) == (1, ["asleep", "unknown"])
    assert "mended    1 asleep" in sojourn("doctor", "--fix").out
    assert sojourn("doctor").code == 0
