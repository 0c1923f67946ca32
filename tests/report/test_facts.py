"""Findings asked of a store in which invented people have lived."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engine.crowd import PlainCrowd, ShopCrowd, Trial, crowd_for, days_for, fits_shop, run_trial
from engine.report.asked import Asked
from engine.report.facts import findings, shares, words
from engine.report.limits import cannot_tell
from engine.store.connect import reading
from engine.store.intake import NewContact, NewEvent
from engine.store.tables import contacts
from journeys.load import load, load_journey
from journeys.starters import copy_starter

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def definitions(tmp_path_factory):
    root = tmp_path_factory.mktemp("facts")
    copy_starter("shop", root)
    return load(root, {})


@pytest.fixture(scope="module")
def lived(definitions):
    trial = Trial("cart_recovery", 150, 8, START, 7)
    world = run_trial(definitions, crowd_for(definitions.project, definitions.journeys["cart_recovery"], trial), trial)
    yield world, trial
    world.engine.close()


def asked(definitions, trial, **changes):
    journey = definitions.journeys["cart_recovery"]
    return replace(Asked(definitions.project, journey, trial.start, trial.end, str(trial.seed)), **changes)


def found(definitions, lived, **changes):
    world, trial = lived
    with reading(world.engine.store) as conn:
        return findings(conn, asked(definitions, trial, **changes))


def test_everybody_who_entered_is_in_a_group_or_held_out_by_the_project(definitions, lived):
    f = found(definitions, lived)
    assert f.entries >= sum(group.entered for group in f.groups) > 0
    assert [group.name for group in f.groups] == ["learner", "baseline", "holdout"]


def test_messages_and_decisions_add_up_to_what_the_engine_did(definitions, lived):
    f = found(definitions, lived)
    assert sum(row.sent for row in f.messages) == lived[0].posted.claimed
    assert sum(row.decisions for row in f.heat) == 0
    assert sum(day.decisions for day in f.arm_days) > 0


def test_money_is_what_the_goals_value_says(definitions, lived):
    f = found(definitions, lived)
    goals = sum(row.goals for row in f.messages)
    assert goals > 0
    assert sum(row.attributed for row in f.messages) > goals  # euros, by `value: event.total`


def test_a_goals_condition_is_asked_of_its_events(definitions, lived):
    source = definitions.sources["cart_recovery"].replace("within: 72h,", "within: 72h, if: event.total > 100000,")
    journey, _ = load_journey(source, "journeys/cart_recovery.yaml", definitions.project)
    rich = found(definitions, lived, journey=journey)
    assert sum(group.goals for group in rich.groups) == 0
    assert sum(group.goals for group in found(definitions, lived).groups) > 0


def test_a_journey_without_a_goal_says_that_nothing_tells_whether_it_pays(definitions, lived):
    plain = replace(definitions.journeys["cart_recovery"], goal=None)
    f = found(definitions, lived, journey=plain)
    assert f.groups == ()
    assert "has no goal" in " ".join(cannot_tell(f))
    assert f.meta.goal == "none"


def test_a_project_holdout_stands_in_where_the_journey_has_none(definitions, lived):
    bare = replace(definitions.journeys["cart_recovery"], holdout=0.0)
    assert shares(definitions.project, bare, None) == pytest.approx({"learner": 0.98, "holdout": 0.02})
    held = [group for group in found(definitions, lived, journey=bare).groups if group.name == "holdout"]
    assert held


def test_a_goal_is_called_by_what_is_placed(definitions):
    journey = definitions.journeys["cart_recovery"]
    assert words(journey) == ("order", "order")
    other = replace(journey, goal=replace(journey.goal, events=("demo_booked",)))
    assert words(other) == ("demo", "reach the demo")
    assert words(replace(journey, goal=None)) == ("goal", "reach the goal")


def test_the_invented_shop_is_taken_only_where_it_fits(definitions, tmp_path):
    trial = Trial("welcome", 5, 10, START, 7)
    welcome = definitions.journeys["welcome"]
    assert isinstance(crowd_for(definitions.project, welcome, trial), ShopCrowd)
    assert not fits_shop(definitions.project, replace(welcome, goal=None))
    other = replace(welcome, goal=replace(welcome.goal, events=("app_opened",)))
    crowd = crowd_for(definitions.project, other, trial)
    assert isinstance(crowd, PlainCrowd)
    assert "app_opened 10%" in crowd.says


def test_a_trial_is_long_enough_for_goal_windows_to_close(definitions):
    assert {name: days_for(journey) for name, journey in definitions.journeys.items()} == {
        "cart_recovery": 30, "welcome": 30, "winback": 60,
    }  # fmt: skip


class Leaver:
    """One person, who signs up and unsubscribes at once."""

    says = "one person"

    def arrive(self):
        return [NewContact("a", {}, {"email": "a@people.test"}, frozenset({"onboarding", "promo"}))]

    def before(self):
        return []

    def happenings(self, since, until):
        names = ("signed_up", "unsubscribed") if since == START else ()
        return [NewEvent(name, "a", name, START + timedelta(minutes=n)) for n, name in enumerate(names)]

    def told(self, sent):
        self.heard = [*getattr(self, "heard", []), *sent]


def test_whoever_unsubscribes_in_a_trial_hears_no_more(definitions):
    world = run_trial(definitions, Leaver(), Trial("welcome", 1, 10, START, 7))
    with reading(world.engine.store) as conn:
        assert conn.execute(contacts.select()).one().consents == ""
    assert world.posted.claimed <= 1
    world.engine.close()
