"""What a model sees: tokens nothing can be smuggled into."""

import re
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.learner.features import LONGEST, MOST, arm_features, arms_of, encode, number_bin, safe_tokens
from journeys import Arm, Scope

NOW = datetime(2025, 3, 3, 10, tzinfo=UTC)
SCOPE = Scope(NOW, UTC)
HARMLESS = re.compile(r"[A-Za-z0-9_.=~%-]+")
HOSTILE = [
    "|A m=b", "a|b", "a b", "a\tb", "a\nshared |U x", "a\r\n\r\n", "a\x00b", "10:30", "a:inf", "a:nan", ":", "|",
    "'tag| x",    "~none", "%7E", "\u2028", "\u00a0", "\x1c", "日本", "\ud800", "=", "a=b", "", " ", "x" * 5000, "%",
    "-0.5 |A", "0:1:1",
]  # fmt: skip


def line(choose, **context):
    return encode(choose({name.replace("__", "."): value for name, value in context.items()}), SCOPE)


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (None, "=~none"), (True, "=1"), (False, "=0"), ("gold", "=gold"), (0, ":0"), (7, ":7"), (-7, ":-7"),
        (0.25, ":0.25"), (float("nan"), "=~none"), (float("inf"), ":1e+12"), (10**400, ":1e+12"), (64.9, ":64.9"),
        (1 / 3, ":0.333333333"), (timedelta(hours=36), ":1.5"), (time(9, 30), "=09h"), (date(2025, 3, 10), ":7"),
        (NOW - timedelta(days=40, seconds=9), ":-40"), ("12", "=12"), ("a:1", "=a%3A1"),
    ],
)  # fmt: skip
def test_every_kind_of_value_has_its_word(choose, value, word):
    assert line(choose, contact__x=value) == f"contact.x{word}"


def test_what_else_is_known_stands_after_what_the_author_asked_for(choose):
    more = {"days_since.click": 3.5, "same_as_last": True, "days_since.order": None}
    wanted = "contact.x=a days_since.click:3.5 same_as_last=1 days_since.order=~none"
    assert encode(choose({"contact.x": "a"}), SCOPE, more) == wanted


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_lies_in_the_bin_it_is_put_into(value):
    low = abs(float(number_bin(value)))
    assert low <= max(abs(value), 1e-12) * (1 + 1e-9)
    assert abs(value) < 0.01 or low >= min(abs(value), 1e9) / 2.000001


@pytest.mark.parametrize(("hour", "word"), [(0, "00h"), (2, "00h"), (9, "09h"), (11, "09h"), (23, "21h")])
def test_three_hours_of_the_day_are_alike(choose, hour, word):
    assert line(choose, now__hour=hour) == f"now.hour={word}"


def test_a_list_gives_one_token_per_element_in_any_order(choose):
    assert line(choose, contact__likes=["tea", "ale"]) == "contact.likes=ale contact.likes=tea"
    assert line(choose, contact__likes=["ale", "tea"]) == "contact.likes=ale contact.likes=tea"
    assert line(choose, contact__likes=[]) == "contact.likes=~none"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_value_becomes_more_than_one_harmless_token(choose, hostile):
    token = line(choose, contact__x=hostile)
    assert HARMLESS.fullmatch(token)
    assert token.startswith("contact.x=")
    assert len(token) <= LONGEST
    assert safe_tokens(token) == (token,)
    assert token != "contact.x=~none"


def test_different_values_stay_different_tokens(choose):
    assert len({line(choose, contact__x=value) for value in HOSTILE}) == len(HOSTILE)
    assert line(choose, contact__x="y" * 500) != line(choose, contact__x="y" * 501)


def test_an_odd_name_is_encoded_too(choose):
    assert line(choose, **{"contact.age > 3 | x": True}) == "contact.age%20%3E%203%20%7C%20x=1"


def test_a_line_holds_each_token_once_and_at_most_so_many(choose):
    assert len(line(choose, **{f"contact.x{n}": n for n in range(200)}).split()) == MOST
    assert safe_tokens("a=1 a=1 b=2") == ("a=1", "b=2")


@given(st.text())
def test_whatever_was_logged_its_tokens_are_harmless(text):
    assert all(HARMLESS.fullmatch(token) and len(token) <= LONGEST for token in safe_tokens(text))


def test_an_arm_is_its_message_and_its_channel(choose):
    assert arm_features(Arm("email/a", "email/a", "email")) == "m=email%2Fa ch=email"
    assert arms_of(choose()) == {"email/a": "m=email%2Fa ch=email", "nothing": "m=nothing"}


def test_an_arm_says_offer_topic_and_daypart_and_its_name_where_these_do_not_tell_it_apart():
    arm = Arm("email/a@morning", "email/a", "email", vars={"offer": 10, "topic": "cart", "x": "y"}, daypart="morning")
    assert arm_features(arm) == "m=email%2Fa ch=email topic=cart offer=10 t=morning id=email%2Fa%40morning"
    assert len(arm_features(Arm("a |U x", "email/a", "email")).split()) == 3
