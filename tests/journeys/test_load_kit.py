"""The kit's files load and mean what the language says."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import time, timedelta

from kit_copy import KIT, kit, project, read

from journeys import EXIT, NOTHING, Branch, Choose, Explore, Send, Split, WaitFor, Window
from journeys.load import find_root, load, load_journey

EVERY_DAY = frozenset(range(7))


def test_the_kit_loads_without_errors():
    assert kit().ok, kit().problems
    assert list(kit().journeys) == ["cart_recovery", "welcome", "welcome_tiny", "winback"]
    assert kit().sources["welcome"].startswith("journey: welcome")


def test_the_root_is_found_from_anywhere_inside(tmp_path):
    assert find_root(KIT / "journeys") == KIT
    assert find_root(tmp_path) is None


def test_the_next_state_in_the_file_is_the_default():
    tiny = kit().journeys["welcome_tiny"]
    assert [state.then for state in tiny.states.values()] == ["tips", "gift", EXIT]
    assert [state.falls_off for state in tiny.states.values()] == [False, False, True]
    assert tiny.start == "hello"
    assert tiny.states["hello"].action == Send("email/welcome_hello", "email")


def test_the_defaults_are_the_safe_ones():
    tiny = kit().journeys["welcome_tiny"]
    assert (tiny.reenter.after, tiny.reenter.while_active) == (None, "ignore")
    assert (tiny.topic, tiny.priority, tiny.holdout, tiny.transactional) == ("general", 50, 0.0, False)
    assert tiny.goal.within == timedelta(days=14)
    assert tiny.goal.value is None
    assert tiny.limits == project().limits


def test_whole_days_before_a_time_of_day_are_calendar_days():
    tips = kit().journeys["welcome_tiny"].states["tips"]
    assert (tips.after, tips.calendar_days) == (timedelta(days=2), 2)
    assert tips.window == Window(time(9), None, EVERY_DAY)
    gift = kit().journeys["welcome_tiny"].states["gift"]
    assert (gift.after, gift.calendar_days, gift.window) == (timedelta(days=3), None, None)
    assert gift.guard.needs == {"app_opened": timedelta(days=5)}


def test_messages_times_channels_are_the_arms_that_exist():
    nudge = kit().journeys["welcome"].states["nudge"]
    assert isinstance(nudge.action, Choose)
    assert [arm.id for arm in nudge.action.arms] == [
        "email/welcome_tips",
        "push/welcome_tips",
        "email/welcome_bestsellers",
        "push/welcome_bestsellers",
        NOTHING,
    ]
    assert nudge.action.arms[-1].channel == ""
    assert nudge.window == Window(time(9), time(11), EVERY_DAY)


def test_the_goal_as_reward_brings_its_time_its_worth_and_the_penalties():
    reward = kit().journeys["welcome"].states["nudge"].action.reward
    assert reward.within == timedelta(days=14)
    assert {name: score.source for name, score in reward.score.items()} == {
        "unsubscribed": "-4",
        "complained": "-25",
        "order_placed": "1",
    }
    assert reward.scale == 1


def test_the_project_sets_what_a_choose_leaves_open():
    choose = kit().journeys["welcome"].states["nudge"].action
    assert choose.explore == Explore("vw", 300, 0.005, challenger="thompson")
    assert choose.random_share == 0.02
    assert [one.source for one in choose.context][-1] == "now.weekday"
    assert choose.stop_arm_if == {"unsubscribed": 0.01, "complained": 0.001, "bounced": 0.05}


def test_the_cart_journey_means_what_it_says():
    cart = kit().journeys["cart_recovery"]
    assert (cart.title, cart.owner, cart.priority, cart.holdout) == ("Abandoned cart", "growth@acme.test", 70, 0.1)
    assert cart.vars == {"min_cart": 15, "big_cart": 200}
    assert cart.enter.events == ("cart_abandoned",)
    assert cart.enter.guard.source == "event.value >= vars.min_cart and event.items_count > 0"
    assert (cart.reenter.after, cart.reenter.while_active) == (timedelta(days=3), "restart")
    assert [(one.events, one.reason) for one in cart.exits] == [(("cart_emptied",), "cart_emptied"), ((), "exit_when")]
    assert len(cart.tests) == 2
    message, when = cart.tests[1].expected.sent[0]
    assert (message, when.said) == ("email/cart_concierge", "2025-10-20T09:00..19:00")


def test_a_wait_a_branch_and_a_split_lead_where_they_say():
    states = kit().journeys["cart_recovery"].states
    wait = states["cool_off"]
    assert isinstance(wait.action, WaitFor)
    assert [(one.event, one.then) for one in wait.action.first] == [("checkout_started", "paying")]
    assert (wait.action.within, wait.otherwise) == (timedelta(minutes=45), "route")
    route = states["route"]
    assert isinstance(route.action, Branch)
    assert [target for _, target in route.action.ways] == ["concierge", "concierge"]
    assert route.otherwise == "recover"
    assert states["tone_test"].action == Split((("short_note", 0.5), ("long_note", 0.5)))
    assert states["breathe"].otherwise == EXIT
    assert states["concierge"].action.sender == "Maya at Acme <maya@acme.test>"
    assert states["concierge"].window.days == frozenset(range(5))


def test_a_choose_in_full_is_read_in_full():
    recover = kit().journeys["cart_recovery"].states["recover"]
    choose = recover.action
    assert isinstance(choose, Choose)
    offer, push = choose.arms[2], choose.arms[3]
    assert (offer.guard.source, offer.cost.source) == ("entry.value >= 40", "0.10 * entry.value")
    assert (push.id, push.channel) == ("push/cart_nudge", "push")
    assert choose.reward.score["clicked"].source == "0.20"
    assert choose.baseline == ("email/cart_social", 0.1)
    assert (choose.stop_arm_if["unsubscribed"], choose.stop_after) == (0.005, 200)
    assert recover.when_capped == "switch"
    assert recover.title == "Pick the first follow-up"
    assert kit().journeys["cart_recovery"].states["short_note"].when_capped == "skip"


def test_a_segment_entry_arrives_as_an_internal_event():
    enter = kit().journeys["winback"].enter
    assert (enter.kind, enter.events, enter.segment) == ("segment", ("enter:winback",), "lapsed_90d")
    assert (enter.check, enter.limit) == ("daily 06:00", (400, "day"))


def test_a_fragment_is_pasted_in_with_its_parameters():
    states = kit().journeys["winback"].states
    assert list(states)[-3:] == ["ask_why", "ask_why.ask", "ask_why.remind"]
    assert (states["ask_why"].then, states["ask_why"].otherwise) == ("ask_why.ask", EXIT)
    assert states["ask_why"].after == timedelta(days=14)
    assert not states["ask_why"].falls_off
    remind = states["ask_why.remind"]
    assert (remind.after, remind.then, remind.falls_off) == (timedelta(days=4), EXIT, True)
    assert remind.vars == {"survey": "winback", "reminder": timedelta(days=4)}
    assert remind.place.file == "fragments/nps.yaml"


def test_a_state_that_a_restart_can_reach_again_is_cyclic():
    cart = kit().journeys["cart_recovery"]
    assert cart.cyclic == frozenset(cart.states)
    assert kit().journeys["welcome"].cyclic == frozenset()


def test_the_version_changes_with_the_meaning_and_not_with_comments():
    text = (KIT / "journeys/welcome.yaml").read_text()
    plain = read(text).good.version
    assert len(plain) == 12
    assert read(text + "# a remark\n").good.version == plain
    assert read(text.replace("2d", "3d")).good.version != plain


def test_the_version_counts_what_a_fragment_says():
    text = (KIT / "journeys/winback.yaml").read_text()
    nps = (KIT / "fragments/nps.yaml").read_text()
    one = read(text, files={"fragments/nps.yaml": nps}).good.version
    assert read(text, files={"fragments/nps.yaml": nps.replace("4d", "5d")}).good.version != one


def test_a_broken_journey_hides_no_other(tmp_path):
    for name in ("sojourn.yaml", "data.yaml"):
        (tmp_path / name).write_text((KIT / name).read_text())
    (tmp_path / "templates").symlink_to(KIT / "templates")
    (tmp_path / "journeys").mkdir()
    (tmp_path / "journeys/a.yaml").write_text("journey: a\nenter: [")
    (tmp_path / "journeys/welcome_tiny.yaml").write_text((KIT / "journeys/welcome_tiny.yaml").read_text())
    (tmp_path / "journeys/z.yaml").write_bytes(b"\xff")
    (tmp_path / "journeys/twin.yaml").write_text((KIT / "journeys/welcome_tiny.yaml").read_text())
    found = load(tmp_path, {})
    assert not found.ok
    assert [(one.file, one.code) for one in found.problems if one.severity == "error"] == [
        ("journeys/a.yaml", "Y008"),
        ("journeys/welcome_tiny.yaml", "S122"),
        ("journeys/z.yaml", "Y009"),
    ]


def test_random_damage_is_always_a_list_of_problems():
    texts = [path.read_text() for path in sorted((KIT / "journeys").glob("*.yaml"))]
    chance = random.Random(7)
    signs = ["{", "}", "[", "]", ",", ":", '"', "'", "#", "-", "!", "&", "*", "\t", "\n", "\n  ", " ", "=", "(", "{{", "<<: ", "null", "é", "\u2028", "\x00"]  # fmt: skip
    for _ in range(500):
        letters = list(chance.choice(texts))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(letters))
            match chance.randrange(3):
                case 0:
                    del letters[at : at + chance.randint(1, 12)]
                case 1:
                    letters.insert(at, chance.choice(signs))
                case 2:
                    start = chance.randrange(len(letters))
                    letters[at : at + 8] = letters[start : start + 8]
        journey, problems = load_journey("".join(letters), "journeys/j.yaml", replace(project()))
        assert journey is not None or problems
        assert all(one.line >= 1 and 1 <= one.col < one.end_col for one in problems)
