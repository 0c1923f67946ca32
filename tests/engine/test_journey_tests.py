"""The tests inside journey files: what passes, what fails, and what a failure says."""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.app import usable
from engine.testing import Played, Stage, unvisited
from journeys.load import load, load_journey
from journeys.project import Definitions
from journeys.starters import STARTER
from journeys.testing import read_when

KIT = Path(__file__).parents[1] / "journeys" / "kit"
CART = "{at: 0h, cart_abandoned: {cart_id: A, value: 64.9, items_count: 2}}"
GOLD = "contact: {tier: gold, timezone: Europe/Paris}"


@pytest.fixture(scope="module")
def shop() -> Definitions:
    return load(STARTER / "shop", {})


@pytest.fixture(scope="module")
def stage(shop):
    made = Stage(shop)
    yield made
    made.close()


@pytest.fixture
def played(shop, stage):
    """Play one test, written in the place of those of the abandoned cart."""

    def play(body: str) -> Played:
        text = (STARTER / "shop/journeys/cart_recovery.yaml").read_text("utf-8")
        text = (
            text[: text.index("\ntests:")] + "\ntests:\n  - name: t\n" + textwrap.indent(textwrap.dedent(body), "    ")
        )
        journey, problems = load_journey(text, "journeys/cart_recovery.yaml", usable(shop))
        assert journey is not None, problems
        return stage.play(journey, journey.tests[0])

    return play


def reasons(one: Played) -> str:
    return "\n".join(reason for miss in one.misses for reason in miss.because)


@pytest.mark.parametrize("root", [KIT, STARTER / "shop", STARTER / "saas"], ids=lambda path: path.name)
def test_the_tests_that_come_with_sojourn_pass(root):
    definitions = load(root, {})
    stage = Stage(definitions)
    found = [stage.play(journey, one) for journey in definitions.journeys.values() for one in journey.tests]
    stage.close()
    assert len(found) >= 2
    assert [(one.test.name, one.misses, one.broken) for one in found if not one.passed] == []


def test_a_cap_that_is_used_up_is_named_with_its_line_and_its_user(played):
    one = played(f"""\
        start: 2025-10-20T08:10
        {GOLD}
        events:
          - {{at: 0h, signed_up: {{}}}}
          - {{at: 1h, cart_abandoned: {{cart_id: A, value: 30, items_count: 1}}}}
        expect: {{sent: [{{email/cart_concierge: "2025-10-20T09:00..19:00"}}]}}
    """)
    (miss,) = one.misses
    assert miss.expected == "email/cart_concierge   Mon 20 Oct 09:00-19:00"
    assert miss.got.startswith("email/cart_concierge   Tue 21 Oct ")
    caps = (STARTER / "shop/sojourn.yaml").read_text().split("\n")
    line = 1 + next(n for n, text in enumerate(caps) if "email: [1/day" in text)
    assert f"email 1/day is used up (sojourn.yaml:{line}), last by welcome/hello, Mon 20 Oct 08:10" in reasons(one)


def test_alone_no_other_journey_takes_a_slot(played):
    events = "[{at: 0h, signed_up: {}}, {at: 1h, cart_abandoned: {cart_id: A, value: 30, items_count: 1}}]"
    body = f"start: 2025-10-20T08:10\n{GOLD}\nevents: {events}\n"
    expect = 'expect: {sent: [{email/cart_concierge: "2025-10-20T09:00..19:00"}]}\n'
    assert not played(body + expect).passed
    assert played(f"{body}alone: true\n{expect}").passed


def test_a_condition_that_is_false_is_told_with_its_values_and_line(played):
    one = played(f"events: [{CART}]\nexpect: {{path: [cool_off, route, concierge]}}\n")
    assert one.misses[0].got == "cool_off → route → recover"
    assert '`contact.tier == "gold"` is false, contact.tier is basic' in reasons(one)
    assert "entry.value is 64.9, vars.big_cart is 200 (journeys/cart_recovery.yaml:" in reasons(one)


def test_an_event_that_came_is_told_where_a_condition_says_it_should_not(played):
    clicked = "{at: 3h, clicked: {message: email/cart_plain}}"
    one = played(f"events: [{CART}, {clicked}]\nchoose: {{recover: email/cart_plain}}\nexpect: {{ends: completed}}\n")
    assert one.misses[0].got.startswith("exit   ")
    assert "`no clicked since entry` is false, clicked came Mon 5 Jan 13:00" in reasons(one)


def test_quiet_hours_are_named_with_their_line(played):
    one = played(f"start: 2026-01-12T22:00\nevents: [{CART}]\nchoose: {{recover: email/cart_plain}}\n"
                 'expect: {sent: [{email/cart_plain: "45m"}]}\n')  # fmt: skip
    assert "quiet hours 21:30-08:00 (sojourn.yaml:" in reasons(one)


def test_another_arm_that_was_drawn_is_told_with_the_way_to_force_it(played):
    said = {arm: f"events: [{CART}]\nexpect: {{sent: [{arm}]}}\n" for arm in ("email/cart_plain", "email/cart_social")}
    failed = next(one for text in said.values() if not (one := played(text)).passed)
    assert "force it with choose: {recover: email/cart_" in reasons(failed)


def test_an_arm_that_is_not_eligible_is_told_with_its_condition(played):
    one = played("events: [{cart_abandoned: {cart_id: A, value: 30, items_count: 1}}]\n"
                 "expect: {sent: [email/cart_offer10]}\n")  # fmt: skip
    assert "not entry.value >= 40" in reasons(one)


def test_a_forced_arm_is_the_one_that_is_sent(played):
    for arm in ("email/cart_plain", "email/cart_social", "email/cart_offer10"):
        assert played(f"events: [{CART}]\nchoose: {{recover: {arm}}}\nexpect: {{sent: [{arm}]}}\n").passed


def test_somebody_who_does_not_enter_is_told_why(played):
    one = played("events: [{cart_abandoned: {cart_id: A, value: 3, items_count: 1}}]\nexpect: {path: [cool_off]}\n")
    assert (one.misses[0].what, one.misses[0].got) == ("enter", "nobody enters")
    assert "event.value is 3, vars.min_cart is 15, event.items_count is 1" in reasons(one)
    one = played("events: [{app_opened: {}}]\nexpect: {path: [cool_off]}\n")
    assert reasons(one) == "it begins with cart_abandoned, and the test has no such event"
    assert played("events: [{app_opened: {}}]\nexpect: {sent_at_most: 0}\n").passed


def test_people_are_learners_unless_the_test_says_otherwise(played):
    body = f"events: [{CART}]\nchoose: {{recover: email/cart_plain}}\n"
    assert played(f"{body}expect: {{sent: [email/cart_plain]}}\n").passed
    held = played(f"{body}group: holdout\nexpect: {{sent: [email/cart_plain]}}\n")
    assert "held out" in reasons(held)
    assert played(f"{body}group: holdout\nexpect: {{sent_at_most: 0, path: [cool_off, route, recover]}}\n").passed
    assert played(f"events: [{CART}]\ngroup: baseline\nexpect: {{sent: [email/cart_social]}}\n").passed


def test_where_somebody_is_at_a_time_can_be_asked(played):
    assert played(f"events: [{CART}]\nexpect: {{state_at: {{30m: cool_off, 2h: breathe, 10d: exit}}}}\n").passed
    one = played(f"events: [{CART}]\nexpect: {{state_at: {{50m: cool_off}}}}\n")
    assert one.misses[0].expected == "cool_off   after 50m, Mon 5 Jan 10:50"
    assert one.misses[0].got == "breathe since Mon 5 Jan 10:45"


def test_the_goal_ends_it_and_is_told_with_its_line_where_it_was_not_expected(played):
    events = f"events: [{CART}, {{at: 50m, order_placed: {{total: 1}}}}]\n"
    assert played(f"{events}expect: {{ends: goal, sent_at_most: 1}}\n").passed
    one = played(f"{events}expect: {{ends: completed}}\n")
    assert "order_placed is the goal (journeys/cart_recovery.yaml:" in reasons(one)


def test_who_unsubscribes_hears_no_more_and_the_test_says_so(played):
    one = played(
        f"events: [{CART}, {{at: 10m, unsubscribed: {{topic: promo}}}}]\nexpect: {{sent: [email/cart_plain]}}\n"
    )
    assert "not subscribed to promo" in reasons(one)


def test_every_expectation_that_fails_is_told(played):
    one = played(
        f"events: [{CART}]\nexpect: {{path: [paying], ends: goal, sent_at_most: 0, state_at: {{1h: paying}}}}\n"
    )
    assert [miss.what for miss in one.misses] == ["path", "sent_at_most", "ends", "state_at"]
    assert all(miss.place.file == "journeys/cart_recovery.yaml" and miss.because for miss in one.misses)


def test_a_broken_test_is_an_error_of_the_file_and_stops_no_other(shop, stage):
    text = (STARTER / "shop/journeys/cart_recovery.yaml").read_text("utf-8")
    text += "  - name: broken\n    contact: {teir: gold}\n    expect: {path: [cool_of]}\n"
    journey, problems = load_journey(text, "journeys/cart_recovery.yaml", usable(shop))
    assert [(problem.code, problem.label) for problem in problems] == [
        ("X301", 'did you mean "tier"?'),
        ("R201", 'did you mean "cool_off"?'),
    ]
    assert journey is not None
    found = [stage.play(journey, one) for one in journey.tests]
    assert [one.passed for one in found] == [True, True, False]
    assert [problem.code for problem in found[2].broken] == ["X301", "R201"]


MISTAKES = {
    "nam: t\n": "S101",
    "contact: {tier: golden}\nexpect: {ends: goal}": "S112",
    "contact: {orders_365d: many}\nexpect: {ends: goal}": "S112",
    "contact: {timezone: Paris}\nexpect: {ends: goal}": "S112",
    "contact: {birthday: soon}\nexpect: {ends: goal}": "S112",
    "start: tomorrow\nexpect: {ends: goal}": "S112",
    "start: 2026-01-12\nexpect: {ends: goal}": "S112",
    "events: [{cart_abandond: {}}]\nexpect: {ends: goal}": "R202",
    "events: [{at: 2 days, cart_abandoned: {}}]\nexpect: {ends: goal}": "S106",
    "events: [{cart_abandoned: {valu: 3}}]\nexpect: {ends: goal}": "X301",
    "events: [{cart_abandoned: {value: three}}]\nexpect: {ends: goal}": "S112",
    "events: [{at: 1h}]\nexpect: {ends: goal}": "S113",
    "choose: {cool_off: email/cart_plain}\nexpect: {ends: goal}": "R201",
    "choose: {recover: email/cart_plan}\nexpect: {ends: goal}": "S112",
    "group: everybody\nexpect: {ends: goal}": "S112",
    "expect: {}": "S113",
    "expect: {ends: gaol}": "S112",
    "expect: {sent: []}": "S112",
    "expect: {sent: [email/nothing_like_it]}": "R203",
    "expect: {sent: [{email/cart_plain: later}]}": "S112",
    "expect: {sent: [{email/cart_plain: '19:00..09:00'}]}": "S112",
    "expect: {sent_at_most: few}": "S111",
    "expect: {state_at: {noon: route}}": "S106",
}


@pytest.mark.parametrize(("body", "code"), MISTAKES.items())
def test_what_a_test_names_must_exist(shop, body, code):
    text = (STARTER / "shop/journeys/cart_recovery.yaml").read_text("utf-8")
    text = text[: text.index("\ntests:")] + "\ntests:\n  - name: t\n" + textwrap.indent(body, "    ") + "\n"
    _, problems = load_journey(text, "journeys/cart_recovery.yaml", usable(shop))
    found = [problem for problem in problems if problem.severity == "error"]
    assert code in [problem.code for problem in found]
    first = text[: text.index("\ntests:")].count("\n") + 2
    assert all(problem.line > first and problem.col > 0 for problem in found)


def test_two_tests_do_not_share_a_name(shop):
    text = (STARTER / "shop/journeys/cart_recovery.yaml").read_text("utf-8")
    text += "  - name: a buyer hears nothing more\n    expect: {ends: goal}\n"
    _, problems = load_journey(text, "journeys/cart_recovery.yaml", usable(shop))
    assert [problem.says for problem in problems] == ['two tests are called "a buyer hears nothing more"']


def test_a_test_does_not_change_the_version_of_its_journey(shop):
    text = (STARTER / "shop/journeys/cart_recovery.yaml").read_text("utf-8")
    bare = text[: text.index("\ntests:") + 1]
    versions = {load_journey(one, "journeys/cart_recovery.yaml", usable(shop))[0].version for one in (text, bare)}
    assert len(versions) == 1


def test_states_that_no_test_comes_through_are_known(shop, stage):
    journey = shop.journeys["cart_recovery"]
    found = [stage.play(journey, one) for one in journey.tests]
    assert "paying" in unvisited(journey, found)
    assert "concierge" not in unvisited(journey, found)
    assert unvisited(journey, []) == list(journey.states)


PARIS = ZoneInfo("Europe/Paris")
START = datetime(2025, 10, 25, 10, tzinfo=PARIS)  # the Saturday before the clocks go back


@pytest.mark.parametrize(
    ("said", "inside", "outside"),
    [
        ("2025-10-27T09:00..19:00", "2025-10-27T19:00", "2025-10-27T19:01"),
        ("2025-10-27", "2025-10-27T23:59", "2025-10-28T00:00"),
        ("2025-10-27T09:00", "2025-10-27T09:00", "2025-10-27T09:01"),
        ("2025-10-27..2025-10-28", "2025-10-28T12:00", "2025-10-29T00:00"),
        ("2025-10-27 09:00..2025-10-28 10:00", "2025-10-28T10:00", "2025-10-28T10:01"),
        ("09:00..11:00", "2025-10-30T11:00", "2025-10-30T11:01"),
        ("2d", "2025-10-27T00:00", "2025-10-28T00:00"),  # the day after tomorrow, whatever the hour
        ("1d..2d", "2025-10-26T00:01", "2025-10-25T23:59"),
        ("45m..1h", "2025-10-25T11:00", "2025-10-25T11:01"),
        ("25h", "2025-10-26T10:00", "2025-10-26T11:00"),  # elapsed: this night has one hour more
    ],
)
def test_the_time_of_a_message_is_local_and_both_ends_belong_to_it(said, inside, outside):
    when = read_when(said)
    assert when is not None
    for text, expected in ((inside, True), (outside, False)):
        at = datetime.fromisoformat(text).replace(tzinfo=PARIS).astimezone(UTC)
        assert when.holds(at, START.astimezone(UTC), PARIS) is expected, (said, text)


@given(st.text(max_size=30))
def test_a_time_that_cannot_be_read_is_none_never_a_fault(said):
    when = read_when(said)
    assert when is None or when.holds(START, START, PARIS) in (True, False)


@given(st.timedeltas(timedelta(0), timedelta(days=40)))
def test_a_length_of_time_means_that_minute(span):
    minutes = timedelta(minutes=span // timedelta(minutes=1))
    when = read_when(f"{int(minutes.total_seconds() // 60) or 1}m")
    at = START.astimezone(UTC) + (minutes or timedelta(minutes=1))
    assert when is not None
    assert when.holds(at, START, PARIS) or not minutes % timedelta(days=1)
