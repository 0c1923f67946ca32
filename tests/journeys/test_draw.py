"""A drawing says what the file says, once."""

import re

import pytest

from journeys.draw import draw
from journeys.edges import edges
from journeys.load import load, load_journey
from journeys.starters import STARTER


@pytest.fixture(scope="module")
def shop():
    return load(STARTER / "shop", {})


def drawn(text: str, shop) -> list[str]:
    journey, problems = load_journey(text, "journeys/j.yaml", shop.project)
    assert journey is not None, problems
    return draw(journey).split("\n")


CART = """\
cart_recovery   9 states, 13 edges        ▶ enter  ⧖ wait  ◇ branch  ◆ decision  ⑂ split  ✉ send  ■ exit
▶ cart_abandoned, if event.value >= vars.min_cart and event.items_count > 0
⧖ cool_off ──checkout_started within 45m──▶ ⧖ paying ──after 2h──▶ route
│ time up
◇ route ──contact.tier == "gold"────────▶ ✉ concierge   weekdays 09:00-19:00, email/cart_concierge ──▶ breathe
│       ──entry.value >= vars.big_cart──▶ concierge
│ otherwise
◆ recover   email/cart_plain · email/cart_social · email/cart_offer10 (if entry.value >= 40) ·
│           push/cart_nudge (if contact.can_push) · nothing
│
⧖ breathe   after 20h, 18:00-20:30, if no clicked since entry ──otherwise──▶ ■
│
⑂ tone_test ──50%──▶ ✉ short_note   email/cart_last_short ──▶ ■
            ──50%──▶ ✉ long_note   email/cart_last_long ──▶ ■
everywhere: order_placed ▶ goal · cart_emptied if event.cart_id == entry.cart_id ▶ ■ · contact.open_ticket ▶ ■"""


def test_the_abandoned_cart_is_drawn_as_the_manual_draws_it(shop):
    assert draw(shop.journeys["cart_recovery"]) == CART


def test_a_drawing_needs_no_unicode(shop):
    for journey in shop.journeys.values():
        plain = draw(journey, ascii_only=True)
        assert plain.isascii()
        assert len(plain.split("\n")) == len(draw(journey).split("\n"))


def test_several_events_with_one_way_share_an_arrow(shop):
    lines = draw(shop.journeys["winback"]).split("\n")
    arrow = "⧖ reaction ──clicked or app_opened within 7d──▶ ✉ warm   after 1d, email/winback_picks ──▶ ask_why"
    assert arrow in lines
    assert lines[1] == "▶ segment lapsed_90d, at most 400/day"


def test_every_state_is_drawn_once(shop):
    for journey in shop.journeys.values():
        text = draw(journey)
        for name in journey.states:
            assert len(re.findall(rf"[⧖◇◆⑂✉✎●↗■] {re.escape(name)}(?![\w.])", text)) == 1, name


def test_a_guard_that_leads_on_either_way_is_one_edge(shop):
    journey = shop.journeys["welcome"]
    assert [(edge.source, edge.target) for edge in edges(journey)] == [
        ("hello", "nudge"),
        ("nudge", "gift"),
        ("gift", "exit"),
    ]


EVERYTHING = """\
journey: j
topic: promo
enter: {manual: true}
reenter: never
holdout: 10%
jump_when: [{event: cart_abandoned, then: bye}]
states:
  wake: {until: contact.birthday - 3d, at: "09:00", else: bye}
  mark: {set: {journey.seen: true}}
  tell: {emit: {event: app_opened}}
  pause: {after: 2d}
  check: {if: any clicked, then: pause2, else: bye}
  pause2: {days: weekends, then: pause3}
  pause3: {at: "08:00-10:00"}
  bye: {exit: done}
"""


def test_every_kind_of_state_has_its_sign_and_words(shop):
    lines = drawn(EVERYTHING, shop)
    assert lines[1:] == [
        "▶ by hand",
        "⧖ wake   until contact.birthday - 3d, 09:00 ──no date──▶ bye",
        "│",
        "✎ mark   journey.seen = true",
        "│",
        "● tell   app_opened",
        "│",
        "⧖ pause",
        "│ after 2d",
        "◇ check   if any clicked ──otherwise──▶ bye",
        "│",
        "⧖ pause2   weekends",
        "│",
        "⧖ pause3   08:00-10:00",
        "│",
        "■ bye   done",
        "everywhere: cart_abandoned ▶ bye",
    ]


def test_the_ways_on_from_a_decision_stand_below_its_arms(shop):
    text = (
        "journey: j\ntopic: promo\nenter: {manual: true}\nholdout: 1%\nstates:\n"
        "  pick:\n    if: any clicked\n    else: late\n"
        "    choose: {arms: [email/cart_plain, nothing], reward: {within: 7d, score: {clicked: 1}}}\n"
        "  soon: {after: 1d, then: exit}\n  late: {after: 2d}"
    )
    assert drawn(text, shop)[2:5] == [
        "◆ pick   if any clicked: email/cart_plain · nothing",
        "│        ──otherwise──▶ ⧖ late ──after 2d──▶ ■",
        "│",
    ]
