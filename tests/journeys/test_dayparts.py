"""`times`, dayparts, and what else a decision says about whom it asks and how: read, defaulted, refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

import pytest

from journeys.journey import NOTHING, Repeat
from journeys.load import load, load_journey
from journeys.starters import STARTER

TEXT = """\
journey: j
topic: promo
enter: {event: cart_abandoned}
reenter: never
holdout: 10%
goal: {event: order_placed, within: 3d}
states:
  pick:
    CLAUSES
    choose:
      ARMS
      reward: {within: 72h, score: {order_placed: event.total}}
"""
TWO = "arms: [email/cart_plain, nothing]"


@pytest.fixture(scope="module")
def project():
    return load(STARTER / "shop", {}).project


@pytest.fixture
def read(project):
    """Return (choose, problems as CODE: words) of a decision."""

    def reading(arms, clauses="title: x", decisions=()):
        own = replace(project, decisions={**project.decisions, **dict(decisions)})
        text = TEXT.replace("ARMS", arms).replace("CLAUSES", clauses)
        journey, problems = load_journey(text, "journeys/j.yaml", own)
        return journey and journey.choices[0][1], [f"{p.code}: {p.says}" for p in problems]

    return reading


@pytest.fixture
def project_with(tmp_path):
    """Return the project and its problems with these `decisions`."""

    def reading(decisions):
        plain = (STARTER / "shop/sojourn.yaml").read_text().split("\ndecisions:")[0]
        (tmp_path / "sojourn.yaml").write_text(f"{plain}\ndecisions: {decisions}\n")
        (tmp_path / "data.yaml").write_text((STARTER / "shop/data.yaml").read_text())
        found = load(tmp_path, {})
        return found.project, [f"{p.code}: {p.says}" for p in found.problems]

    return reading


def ids(choose):
    return [arm.id for arm in choose.arms]


def test_messages_channels_and_times_multiply(read):
    choose, problems = read(
        "messages: [cart_plain, cart_nudge]\n      channels: [email, push]\n      nothing: true\n      times: [now, evening]"
    )
    assert problems == []
    assert ids(choose) == [
        "email/cart_plain", "email/cart_plain@evening", "push/cart_nudge", "push/cart_nudge@evening", NOTHING,
    ]  # fmt: skip


def test_an_arm_may_have_times_of_its_own_and_silence_has_none(read):
    arms = 'times: [morning]\n      arms: [email/cart_plain, {send: push/cart_nudge, id: nudge, times: ["18:00-20:30"]}, nothing]'
    choose, problems = read(arms)
    assert problems == []
    assert ids(choose) == ["email/cart_plain@morning", "nudge@18:00-20:30", NOTHING]
    assert [(arm.daypart, arm.window and (arm.window.opens, arm.window.closes)) for arm in choose.arms] == [
        ("morning", (time(8), time(11))), ("18:00-20:30", (time(18), time(20, 30))), ("", None),
    ]  # fmt: skip


def test_without_times_a_message_leaves_now(read):
    choose, _ = read(TWO)
    assert [(arm.id, arm.daypart, arm.window) for arm in choose.arms] == [
        ("email/cart_plain", "", None), (NOTHING, "", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("times", "problem"),
    [
        ("[mornin]", 'S112: no daypart called "mornin"'),
        ("[]", "S112: `times` names no time"),
        ("morning", "S111: `times` is a list, but this is text"),
        ('["18:00-18:00"]', "S112: this window is empty: it closes when it opens"),
        ('["18-20"]', 'S107: cannot read "18" as a time of day'),
        ('["22:00-23:00"]', "P601: 22:00-23:00 is inside the quiet hours (21:30-08:00): this arm could never leave"),
    ],
)
def test_times_that_mean_nothing_are_said(read, times, problem):
    assert read(f"{TWO}\n      times: {times}")[1] == [problem]


def test_hours_of_the_state_and_times_of_its_arms_do_not_go_together(read):
    for clause in ('at: "09:00-11:00"', "at: best"):
        assert read(f"{TWO}\n      times: [evening]", clause)[1] == [
            "S104: `at` does not go with `times`: both say at what time of the day"
        ]
    assert read(f"{TWO}\n      times: [evening]", "days: weekdays")[1] == []


def test_a_project_names_its_own_parts_of_the_day(project_with, read):
    project, problems = project_with('{dayparts: {lunch: "12:00-13:30", morning: "06:00-09:00"}}')
    assert problems == []
    parts = project.decisions["dayparts"]
    assert (parts["lunch"].opens, parts["morning"].opens, parts["evening"].opens) == (time(12), time(6), time(17))
    choose, _ = read(f"{TWO}\n      times: [lunch]", decisions={"dayparts": parts})
    assert ids(choose) == ["email/cart_plain@lunch", NOTHING]


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ('{now: "08:00-09:00"}', "S112: `now` is no daypart: it means at once"),
        ('{Late-Night: "20:00-21:00"}', 'S112: "Late-Night" is no name: small letters, digits and _, starting with a letter'),
        ('{lunch: "12:00"}', 'S112: a daypart has a beginning and an end, like "18:00-20:30"'),
        ("{lunch: [12]}", "S111: a daypart is text, but this is a list"),
    ],
)  # fmt: skip
def test_a_part_of_the_day_that_is_none_is_said(project_with, written, problem):
    assert project_with(f"{{dayparts: {written}}}")[1] == [problem]


def test_behaviour_is_looked_at_unless_somebody_says_no(read, project_with):
    choose, _ = read(TWO)
    assert choose.signs["click"] == ("clicked",)
    assert choose.signs["order"] == ("order_placed",)
    assert "app_opened" in choose.signs["visit"]
    assert read(f"{TWO}\n      behaviour: false")[0].signs == {}
    off, _ = project_with("{behaviour: false}")
    assert read(TWO, decisions=off.decisions)[0].signs == {}
    assert read(f"{TWO}\n      behaviour: true", decisions=off.decisions)[0].signs == choose.signs


def test_a_project_says_which_events_are_visits(read, project_with):
    project, problems = project_with("{behaviour: {visit: [app_opened]}}")
    assert problems == []
    assert read(TWO, decisions=project.decisions)[0].signs == {
        "click": ("clicked",), "visit": ("app_opened",), "order": ("order_placed",),
    }  # fmt: skip
    assert project_with("{behaviour: {visit: [app_open]}}")[1][0].startswith("R202")
    assert project_with("{behaviour: often}")[1] == ["S111: `behaviour` is true or false, but this is text"]


def test_repeats_and_new_arms_have_defaults_that_project_and_choice_change(read, project_with):
    explore = read(TWO)[0].explore
    assert (explore.repeat, explore.new_arm_share) == (Repeat(0.3, timedelta(days=15)), 0.1)
    project, _ = project_with("{repeat: {penalty: 50%}, new_arm_share: 20%}")
    explore = read(TWO, decisions=project.decisions)[0].explore
    assert (explore.repeat, explore.new_arm_share) == (Repeat(0.5, timedelta(days=15)), 0.2)
    own = f"{TWO}\n      explore: {{repeat: {{half_life: 3d}}, new_arm_share: 5%}}"
    explore = read(own, decisions=project.decisions)[0].explore
    assert (explore.repeat, explore.new_arm_share) == (Repeat(0.5, timedelta(days=3)), 0.05)
    assert read(f"{TWO}\n      explore: {{repeat: {{half_life: 0s}}}}")[1] == [
        "S112: `half_life` is longer than nothing"
    ]
