"""What comes in: people, events, consents, suppressions - and whose alarms ring."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from engine.store.connect import reading, writing
from engine.store.intake import (
    ConsentChange,
    Counts,
    NewContact,
    NewEvent,
    Recorded,
    Suppression,
    add_contacts,
    admit,
    change_consents,
    record,
    ring,
    suppress,
    trigger,
)
from engine.store.stepping import next_alarm
from engine.store.tables import addresses, alarms, consents, contacts, enrollments, events, suppressions

NOW = datetime(2026, 3, 1, 10, 30, 15, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ANA = NewContact("ana", {"name": "Ana", "score": 7}, {"email": "ana@x.org"}, frozenset({"promo"}))


def digest(channel: str, address: str) -> str:
    return f"{channel}:{address.lower()}"


def add(store: sa.Engine, *people: NewContact, now: datetime = NOW) -> Counts:
    with writing(store) as conn:
        return add_contacts(conn, people, now, digest)


def happen(store: sa.Engine, *news: NewEvent, skip_after: timedelta | None = None, create: bool = False) -> Recorded:
    with writing(store) as conn:
        return record(conn, news, NOW, skip_after, create=create)


def consent(store: sa.Engine, *changes: tuple[str, str, bool], who: str = "ana") -> str:
    with writing(store) as conn:
        change_consents(conn, [ConsentChange(who, t, c, granted, "page") for t, c, granted in changes], NOW)
    return words(store, who)


def rows(store: sa.Engine, table: sa.Table, *columns: str) -> list[tuple]:
    with reading(store) as conn:
        found = conn.execute(sa.select(*(table.c[name] for name in columns)))
        return sorted((tuple(row) for row in found), key=repr)


def words(store: sa.Engine, who: str = "ana") -> str:
    return dict(rows(store, contacts, "id", "consents"))[who]


def enrolled(store: sa.Engine, who: str, **changes) -> None:
    row = {
        "id": f"run-{who}", "contact_id": who, "journey": "win", "version": "v1", "state": "start", "group": "learner",
        "status": "active", "phase": "ready", "entered_at": NOW, "state_at": NOW, "due_at": None, "trigger": "t",
        "cause": "t", "steps": 1, "visits": {}, "entry": {}, "values": {},
    }  # fmt: skip
    with writing(store) as conn:
        conn.execute(enrollments.insert().values(row | changes))


# people


def test_contacts_are_new_then_unchanged_then_updated(store: sa.Engine):
    assert add(store, ANA, NewContact("bob")) == Counts(new=2)
    assert add(store, ANA, NewContact("bob")) == Counts(unchanged=2)
    assert add(store, replace(ANA, attributes={"score": 8})) == Counts(updated=1)
    assert dict(rows(store, contacts, "id", "attributes"))["ana"] == {"name": "Ana", "score": 8}


def test_a_contact_that_comes_twice_in_one_set_is_one(store: sa.Engine):
    assert add(store, ANA, NewContact("ana", {"score": 9})) == Counts(new=1, unchanged=1)
    assert rows(store, contacts, "id", "attributes") == [("ana", {"name": "Ana", "score": 9})]


def test_a_new_address_takes_the_place_of_the_old_one_on_its_channel_only(store: sa.Engine):
    add(store, replace(ANA, addresses={"email": "ana@x.org", "push": "{}"}))
    assert add(store, NewContact("ana", addresses={"email": "ana@y.org"})) == Counts(updated=1)
    assert rows(store, addresses, "channel", "address") == [("email", "ana@y.org"), ("push", "{}")]


def test_a_changed_contact_is_looked_at_only_if_it_is_in_a_journey(store: sa.Engine):
    add(store, ANA, NewContact("bob"), NewContact("cy"))
    enrolled(store, "ana")
    enrolled(store, "cy", status="left")
    add(store, *(NewContact(who, {"vip": True}) for who in ("ana", "bob", "cy")), now=NOW + HOUR)
    assert rows(store, alarms, "contact_id", "due_at") == [("ana", NOW + HOUR)]


def test_an_unchanged_contact_rings_nothing(store: sa.Engine):
    add(store, ANA)
    enrolled(store, "ana")
    add(store, ANA)
    assert rows(store, alarms, "contact_id") == []


def test_an_import_grants_topics_and_the_ledger_says_where_from(store: sa.Engine):
    add(store, ANA)
    assert words(store) == "promo"
    assert rows(store, consents, "contact_id", "topic", "granted", "source") == [("ana", "promo", True, "import")]


@pytest.mark.parametrize("withdrawn", ["promo", ""])
def test_an_import_never_undoes_what_a_person_withdrew(store: sa.Engine, withdrawn: str):
    add(store, ANA)
    consent(store, (withdrawn, "", False))
    assert add(store, ANA) == Counts(unchanged=1, kept_out=1)
    assert words(store) == ""


def test_a_suppressed_address_comes_back_suppressed(store: sa.Engine):
    with writing(store) as conn:
        suppress(conn, [Suppression("email", "ANA@x.org", "complaint")], digest, NOW)
    add(store, ANA)
    assert rows(store, addresses, "address", "suppressed") == [("ana@x.org", "complaint")]


def test_suppressing_reaches_everybody_with_the_address_and_outlives_them(store: sa.Engine):
    add(store, ANA, NewContact("bob", {}, {"email": "ana@x.org"}), NewContact("cy", {}, {"email": "cy@x.org"}))
    with writing(store) as conn:
        suppress(conn, [Suppression("email", "ana@x.org", "hard")], digest, NOW)
        suppress(conn, [Suppression("email", "ana@x.org", "complaint")], digest, NOW)
    assert rows(store, addresses, "contact_id", "suppressed") == [("ana", "hard"), ("bob", "hard"), ("cy", None)]
    assert rows(store, suppressions, "digest", "reason") == [("email:ana@x.org", "hard")]


# events


def test_an_event_counts_once_whoever_sends_it_again(store: sa.Engine):
    add(store, ANA)
    event = NewEvent("e1", "ana", "bought", NOW, {"value": 3})
    assert happen(store, event, event) == Recorded(accepted=1, duplicates=1)
    assert happen(store, event, NewEvent("e2", "ana", "bought")) == Recorded(accepted=1, duplicates=1)
    assert rows(store, events, "id", "at", "data", "fresh") == [
        ("e1", NOW, {"value": 3}, True), ("e2", NOW, {}, True),
    ]  # fmt: skip


def test_of_two_events_with_one_id_the_first_counts(store: sa.Engine):
    add(store, ANA)
    happen(store, NewEvent("e", "ana", "first"), NewEvent("e", "ana", "second"))
    assert rows(store, events, "name") == [("first",)]


def test_a_repeated_event_wakes_nobody(store: sa.Engine):
    add(store, ANA)
    happen(store, NewEvent("e", "ana", "bought"))
    with writing(store) as conn:
        conn.execute(alarms.delete())
    happen(store, NewEvent("e", "ana", "bought"))
    assert rows(store, alarms, "contact_id") == []


def test_an_event_from_the_future_happens_now(store: sa.Engine):
    add(store, ANA)
    happen(store, NewEvent("e", "ana", "bought", NOW + DAY))
    assert rows(store, events, "at", "received_at") == [(NOW, NOW)]


def test_an_event_too_old_on_arrival_is_kept_but_starts_nothing(store: sa.Engine):
    add(store, ANA)
    old, edge = NewEvent("old", "ana", "x", NOW - HOUR * 3), NewEvent("edge", "ana", "x", NOW - HOUR * 2)
    assert happen(store, old, edge, skip_after=2 * HOUR) == Recorded(accepted=2, late=1)
    assert rows(store, events, "id", "starts") == [("edge", True), ("old", False)]


def test_events_of_unknown_contacts_are_reported_and_the_others_recorded(store: sa.Engine):
    add(store, ANA)
    news = [NewEvent("1", "ana", "x"), NewEvent("2", "nobody", "x"), NewEvent("3", "nobody", "y")]
    assert happen(store, *news) == Recorded(accepted=1, unknown=("nobody",))
    assert rows(store, contacts, "id") == [("ana",)]


def test_an_unknown_contact_is_made_when_asked_for(store: sa.Engine):
    assert happen(store, NewEvent("1", "new", "x"), create=True) == Recorded(accepted=1)
    assert rows(store, contacts, "id", "attributes", "consents") == [("new", {}, "")]


def test_an_alarm_only_ever_moves_earlier(store: sa.Engine):
    with writing(store) as conn:
        ring(conn, ["b", "a", "a"], NOW)
        ring(conn, ["a"], NOW + HOUR)
        ring(conn, ["b"], NOW - HOUR)
        ring(conn, [], NOW)
        assert next_alarm(conn) == NOW - HOUR
    assert rows(store, alarms, "contact_id", "due_at") == [("a", NOW), ("b", NOW - HOUR)]


def test_without_alarms_there_is_no_next_one(store: sa.Engine):
    with reading(store) as conn:
        assert next_alarm(conn) is None


def test_a_check_repeated_at_one_instant_starts_nobody_twice(store: sa.Engine):
    add(store, ANA, NewContact("bob"))
    with writing(store) as conn:
        assert trigger(conn, "win", ["ana", "bob"], NOW, "2026-03-01") == 2
        assert trigger(conn, "win", ["ana", "bob"], NOW, "2026-03-01") == 0
        assert trigger(conn, "win", ["ana"], NOW, "2026-03-02") == 1
        assert trigger(conn, "other", ["ana"], NOW, "2026-03-01") == 1
    assert {name for (name,) in rows(store, events, "name")} == {"enter:win", "enter:other"}


def test_a_set_of_five_thousand_takes_as_many_statements_as_one(store: sa.Engine):
    add(store, ANA)
    seen: list[str] = []
    sa.event.listen(store, "before_cursor_execute", lambda *args: seen.append(args[2]))
    change = ConsentChange("ana", "promo", "", granted=False, source="page")
    with writing(store) as conn:
        change_consents(conn, [change], NOW)
    one = len(seen)
    with writing(store) as conn:
        change_consents(conn, [change] * 5_000, NOW)
    assert len(seen) - one <= one


# consents


def test_words_follow_grants_and_opt_outs(store: sa.Engine):
    add(store, NewContact("ana"))
    assert consent(store, ("promo", "", True), ("news", "", True)) == "news promo"
    assert consent(store, ("", "push", False)) == "-push news promo"
    assert consent(store, ("promo", "push", False)) == "-push news promo promo-push"
    assert consent(store, ("", "push", True), ("promo", "push", True)) == "news promo"
    assert consent(store, ("promo", "", False)) == "news"


def test_withdrawing_everything_leaves_no_topic_and_every_opt_out(store: sa.Engine):
    add(store, NewContact("ana"))
    consent(store, ("promo", "", True), ("news", "", True), ("", "push", False))
    assert consent(store, ("", "", False)) == "-push"


def test_the_ledger_keeps_every_change_also_one_that_changes_no_word(store: sa.Engine):
    add(store, NewContact("ana"))
    consent(store, ("promo", "", False), ("promo", "", False))
    assert len(rows(store, consents, "topic")) == 2


def test_consents_of_unknown_contacts_are_reported_and_not_kept(store: sa.Engine):
    with writing(store) as conn:
        assert change_consents(conn, [ConsentChange("nobody", "promo", "", granted=True, source="x")], NOW) == (
            "nobody",
        )
    assert rows(store, consents, "topic") == []


# admission


def test_the_queue_is_let_in_first_come_first_served_up_to_the_limit(store: sa.Engine):
    for n, who in enumerate(("d", "c", "b", "a")):
        enrolled(store, who, status="queued", entered_at=NOW - DAY * 3 + (n // 2) * HOUR)
    with writing(store) as conn:
        assert admit(conn, "win", 3, "day", NOW).count == 3
        assert admit(conn, "win", 3, "day", NOW).count == 0
    assert rows(store, enrollments, "contact_id", "status", "entered_at", "due_at") == [
        ("a", "active", NOW, None), ("b", "queued", NOW - DAY * 3 + HOUR, None), ("c", "active", NOW, None),
        ("d", "active", NOW, None),
    ]  # fmt: skip
    assert rows(store, alarms, "contact_id", "due_at") == [("a", NOW), ("c", NOW), ("d", NOW)]


@pytest.mark.parametrize(
    ("unit", "following"),
    [
        ("min", datetime(2026, 3, 1, 10, 31, tzinfo=UTC)),
        ("hour", datetime(2026, 3, 1, 11, tzinfo=UTC)),
        ("day", datetime(2026, 3, 2, tzinfo=UTC)),
    ],
)
def test_the_next_unit_lets_in_the_next_ones(store: sa.Engine, unit, following):
    enrolled(store, "a", status="queued")
    enrolled(store, "b", status="queued", id="run-z")
    with writing(store) as conn:
        assert admit(conn, "win", 1, unit, NOW).count == 1
        assert admit(conn, "win", 1, unit, following - timedelta(seconds=1)).count == 0
        assert admit(conn, "win", 1, unit, following).count == 1


def test_who_was_let_in_counts_also_after_leaving(store: sa.Engine):
    enrolled(store, "a", status="left")
    enrolled(store, "b", status="queued")
    enrolled(store, "c", status="left", journey="other")
    with writing(store) as conn:
        assert admit(conn, "win", 1, "day", NOW + HOUR).count == 0
        assert admit(conn, "win", 2, "day", NOW + HOUR).count == 1
