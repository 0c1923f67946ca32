"""`sojourn enter`: manual journeys."""

from __future__ import annotations

MANUAL = "journey: vip\ntopic: promo\nenter: {manual: true}\nstates: {one: {send: email/welcome_hello}}\n"


def test_people_are_started_by_hand_and_the_next_tick_steps_them(shop, sojourn):
    (shop / "journeys" / "vip.yaml").write_text(MANUAL)
    (shop / "p.csv").write_text("email\nana@x.test\n")
    sojourn("contact", "import", "p.csv", "--consent", "promo")
    assert "1 contact at the door of vip" in sojourn("enter", "vip", "--contact", "ana@x.test").out
    assert "entered 1" in sojourn("tick").out


def test_a_journey_that_starts_on_events_is_not_started_by_hand(shop, sojourn):
    said = sojourn("enter", "welcome", "--contact", "ana@x.test")
    assert said.code == 2
    assert "sojourn event send" in said.err
