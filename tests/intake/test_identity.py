"""Who is the same person: anonymous becomes known, known people are only proposed, and all of it can be taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from tracked import TERMS, Shop, run

from engine.audience.identity import Join, Who, assign, contact_of
from engine.errors import ConfigError, NotFound
from engine.store.alarms import ring
from engine.store.connect import create, open_store, reading, writing
from engine.store.consenting import ConsentChange, change_consents
from engine.store.erasing import with_merged
from engine.store.forgetting import PERSON, remember
from engine.store.identities import resolve
from engine.store.merging import UNDOABLE, forget_moves, listed
from engine.store.parting import merge_known, unmerge
from engine.store.profile_tables import merges, moved, problems, proposals
from engine.store.profiles import Trust
from engine.store.tables import addresses, alarms, contacts, enrollments, events

TRUST = Trust()


def test_what_was_done_anonymously_is_the_known_persons_once_they_say_who_they_are(shop):
    shop.say("track", anon="a1", event="Product Viewed", properties={"sku": "S"})
    assert shop.events() == [("anon:a1", "product_viewed")]
    assert shop.say("identify", anon="a1", user="ana", traits={"firstName": "Ana"}).merged == 1
    assert shop.events() == [("ana", "identified"), ("ana", "product_viewed")]
    assert shop.people() == {"ana": {"first_name": "Ana"}}
    shop.say("track", anon="a1", event="order_placed")
    assert ("ana", "order_placed") in shop.events()


def test_a_first_call_that_names_both_makes_one_person_and_no_merge(shop):
    assert shop.say("identify", anon="a1", user="ana").merged == 0
    shop.say("page", anon="a1")
    assert shop.people().keys() == {"ana"}


def test_views_and_the_identify_of_one_batch_are_of_one_person(shop):
    shop.say_all([("track", {"anon": "a1", "event": "product_viewed"}), ("identify", {"anon": "a1", "user": "ana"})])
    assert {who for who, _ in shop.events()} == {"ana"}
    assert shop.people().keys() == {"ana"}


def test_alias_joins_what_somebody_was_called_before(shop):
    shop.say("track", anon="a1", event="product_viewed")
    shop.say("alias", previousId="a1", user="ana")
    assert {who for who, _ in shop.events()} == {"ana"}


def test_the_second_user_of_a_tablet_is_proposed_and_not_merged(shop):
    shop.say("identify", anon="a1", user="ana")
    shop.say("identify", anon="a1", user="ben")
    assert shop.people().keys() == {"ana", "ben"}
    assert shop.rows(sa.select(proposals.c.contact_id, proposals.c.other)) == [("ana", "ben")]
    shop.say("track", anon="a1", event="product_viewed")
    assert ("ana", "product_viewed") in shop.events(), "the first keeps what is done without a name"


def test_an_alias_of_two_known_people_is_proposed(shop):
    shop.say("track", user="old", event="product_viewed")
    shop.say("alias", previousId="old", user="new")
    assert shop.people().keys() == {"old", "new"}
    assert len(shop.rows(sa.select(proposals))) == 1


def test_two_known_people_with_one_mailbox_are_proposed(shop):
    shop.say("identify", user="1", traits={"email": "ana@x.test"})
    shop.say("identify", user="2", traits={"email": "ana@x.test"})
    assert [row[2] for row in shop.rows(sa.select(proposals))] == ["both have the same e-mail address"]


def test_a_call_that_is_sent_again_changes_nothing(shop):
    shop.say("identify", user="ana", traits={"firstName": "Ana"}, messageId="one")
    shop.say("identify", user="ana", traits={"firstName": "Anna"}, messageId="two")
    done = shop.say("identify", user="ana", traits={"firstName": "Ana"}, messageId="one")
    assert (done.accepted, done.duplicates) == (0, 1)
    assert shop.people() == {"ana": {"first_name": "Anna"}}


def test_runs_go_along_and_one_of_two_in_the_same_journey_ends(shop):
    shop.say("track", anon="a1", event="product_viewed")
    shop.say("track", user="ana", event="signed_up")
    rows = [run("r1", "anon:a1", "cart"), run("r2", "anon:a1", "welcome"), run("r3", "ana", "welcome")]
    with writing(shop.store) as conn:
        conn.execute(enrollments.insert(), rows)
    shop.say("identify", anon="a1", user="ana")
    e = enrollments.c
    assert sorted(shop.rows(sa.select(e.id, e.contact_id, e.status))) == [
        ("r1", "ana", "active"), ("r2", "ana", "left"), ("r3", "ana", "active")
    ]  # fmt: skip
    assert [who for (who,) in shop.rows(sa.select(alarms.c.contact_id))] == ["ana"]


def test_a_withdrawal_of_either_holds_and_a_grant_never_overrules_one(shop):
    shop.say("track", anon="a1", event="product_viewed")
    shop.say("track", user="ana", event="product_viewed")
    said = [
        ConsentChange("anon:a1", "promo", "", granted=True, source="x"),
        ConsentChange("anon:a1", "tips", "", granted=True, source="x"),
        ConsentChange("anon:a1", "", "push", granted=False, source="x"),
        ConsentChange("ana", "promo", "", granted=True, source="x"),
        ConsentChange("ana", "promo", "", granted=False, source="x"),
    ]
    with writing(shop.store) as conn:
        change_consents(conn, said, shop.now)
    shop.say("identify", anon="a1", user="ana")
    assert shop.rows(sa.select(contacts.c.id, contacts.c.consents)) == [("ana", "-push tips")]


def test_a_merge_is_logged_and_taken_back_whole(shop):
    shop.say("track", anon="a1", event="product_viewed")
    shop.say("identify", anon="a1", traits={"email": "ana@x.test", "city": "Rome", "age": 33})
    shop.say("identify", user="ana", traits={"age": 30})
    before = shop.people(), shop.events()
    shop.say("identify", anon="a1", user="ana", messageId="both")
    assert shop.people()["ana"]["city"] == "Rome"
    assert shop.rows(sa.select(addresses.c.contact_id)) == [("ana",)]
    with writing(shop.store) as conn:
        (found,) = listed(conn, ["ana"])
        assert (found.gone, found.why) == ("anon:a1", "identify")
        unmerge(conn, found.id, shop.now)
    after = shop.people(), [one for one in shop.events() if one != ("ana", "identified")]
    assert after[0] == before[0]
    assert sorted([*after[1], ("ana", "identified")]) == before[1]
    assert shop.rows(sa.select(addresses.c.contact_id)) == [("anon:a1",)]
    with reading(shop.store) as conn:
        assert resolve(conn, [("anonymous", "a1")]) == {("anonymous", "a1"): "anon:a1"}


def test_whom_somebody_took_apart_is_only_proposed_again(shop):
    shop.say("track", anon="a1", event="product_viewed")
    shop.say("identify", anon="a1", user="ana")
    with writing(shop.store) as conn:
        unmerge(conn, listed(conn, None)[0].id, shop.now)
    assert shop.say("identify", anon="a1", user="ana").merged == 0
    assert len(shop.rows(sa.select(proposals))) == 1


def test_a_merge_is_undoable_for_thirty_days_and_once(shop):
    shop.say("track", anon="a1", event="product_viewed")
    shop.say("identify", anon="a1", user="ana")
    with writing(shop.store) as conn:
        id_ = listed(conn, None)[0].id
        with pytest.raises(ConfigError, match="older than 30 days"):
            unmerge(conn, id_, shop.now + UNDOABLE + timedelta(seconds=1))
        with pytest.raises(NotFound):
            unmerge(conn, "nobody", shop.now)
        unmerge(conn, id_, shop.now)
        with pytest.raises(ConfigError, match="already"):
            unmerge(conn, id_, shop.now)


def test_notes_of_old_merges_are_dropped_and_the_log_stays(shop):
    shop.say("track", anon="a1", event="product_viewed")
    shop.say("identify", anon="a1", user="ana")
    with writing(shop.store) as conn:
        assert forget_moves(conn, shop.now) == 0
        assert forget_moves(conn, shop.now + UNDOABLE + timedelta(days=1)) > 0
    assert shop.rows(sa.select(moved)) == []
    assert len(shop.rows(sa.select(merges))) == 1


def test_two_known_people_are_one_when_somebody_says_so(shop):
    shop.say("track", user="old", event="product_viewed")
    shop.say("track", user="new", event="product_viewed")
    with writing(shop.store) as conn:
        merge_known(conn, Join("new", "old", "hand"), TRUST, shop.now)
        with pytest.raises(NotFound):
            merge_known(conn, Join("new", "old", "hand"), TRUST, shop.now)
        assert sorted(with_merged(conn, ["new"])) == ["new", "old"]
    assert shop.people().keys() == {"new"}
    shop.say("track", user="old", event="order_placed")
    assert ("new", "order_placed") in shop.events(), "what the old name does is the new one's"


KEYS = st.sampled_from("abc")
CALLS = st.lists(st.tuples(st.none() | KEYS, st.none() | KEYS, st.booleans()).filter(lambda one: one[0] or one[1]))


@settings(deadline=None, max_examples=examples(60))
@given(CALLS)
def test_nobody_known_ever_becomes_somebody_else(said):
    calls = [(Who(user, anon, joins=joins), "web") for user, anon, joins in said]
    owners = {key: contact_of(key) for who, _ in calls for key in who.keys}
    found = assign(calls, owners)
    assert all(join.gone.startswith("anon:") and not join.kept.startswith("anon:") for join in found.joins)
    assert len({join.gone for join in found.joins}) == len(found.joins), "nobody goes twice"
    for (who, _), contact in zip(calls, found.contacts, strict=True):
        assert contact == (
            who.user or {j.gone: j.kept for j in found.joins}.get(f"anon:{who.anonymous}", f"anon:{who.anonymous}")
        )


@settings(deadline=None, max_examples=examples(10))
@given(st.data())
def test_events_are_neither_lost_nor_doubled_by_merges(data):
    store = open_store("sqlite://")
    with writing(store) as conn:
        create(conn)
    shop = Shop(store)
    steps = data.draw(st.lists(st.tuples(st.sampled_from(["track", "identify", "alias"]), KEYS, KEYS), max_size=12))
    for kind, user, anon in steps:
        if kind == "track":
            shop.say("track", anon=anon, event="product_viewed")
        else:
            shop.say(kind, user=user, **({"anon": anon} if kind == "identify" else {"previousId": anon}))
    assert len(shop.events()) == len(steps)
    people = shop.people()
    assert all(who in people for who, _ in shop.events())
    store.dispose()


def test_ringing_is_part_of_taking_in(shop):
    shop.say("track", user="ana", event="product_viewed")
    with writing(shop.store) as conn:
        ring(conn, ["ana"], shop.now)
    assert shop.rows(sa.select(events.c.fresh)) == [(True,)]


def test_nothing_is_kept_of_who_asked_to_be_forgotten(shop):
    with writing(shop.store) as conn:
        remember(conn, [TERMS.digest(PERSON, "ana"), TERMS.digest("email", "eva@x.test")], shop.now)
    shop.say("identify", user="ana", anon="a1", traits={"firstName": "Ana"})
    shop.say("identify", user="other", traits={"email": "eva@x.test"})
    shop.say("track", user="ben", event="product_viewed")
    assert shop.people().keys() == {"ben"}
    said = shop.rows(sa.select(problems.c.reason, problems.c.item, problems.c.message_id))
    assert said == [("is about somebody who asked to be forgotten; nothing of it was kept", "", "")]
