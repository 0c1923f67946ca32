"""Who can be reached, what is read of their orders, and what a campaign leaves behind, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from engine.store import campaigns as kept
from engine.store.orders import count_orders, orders, visit_days
from engine.store.tables import addresses, contacts, events

NOW = datetime(2027, 1, 15, 12, tzinfo=UTC)
WORDS = {
    "yes": "promo", "no": "", "other": "general", "profiling": "-profiling promo", "channel": "-email promo",
    "topic": "promo promo-email", "bounced": "promo", "nowhere": "promo", "x_promo": "promox xpromo",
}  # fmt: skip


def people(conn: sa.Connection) -> None:
    conn.execute(contacts.insert(), [
        {"id": id_, "attributes": {}, "consents": words, "created_at": NOW, "updated_at": NOW} for id_, words in WORDS.items()
    ])  # fmt: skip
    conn.execute(addresses.insert(), [
        {"contact_id": id_, "channel": "email" if id_ != "nowhere" else "push", "address": id_, "added_at": NOW,
         "suppressed": "hard" if id_ == "bounced" else None} for id_ in WORDS
    ])  # fmt: skip


def event(n: int, who: str, name: str, ago: timedelta, data: dict) -> dict:
    return {"id": f"e{n}", "contact_id": who, "name": name, "at": NOW - ago, "received_at": NOW, "data": data,
            "source": "test", "fresh": False, "starts": False}  # fmt: skip


def test_only_those_are_reached_whom_the_gate_would_let_through(fresh):
    with fresh() as conn:
        people(conn)

        def reached(channel: str, topic: str | None) -> set[str]:
            return set(kept.ids(conn, sa.select(contacts.c.id).where(kept.reachable(channel, topic))))

        assert reached("email", "promo") == {"yes"}
        assert reached("push", "promo") == {"nowhere"}
        assert reached("", "promo") == {"yes", "channel", "topic", "bounced", "nowhere"}
        assert reached("email", None) == {"yes", "no", "other", "topic", "x_promo"}


def test_orders_and_days_of_visits_come_as_they_were_before_an_instant(fresh):
    with fresh() as conn:
        people(conn)
        hour = timedelta(hours=1)
        conn.execute(events.insert(), [
            event(1, "yes", "order_placed", hour, {"total": 5}), event(2, "yes", "order_placed", -hour, {"total": 6}),
            event(3, "yes", "app_opened", hour, {}), event(4, "yes", "app_opened", 2 * hour, {}),
            event(5, "yes", "app_opened", 30 * hour, {}), event(6, "no", "viewed", hour, {}),
        ])  # fmt: skip
        found = [row for batch in orders(conn, "order_placed", NOW) for row in batch]
        assert [(row[0], row[2].replace(" ", "")) for row in found] == [("yes", '{"total":5}')]
        assert count_orders(conn, "order_placed") == 2
        days = {(who, day) for batch in visit_days(conn, ["app_opened", "viewed"], NOW) for who, day in batch}
        assert sorted(who for who, _ in days) == ["no", "yes", "yes"]


def test_a_run_and_its_audience_are_kept_and_a_plan_takes_the_place_of_the_one_before(fresh):
    with fresh() as conn:
        people(conn)
        run = {"id": "shoes@2027-W02", "campaign": "shoes", "at": NOW, "journey": "campaign_shoes", "arrays": "a", "weights": "w",
               "seed": 1, "size": 2, "forecast": 1.5, "low": 1.0, "high": 2.0, "about": {"skus": ["A"]}}  # fmt: skip
        row = {"run": run["id"], "group": "model", "rfm": 9.0, "reasons": [["own_ever", 1.0, 2.0]]}
        kept.begin_run(
            conn,
            run,
            [
                {**row, "contact_id": "yes", "p": 0.9, "held": False},
                {**row, "contact_id": "no", "p": 0.95, "held": True},
            ],
        )
        assert [one.contact_id for one in kept.audience_of(conn, run["id"])] == ["no", "yes"]
        assert kept.entered(conn, run["id"]) == ["yes"]
        assert [one.about for one in kept.runs_of(conn, "shoes")] == [{"skus": ["A"]}]
        conn.execute(events.insert(), [event(9, "yes", "order_placed", timedelta(0), {"total": 5})])
        told = list(kept.happenings(conn, run["id"], ["order_placed"], (NOW, NOW + timedelta(days=1))))
        assert told == [("yes", "order_placed", NOW, {"total": 5})]
        place = {"campaign": "shoes", "contact_id": "yes", "week": "2027-01-11", "p": 0.5, "at": NOW}
        kept.reserve(conn, [place], ["shoes"])
        kept.reserve(conn, [{**place, "contact_id": "no"}, {**place, "contact_id": "other"}], ["shoes", "tea"])
        assert kept.reserved(conn, "shoes", "2027-01-11") == {"no", "other"}
        assert kept.planned(conn) == {("shoes", "2027-01-11"): 2}
