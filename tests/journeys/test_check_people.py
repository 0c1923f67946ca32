"""What only counts can tell: too little traffic, people without an address, values that are missing."""

from __future__ import annotations

from datetime import timedelta
from math import sqrt

import pytest

from journeys.check_learning import detectable, needed
from journeys.facts import NO_FACTS, Facts, Point, Seen, Traffic
from journeys.load import load, load_journey
from journeys.starters import STARTER

HEAD = """\
journey: j
topic: promo
enter: {event: signed_up}
reenter: never
goal: {event: order_placed, within: 14d}
holdout: 10%
states:
"""
CHOOSE = """\
  a:
    choose:
      arms: [ARMS]
      reward: {within: 3d, score: {SCORE}}
"""


@pytest.fixture(scope="module")
def project():
    return load(STARTER / "shop", {}).project


def said(project, states: str, facts: Facts, head: str = HEAD) -> list[str]:
    problems = load_journey(head + states, "journeys/j.yaml", project, facts=facts)[1]
    return [f"{p.code}: {p.says}" for p in problems if p.code in ("W902", "W905", "W906", "W908", "W909")]


def choose(arms: str = "email/cart_plain, email/cart_social, nothing", score: str = "order_placed: 1") -> str:
    return CHOOSE.replace("ARMS", arms).replace("SCORE", score)


def people(**more) -> Facts:
    return Facts(contacts=1000, **more)


SPLIT = "  a: {split: {b: SHARE, c: REST}}\n  b: {send: email/cart_plain, then: exit}\n  c: {send: email/cart_social}\n"
PUSH = "  a: {send: push/cart_nudge}\n"


def test_nothing_is_said_without_facts_or_about_nobody(project):
    split = SPLIT.replace("SHARE", "50%").replace("REST", "50%")
    for states in (choose(), split, PUSH):
        assert said(project, states, NO_FACTS) == []
        assert said(project, states, Facts(contacts=0)) == []


def test_a_decision_is_warned_of_when_a_year_cannot_tell_its_arms_apart(project):
    each = needed(0.1, 0.25)
    for month, warned in ((each * 3 / 12 * 0.95, True), (each * 3 / 12 * 1.05, False)):
        found = said(project, choose(), people(points={("j", "a"): Point(month, 0.1)}))
        assert [one[:4] for one in found] == (["W902"] if warned else [])


def test_before_the_first_decision_the_event_at_the_start_is_the_most_that_can_come(project):
    facts = people(events={"signed_up": Seen(timedelta(hours=1), 90)})
    assert said(project, choose(), facts) == ["W902: at most 90 decisions a month for 3 arms: too few to learn from"]
    facts = people(traffic={"j": Traffic(40)}, events={"signed_up": Seen(timedelta(hours=1), 9000)})
    assert said(project, choose(), facts)[0].startswith("W902: at most 40")


def test_the_way_out_of_a_small_decision_is_one_that_helps(project):
    def helps(score: str, month: float) -> str:
        facts = people(points={("j", "a"): Point(month, 0.08)})
        text = HEAD + choose("email/cart_plain, email/cart_social, email/cart_offer10, nothing", score)
        return next(p.helps[0] for p in load_journey(text, "j.yaml", project, facts=facts)[1] if p.code == "W902")

    assert helps("order_placed: 1", 100) == (
        "use 2 arms, add `clicked` to the reward, or decide per journey instead of per step"
    )
    assert helps("order_placed: 1, clicked: 0.2", 900).startswith("use 3 arms, or")


def test_a_holdout_is_too_small_when_half_as_much_again_would_not_show(project):
    small = said(project, PUSH, people(traffic={"j": Traffic(400, 0.1)}))
    assert small == ["W905: a holdout of 10% is about 40 people a month: too few to say what this journey is worth"]
    assert said(project, PUSH, people(traffic={"j": Traffic(4000, 0.1)})) == []
    assert said(project, PUSH, people(traffic={"j": Traffic(400, None)})) == []
    text = HEAD + PUSH
    (found,) = load_journey(text, "j.yaml", project, facts=people(traffic={"j": Traffic(400, 0.1)}))[1]
    assert found.notes == ("in three months it could show a difference of 8.2 points or more; 10% reach the goal now",)
    assert found.helps == ("use `holdout: 40%`",)
    assert text.split("\n")[found.line - 1][found.col - 1 : found.end_col - 1] == "10%"


def test_the_smallest_difference_is_the_one_of_the_manual():
    for n in (100, 1000, 3300):
        shown = detectable(0.09, n, n)
        assert 16 * 0.09 * 0.91 / shown**2 == pytest.approx(n)
    assert detectable(0.1, 300, 2700) == pytest.approx(sqrt(8 * 0.09 * (1 / 300 + 1 / 2700)))


def test_the_groups_of_a_split_are_too_small_when_the_smallest_could_show_nothing(project):
    def ways(b: float, c: float) -> Facts:
        return people(ways={("j", "a", "b"): b, ("j", "a", "c"): c}, traffic={"j": Traffic(99_999, 0.1)})

    half = SPLIT.replace("SHARE", "50%").replace("REST", "50%")
    assert said(project, half, ways(50, 50)) == ["W908: about 100 people a month in 2 groups: too few to compare them"]
    assert said(project, half, ways(500, 500)) == []
    ten = SPLIT.replace("SHARE", "10%").replace("REST", "90%")
    assert [one[:4] for one in said(project, ten, ways(100, 900))] == ["W908"]


def test_one_small_group_of_a_branch_is_nobodys_business_and_two_are_over_segmentation(project):
    branch = (
        '  a:\n    branch:\n      - {if: contact.tier == "gold", then: b}\n'
        '      - {if: contact.tier == "silver", then: c}\n    else: d\n'
        "  b: {send: email/cart_plain, then: exit}\n  c: {send: email/cart_social, then: exit}\n"
        "  d: {send: email/cart_offer10}\n"
    )

    def ways(b: float, c: float, d: float) -> Facts:
        return people(ways={("j", "a", "b"): b, ("j", "a", "c"): c, ("j", "a", "d"): d})

    assert said(project, branch, ways(3, 12, 500)) == [
        "W908: 2 of the 3 groups of this branch get fewer than 30 people a month (b 3, c 12)"
    ]
    assert said(project, branch, ways(3, 120, 500)) == []
    assert said(project, branch, ways(1, 1, 1)) == []  # too few to say even that


@pytest.mark.parametrize(
    ("states", "warned"),
    [
        (PUSH, True),
        ("  a: {if: contact.can_push, send: push/cart_nudge}\n", False),
        ("  a: {if: no app_opened within 5d, send: push/cart_nudge}\n", True),
        (choose("push/cart_nudge, nothing"), True),
        (choose("push/cart_nudge, email/cart_plain, nothing"), False),
        (choose("{send: push/cart_nudge, if: contact.can_push}, nothing"), False),
        ("  a:\n    branch: [{if: contact.can_push, then: b}]\n    else: exit\n  b: {send: push/cart_nudge}\n", False),
    ],
)
def test_a_step_on_one_channel_says_who_has_no_address_there(project, states, warned):
    facts = people(unaddressed={("", "push"): 0.58, ("", "email"): 0.01})
    found = [one for one in said(project, states, facts) if one.startswith("W906")]
    assert found == (["W906: this step is push only, and 58% of contacts have no push token"] if warned else [])
    assert said(project, states, people(unaddressed={("", "push"): 0.1, ("", "email"): 0.01})) == []


def test_a_topic_that_next_to_nobody_wants_is_named(project):
    def topic(share: float, **more) -> list[str]:
        subscribed = {"promo": share} if share else {}
        found = load_journey(HEAD + PUSH, "j.yaml", project, facts=people(subscribed=subscribed, **more))[1]
        return [p.says for p in found if p.code == "W913"]

    (nobody,) = topic(0)
    assert nobody == "nobody is subscribed to promo: no message of this journey could ever leave"
    assert topic(0.02)[0].startswith("only 2.0% of contacts are subscribed to promo")
    assert topic(0.3) == []
    account = HEAD.replace("promo", "account") + PUSH  # transactional: nobody has to ask for it
    for text, facts in ((account, people(subscribed={})), (HEAD + PUSH, people())):
        assert "W913" not in {p.code for p in load_journey(text, "j.yaml", project, facts=facts)[1]}


def test_the_people_are_those_of_the_segment_that_enters(project):
    head = HEAD.replace("{event: signed_up}", "{segment: bargain_hunters, check: daily 06:00}")
    facts = people(unaddressed={("bargain_hunters", "email"): 0.0, ("", "email"): 0.0, ("", "push"): 0.0})
    found = said(project, PUSH, facts, head)
    assert found == ["W906: this step is push only, and 100% of the segment bargain_hunters have no push token"]


@pytest.mark.parametrize(
    ("condition", "warned"),
    [
        ('contact.country == "FR"', True),
        ('contact.country == "FR" or contact.country == none', False),
        ("contact.orders_365d > 2", False),  # has a default
        ('contact.country in ["FR", "DE"] and contact.orders_365d > 2', True),
    ],
)
def test_a_condition_on_what_many_do_not_have_says_so(project, condition, warned):
    states = f"  a: {{if: '{condition}', send: email/cart_plain}}\n"
    found = said(project, states, people(without={"country": 0.31}))
    assert found == (
        ["W909: country is missing for 31% of contacts: a comparison with it is never true for them"] if warned else []
    )
    assert said(project, states, people(without={"country": 0.05})) == []
