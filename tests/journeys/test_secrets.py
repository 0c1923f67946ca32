"""A secret in a journey is found by its form or its name; what people write in journeys is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit_copy import KIT, read, with_states

from journeys.load import load
from journeys.starters import STARTER, starters

HEX = "9f86d081884c7d659a2feaa0c55ad015"
MIXED = "Zk3vQ9xT1mLr8Wc2Yb7N"


def made(*parts: str) -> str:
    """Join the parts: whole, no scanner of repositories would let this file pass."""
    return "".join(parts)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (made("AK", "IAIOSFODNN7EXAMPLE"), "an AWS key"),
        (made("sk_", "live_4eC39HqLyjWDarjtT1zdp7dc"), "a Stripe key"),
        (made("gh", "p_", "a1B2" * 9), "a GitHub token"),
        (made("xo", "xb-123456789012-abcdefABCDEF"), "a Slack token"),
        (made("AI", "za", "SyA1234567890abcdefghijklmnopqrstuv"), "a Google key"),
        (made("ey", "JhbGciOiJIUzI1NiJ9.ey", "JzdWIiOiIxMjM0NSJ9.dBjftJeZ4CVPmB92K27uhbUJU1p1r"), "a JSON web token"),
        (made("-----BEGIN RSA ", "PRIVATE KEY-----"), "a private key"),
        (made("Bearer ", "abcdefghijklmnop1234"), "a bearer token"),
        (made("https://bob:", "hunter2secret@crm.test/hook"), "a password"),
    ],
)
def test_a_secret_is_known_by_its_form_wherever_it_stands(value, what):
    for text in (f'note: "{value}"', f'vars: {{x: "{value}"}}'):
        found = with_states("a: {send: email/cart_plain}", text).one("X304")
        assert found.says == f"this looks like {what}: secrets are not allowed in journeys"
    found = with_states(f'a: {{set: {{journey.x: "{value}"}}}}').one("X304")
    assert found.line == 5


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"vars: {{api_key: {HEX}}}", True),
        (f"vars: {{crm_token: {MIXED}}}", True),
        (f"vars: {{password: {MIXED}}}", True),
        (f"vars: {{colour: {MIXED}}}", False),  # no name that tells
        ("vars: {api_key: summer2025}", False),  # a person's word
        ("vars: {token: welcome_back_offer_number_one}", False),
        ("vars: {secret: 20}", False),
        ("vars: {password: email/cart_social}", False),
        ("title: The secret is out", False),
    ],
)
def test_a_secret_is_known_by_its_name_when_no_person_would_choose_its_value(line, found):
    assert ("X304" in with_states("a: {send: email/cart_plain}", line).codes) is found


def test_a_secret_in_a_link_or_a_fragment_is_found():
    (link,) = [
        p for p in with_states(f'a: {{call: {{url: "https://x.test/?api_key={HEX}"}}}}').problems if p.code == "X304"
    ]
    assert (link.line, link.end_col - link.col) == (5, len(HEX))
    fragment = f"fragment: nag\nstates:\n  a: {{set: {{journey.token: {MIXED}}}}}\n"
    inside = with_states("a: {run: nag}", files={"fragments/nag.yaml": fragment}).one("X304")
    assert (inside.file, inside.line) == ("fragments/nag.yaml", 3)


def test_a_variable_is_said_once_wherever_it_stands():
    for states in ("a: {set: {journey.x: '${CRM_KEY}'}}", "a: {title: '${CRM_KEY}', send: email/cart_plain}"):
        found = with_states(states).one("X304")
        assert found.says == "secrets and environment variables are not allowed in journeys"
        assert found.end_col - found.col == len("${CRM_KEY}")


def test_invented_people_may_have_tokens():
    journey = """
        journey: j
        enter: {event: cart_abandoned}
        reenter: never
        states: {a: {send: email/cart_plain}}
        tests:
          - name: t
            events: [{at: 0h, cart_abandoned: {cart_id: TOKEN}}]
            expect: {sent_at_most: 1}
    """
    assert "X304" not in read(journey.replace("TOKEN", HEX)).codes


def test_no_journey_of_ours_looks_like_a_secret():
    for root in [KIT, *(STARTER / name for name in starters())]:
        assert [p for p in load(root, {}).problems if p.code == "X304"] == []


@given(
    name=st.sampled_from(["token", "api_key", "secret"]),
    words=st.lists(st.from_regex(r"[a-z]{1,12}", fullmatch=True), min_size=1, max_size=5),
)
def test_words_are_no_secrets(name, words):
    assert "X304" not in with_states("a: {after: 1d}", f'vars: {{{name}: "{"_".join(words)}"}}').codes
