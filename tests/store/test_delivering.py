"""Every row of the outbox: who may claim, send and end a message, and what follows."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from outbox import (
    DAY,
    HOUR,
    LEASE,
    MINUTE,
    NOON,
    TERMS,
    add,
    claim,
    contact,
    counting,
    decided,
    going,
    message,
    queued,
    row,
)

from channels.channel import Receipt
from engine.store import delivering
from engine.store.delivering import Draft, Lease, Terms
from engine.store.tables import addresses, alarms, contacts, decisions, deliveries, events, suppressions

LATER = Lease("two", 10 * MINUTE)
AFTER_LEASE = NOON + 11 * MINUTE


@pytest.fixture
def conn(fresh):
    with fresh() as conn:
        contact(conn, "ana")
        yield conn


def answer(conn, key, status, now=NOON, *, owner=LEASE.owner, terms=TERMS, **rest):
    return delivering.commit(conn, [Receipt(key, status, **rest)], owner, now, terms)


# claiming


def test_a_due_message_is_claimed_with_all_that_rendering_needs(conn):
    add(conn, deliveries, queued("k", "ana", request={"vars": {"code": "A1"}}, attempt=2, fence=4))
    (found,) = delivering.claim(conn, NOON, LEASE, ["email"], 10)
    assert (found.key, found.contact_id, found.address) == ("k", "ana", "ana@example.org")
    assert found.attributes == {"first_name": "Ana"}
    assert found.consents == {"promo"}
    assert found.request == {"vars": {"code": "A1"}}
    assert (found.attempt, found.fence, found.suppressed) == (2, 5, False)
    held = row(conn, deliveries, "k")
    assert (held.status, held.owner, held.fence, held.lease_until, held.next_at) == (
        "claimed", "one", 5, NOON + 10 * MINUTE, None,
    )  # fmt: skip


def test_a_message_is_claimed_once(conn):
    message(conn, "k")
    assert claim(conn) == ["k"]
    assert claim(conn, lease=LATER) == []


def test_a_message_that_is_not_due_or_past_its_time_is_not_claimed(conn):
    message(conn, "tomorrow", next_at=NOON + DAY)
    message(conn, "stale", expires_at=NOON)
    assert claim(conn) == []


def test_transactional_messages_go_first_then_the_oldest(conn):
    message(conn, "new", next_at=NOON)
    message(conn, "old", next_at=NOON - HOUR)
    message(conn, "receipt", next_at=NOON, transactional=True)
    assert claim(conn, limit=2) == ["receipt", "old"]


def test_a_long_queue_of_one_channel_holds_up_no_other(conn):
    contact(conn, "bo", email="bo@example.org", push="{}")
    for n in range(5):
        message(conn, f"mail{n}", next_at=NOON - HOUR)
    message(conn, "push", "bo", channel="push")
    assert sorted(claim(conn, limit=2)) == ["mail0", "mail1", "push"]


def test_no_channel_means_nothing_to_claim(conn):
    message(conn, "k")
    assert delivering.claim(conn, NOON, LEASE, [], 10) == []


def test_the_newest_address_that_may_be_used_is_taken(conn):
    for n, suppressed in enumerate((None, None, "hard")):
        where = {"contact_id": "ana", "channel": "email", "address": f"a{n}", "added_at": NOON + (n + 1) * HOUR}
        conn.execute(addresses.insert().values(suppressed=suppressed, **where))
    message(conn, "k")
    (found,) = delivering.claim(conn, NOON, LEASE, ["email"], 10)
    assert (found.address, found.suppressed) == ("a1", False)


def test_a_contact_whose_only_address_is_suppressed_has_none(conn):
    conn.execute(sa.update(addresses).values(suppressed="hard"))
    message(conn, "k")
    (found,) = delivering.claim(conn, NOON, LEASE, ["email"], 10)
    assert (found.address, found.suppressed) == (None, True)


def test_a_webhook_goes_to_its_url_without_asking_anybody(conn):
    add(conn, deliveries, queued("k", "ana", channel="webhook", topic="", request={"url": "https://shop.test/x"}))
    (found,) = delivering.claim(conn, NOON, LEASE, ["webhook"], 10)
    assert found.address == "https://shop.test/x"
    assert delivering.intend(conn, ["k"], "one", NOON) == {"k"}


# the last question


def test_what_may_go_is_written_as_sending_before_it_goes(conn):
    message(conn, "k")
    claim(conn)
    assert delivering.intend(conn, ["k"], "one", NOON) == {"k"}
    assert row(conn, deliveries, "k").status == "sending"


@pytest.mark.parametrize("words", ["", "news", "promo -email", "promo promo-email"])
def test_a_withdrawn_consent_stops_a_claimed_message(conn, words):
    message(conn, "k")
    claim(conn)
    conn.execute(sa.update(contacts).values(consents=words))
    assert delivering.intend(conn, ["k"], "one", NOON) == frozenset()
    ended = row(conn, deliveries, "k")
    assert (ended.status, ended.detail, ended.lease_until) == ("suppressed", "no_consent", None)
    assert row(conn, decisions, "k").status == "void"


@pytest.mark.parametrize(("words", "goes"), [("", True), ("promo-email", True), ("-email", False)])
def test_a_transactional_message_asks_only_for_the_channel(conn, words, goes):
    message(conn, "k", transactional=True)
    claim(conn)
    conn.execute(sa.update(contacts).values(consents=words))
    assert delivering.intend(conn, ["k"], "one", NOON) == ({"k"} if goes else frozenset())


@pytest.mark.parametrize("transactional", [True, False])
def test_an_address_suppressed_since_the_claim_gets_nothing(conn, transactional):
    message(conn, "k", transactional=transactional)
    claim(conn)
    conn.execute(sa.update(addresses).values(suppressed="complaint"))
    assert delivering.intend(conn, ["k"], "one", NOON) == frozenset()
    assert row(conn, deliveries, "k").detail == "suppressed"


def test_an_address_that_was_deleted_since_the_claim_gets_nothing(conn):
    message(conn, "k")
    claim(conn)
    conn.execute(sa.delete(addresses))
    assert delivering.intend(conn, ["k"], "one", NOON) == frozenset()


def test_another_owner_may_not_begin_to_send(conn):
    message(conn, "k")
    claim(conn)
    assert delivering.intend(conn, ["k"], "two", NOON) == frozenset()


# answers


def test_sent_opens_the_reward_window_when_it_was_handed_over(conn):
    going(conn, "k")
    answer(conn, "k", "sent", NOON + MINUTE, provider_id="<k@example.org>")
    sent, decision = row(conn, deliveries, "k"), row(conn, decisions, "k")
    assert (sent.status, sent.sent_at, sent.provider_id) == ("sent", NOON + MINUTE, "<k@example.org>")
    assert (sent.next_at, sent.lease_until) == (None, None)
    assert (decision.status, decision.touched) == ("open", True)
    assert (decision.starts_at, decision.closes_at) == (NOON + MINUTE, NOON + MINUTE + DAY)


def test_deferred_waits_five_minutes_then_longer_each_time(conn):
    going(conn, "k")
    now, pauses = NOON, []
    for n in range(7):
        answer(conn, "k", "deferred", now, owner=f"w{n}" if n else "one", kind="soft", detail="451 later")
        next_at = row(conn, deliveries, "k").next_at
        if next_at is None:
            break
        pauses.append(next_at - now)
        now = next_at
        claim(conn, now, Lease(f"w{n + 1}", HOUR))
    planned = [5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 12 * HOUR]
    assert len(pauses) == 7
    assert all(abs(real / plan - 1) <= 0.2 for real, plan in zip(pauses, planned, strict=True))
    assert row(conn, deliveries, "k").attempt == 7


def test_the_world_says_when_to_try_again(conn):
    going(conn, "k")
    answer(conn, "k", "deferred", retry_at=NOON + 90 * MINUTE)
    assert row(conn, deliveries, "k").next_at == NOON + 90 * MINUTE


def test_a_message_refused_before_it_was_begun_is_deferred_too(conn):
    message(conn, "k")
    claim(conn)
    assert answer(conn, "k", "deferred") == {"deferred": 1}


def test_a_webhook_stops_after_its_own_number_of_retries(conn):
    hook = {"channel": "webhook", "topic": "", "request": {"url": "https://shop.test", "retries": 1}}
    add(conn, deliveries, queued("k", "ana", **hook))
    delivering.claim(conn, NOON, LEASE, ["webhook"], 1)
    assert answer(conn, "k", "deferred") == {"deferred": 1}
    delivering.claim(conn, NOON + HOUR, LATER, ["webhook"], 1)
    assert answer(conn, "k", "deferred", NOON + HOUR, owner="two") == {"failed": 1}


def test_a_hard_bounce_suppresses_the_address_and_is_an_event_that_rings(conn):
    going(conn, "k")
    alarm = alarms.insert().values(contact_id="ana", due_at=NOON + DAY)
    conn.execute(alarm)
    answer(conn, "k", "failed", NOON + MINUTE, kind="hard", detail="550 5.1.1 no such user")
    assert conn.scalar(sa.select(addresses.c.suppressed)) == "hard"
    (kept,) = conn.execute(sa.select(suppressions))
    assert (kept.digest, kept.channel, kept.reason) == (TERMS.digest("email", "ana@example.org"), "email", "hard")
    (bounced,) = conn.execute(sa.select(events))
    assert (bounced.name, bounced.contact_id, bounced.at, bounced.fresh) == ("bounced", "ana", NOON + MINUTE, True)
    assert bounced.data["class"] == "hard"
    assert bounced.data["key"] == "k"
    assert conn.scalar(sa.select(alarms.c.due_at)) == NOON + MINUTE
    assert row(conn, decisions, "k").status == "void"


def test_a_bounce_never_puts_an_alarm_off(conn):
    going(conn, "k")
    conn.execute(alarms.insert().values(contact_id="ana", due_at=NOON - HOUR))
    answer(conn, "k", "failed", kind="hard")
    assert conn.scalar(sa.select(alarms.c.due_at)) == NOON - HOUR


def test_a_hard_bounce_counts_for_everybody_at_that_address(conn):
    contact(conn, "bo", email="ana@example.org")
    going(conn, "k")
    answer(conn, "k", "failed", kind="hard")
    assert list(conn.scalars(sa.select(addresses.c.suppressed))) == ["hard", "hard"]


@pytest.mark.parametrize("kind", ["soft", "policy", "content", "config", "render"])
def test_a_failure_that_is_not_the_persons_leaves_the_address_alone(conn, kind):
    going(conn, "k")
    answer(conn, "k", "failed", kind=kind)
    assert conn.scalar(sa.select(addresses.c.suppressed)) is None
    assert conn.scalar(sa.select(sa.func.count()).select_from(events)) == 0
    decision = row(conn, decisions, "k")
    assert (decision.status, decision.touched) == ("void", True)


def test_a_subscription_that_is_gone_is_deleted(conn):
    contact(conn, "bo", push='{"endpoint": "https://push.test/1"}')
    going(conn, "k", "bo", channel="push")
    answer(conn, "k", "failed", kind="gone")
    assert list(conn.scalars(sa.select(addresses.c.contact_id))) == ["ana"]


def test_what_was_withheld_changes_nothing(conn):
    message(conn, "k")
    claim(conn)
    conn.execute(sa.update(contacts).values(consents=""))
    delivering.intend(conn, ["k"], "one", NOON)
    assert answer(conn, "k", "withheld") == {}
    assert row(conn, deliveries, "k").status == "suppressed"


# doubt


def test_a_channel_may_say_resend(conn):
    going(conn, "k")
    assert answer(conn, "k", "unknown", terms=Terms(TERMS.digest, frozenset({"email"}))) == {"queued": 1}


# crashes


def test_an_answer_counts_once(conn):
    going(conn, "k")
    answer(conn, "k", "sent")
    assert answer(conn, "k", "failed", kind="hard") == {}
    assert row(conn, deliveries, "k").status == "sent"


def test_a_drain_puts_back_what_was_not_begun(conn):
    message(conn, "begun")
    message(conn, "not_begun")
    claim(conn)
    delivering.intend(conn, ["begun"], "one", NOON)
    assert delivering.release(conn, "one", NOON) == 1
    assert claim(conn, lease=LATER) == ["not_begun"]


# what is ahead


def test_pending_counts_what_has_not_ended(conn):
    going(conn, "going")
    message(conn, "waits", next_at=NOON + HOUR)
    add(conn, deliveries, queued("done", "ana", status="sent", next_at=None))
    assert delivering.pending(conn) == {"sending": 1, "queued": 1}
    assert delivering.next_due(conn) == NOON + 10 * MINUTE


def test_nothing_ahead_is_never_due(conn):
    assert delivering.next_due(conn) is None


# links


# cost


def statements(fresh, contacts_: int) -> list[int]:
    with fresh() as conn:
        people = [f"c{n}" for n in range(contacts_)]
        conn.execute(contacts.insert(), [
            {"id": p, "attributes": {}, "consents": "promo", "created_at": NOON, "updated_at": NOON} for p in people
        ])  # fmt: skip
        where = [{"contact_id": p, "channel": "email", "address": f"{p}@x.test", "added_at": NOON} for p in people]
        conn.execute(addresses.insert(), where)
        add(conn, deliveries, *(queued(f"k{p}", p, decided=True) for p in people))
        add(conn, decisions, *(decided(f"k{p}", p) for p in people))
        keys = [f"k{p}" for p in people]
        counts = []
        for work in (
            lambda: delivering.claim(conn, NOON, LEASE, ["email"], contacts_),
            lambda: delivering.prepare(conn, [Draft(key, "t") for key in keys], "one"),
            lambda: delivering.intend(conn, keys, "one", NOON),
            lambda: delivering.commit(conn, [Receipt(key, "sent") for key in keys], "one", NOON, TERMS),
            lambda: delivering.recover(conn, NOON),
            lambda: delivering.expire(conn, NOON),
        ):
            with counting(conn) as seen:
                work()
            counts.append(len(seen))
        assert conn.scalar(sa.select(sa.func.count()).where(deliveries.c.status == "sent")) == contacts_
        return counts


def test_two_thousand_messages_cost_as_many_statements_as_one(fresh):
    few = statements(fresh, 1)
    assert few == statements(fresh, 2000)
    assert max(few) <= 4


@pytest.mark.parametrize("empty", ["sqlite"], indirect=True)
def test_the_head_of_a_long_queue_is_found_by_index(conn):
    with counting(conn) as seen:
        message(conn, "k")
        claim(conn)
    (question,) = [s for s in seen if "UNION ALL" in s]
    values = tuple(v for _ in range(4) for v in ("email", 1, 0, 0, 1))
    plan = " ".join(line[3] for line in conn.exec_driver_sql("EXPLAIN QUERY PLAN " + question, values))
    assert plan.count("deliveries_due (channel=? AND transactional=? AND next_at<?)") == 4
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize("empty", ["sqlite"], indirect=True)
@pytest.mark.parametrize("status", ["sent", "failed"])
def test_what_follows_for_a_decision_is_found_by_its_key_however_many_are_pending(conn, status):
    going(conn, "k")
    with counting(conn) as seen:
        delivering.commit(conn, [Receipt("k", status)], LEASE.owner, NOON, TERMS)
    (question,) = [s for s in seen if s.startswith("UPDATE decisions")]
    plan = " ".join(
        line[3] for line in conn.exec_driver_sql("EXPLAIN QUERY PLAN " + question, ("",) * question.count("?"))
    )
    assert "decisions USING INDEX sqlite_autoindex_decisions_1 (key=?)" in plan


@pytest.mark.parametrize("empty", ["sqlite"], indirect=True)
def test_what_comes_too_late_is_found_by_index_however_long_the_queue(conn):
    with counting(conn) as seen:
        delivering.expire(conn, NOON)
    plan = " ".join(
        line[3] for line in conn.exec_driver_sql("EXPLAIN QUERY PLAN " + seen[0], (0, 0, "queued", "deferred"))
    )
    assert "deliveries_expiring (expires_at<?)" in plan
