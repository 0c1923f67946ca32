"""Each mistake in a journey is told at its place, with its code and the way out."""

from __future__ import annotations

import pytest
from kit_copy import KIT, read, with_states

HEAD = "journey: j\nenter: {event: cart_abandoned}\nreenter: never\n"
CHOOSE = "a:\n  choose:\n    arms: [email/cart_plain, email/cart_social, nothing]\n    reward: {within: 2d, score: {clicked: 1}}\n"
NPS = {"fragments/nps.yaml": (KIT / "fragments/nps.yaml").read_text()}


@pytest.mark.parametrize(
    ("states", "code", "line", "col", "end_col"),
    [
        ("a: {afer: 1d}", "S101", 5, 7, 11),
        ("a: {send: email/cart_plain, choose: {}}", "S104", 5, 31, 37),
        ("a: {after: 1d, until: contact.birthday}", "S104", 5, 18, 23),
        ("a: {after: 2 days}", "S106", 5, 14, 20),
        ("a: {after: 48}", "S106", 5, 14, 16),
        ("a: {at: 9am}", "S107", 5, 11, 14),
        ('a: {at: "25:00"}', "S107", 5, 11, 18),
        ("a: {days: mon}", "S111", 5, 13, 16),
        ("a: {days: [mon, tues]}", "S112", 5, 19, 23),
        ("a: {split: {b: 50%, c: 60%}}\nb: {after: 1d}\nc: {after: 1d}", "S109", 5, 14, 30),
        ("a: {split: {b: 50, c: 50%}}\nb: {after: 1d}\nc: {after: 1d}", "S108", 5, 18, 20),
        ("exit: {send: email/cart_plain}", "S110", 5, 3, 7),
        ("a: [b]", "S111", 5, 6, 9),
        ("A-b: {after: 1d}", "S112", 5, 3, 6),
        ("a: {after: 1d, then: bb}\nb: {after: 1d}", "R201", 5, 24, 26),
        ("a: {wait_for: {event: clickd, within: 1d}}", "R202", 5, 25, 31),
        ("a: {emit: {event: order_place}}", "R202", 5, 21, 32),
        ("a: {send: email/cart_plan}", "R203", 5, 13, 28),
        ("a: {send: cart_plain}", "R203", 5, 13, 23),
        ("a: {wait_for: {segment: lapsed90, within: 1d}}", "R204", 5, 27, 35),
        ("a: {run: npss}", "R205", 5, 12, 16),
        ("a: {if: contact.teir == 1}", "X301", 5, 19, 23),
        ("a: {if: entry.valu > 1}", "X301", 5, 17, 21),
        ("a: {if: event.value > 1}", "X301", 5, 11, 16),
        ("a: {set: {contact.teir: gold}}", "X301", 5, 21, 25),
        ("a: {set: {contact.tier: gld}}", "X302", 5, 27, 30),
        ("a: {set: {contact.orders_365d: many}}", "X302", 5, 34, 38),
        ("a: {set: {tier: gold}}", "S112", 5, 13, 17),
        ("a: {emit: {event: order_placed, props: {totl: 3}}}", "X301", 5, 43, 47),
        ("a: {if: 3 > 2 > 1}", "X300", 5, 17, 18),
        ("a: {until: contact.tier}", "X302", 5, 14, 26),
        ('a: {after: "=contact.tier"}', "X302", 5, 16, 28),
        ("a: {wait_for: {event: clicked}}", "F403", 5, 17, 33),
        ("a: {wait_for: {within: 1d}}", "S113", 5, 17, 29),
        ("a: {call: {url: https://crm.acme.test/x}}", "R210", 5, 19, 42),
        ("a: {call: {url: crm}}", "S112", 5, 19, 22),
        ("a: {send: email/cart_plain, when_capped: switch}", "S112", 5, 44, 50),
        ("a: {send: {message: email/cart_plain, quiet_hours: ignore}}", "P602", 5, 54, 60),
        ("a: {after: 1d, with: {x: 1}}", "S112", 5, 18, 22),
        ("a: {branch: [{if: contact.can_push, then: b}, {then: b}]}\nb: {after: 1d}", "S113", 5, 49, 58),
    ],
)
def test_a_mistake_in_a_state_is_told_at_its_place(states, code, line, col, end_col):
    found = with_states(states)
    assert found.journey is None
    first = found.one(code)
    assert found.codes == [code]
    assert (first.line, first.col, first.end_col) == (line, col, end_col)


@pytest.mark.parametrize(
    ("top", "code", "col"),
    [
        ("exit_if: []", "S101", 1),
        ("holdout: 10", "S108", 10),
        ("holdout: 0.1", "S108", 10),
        ("holdout: 120%", "S112", 10),
        ("priority: 101", "S112", 11),
        ("priority: high", "S111", 11),
        ("topic: promos", "R208", 8),
        ("timezone: Europe/Pariss", "R209", 11),
        ("use: [shared/none.yaml]", "R212", 7),
        ("start: b", "R201", 8),
        ("moved: {old: b}", "R201", 14),
        ("moved: {a: exit}", "S112", 9),
        ("goal: {event: order_place}", "R202", 15),
        ("goal: {within: 3d}", "S113", 7),
        ("goal: {event: order_placed, value: event.totl}", "X301", 42),
        ("goal: {event: order_placed, value: event.order_id}", "X302", 36),
        ("exit_when: {event: clicked}", "S111", 12),
        ("exit_when: [{reason: x}]", "S113", 13),
        ("exit_when: [{if: event.total > 1}]", "X301", 18),
        ("jump_when: [{event: clicked}]", "S113", 13),
        ("vars: {key: '${CRM_KEY}'}", "X304", 14),
        ("vars: {later: =1 + 1}", "S112", 15),
        ("caps: {all: [5/day]}", "P602", 13),
        ("caps: {channels: {email: [3/day]}}", "P602", 26),
        ("caps: {channels: {emial: [3/day]}}", "R207", 19),
        ("caps: {all: [often]}", "S112", 14),
        ("quiet_hours: ignore", "P602", 14),
        ('quiet_hours: {from: "23:00", to: "07:00"}', "P602", 14),
        ("late: {skip_after: 3d}", "P602", 20),
        ("tests: [{name: x}]", "S113", 9),
    ],
)
def test_a_mistake_in_a_journeys_own_keys_is_told_at_its_place(top, code, col):
    found = with_states("a: {after: 1d}", top)
    assert found.codes == [code], found.problems
    assert (found.one(code).line, found.one(code).col) == (4, col)


@pytest.mark.parametrize(
    ("enter", "code", "col"),
    [
        ("[signed_up]", "S111", 8),
        ("{}", "S113", 8),
        ("{event: signed_upp}", "R202", 16),
        ("{event: signed_up, check: daily 06:00}", "S101", 27),
        ("{segment: lapsed_90d, check: often}", "S112", 37),
        ("{segment: lapsed_90d, limit: 400}", "S112", 37),
        ("{schedule: someday}", "S112", 19),
        ("{manual: false}", "S112", 17),
        ("{event: signed_up, if: event.valu > 1}", "X301", 37),
    ],
)
def test_a_mistake_in_enter_is_told_at_its_place(enter, code, col):
    found = read(f"journey: j\nreenter: never\nenter: {enter}\nstates:\n  a: {{after: 1d}}\n")
    assert found.codes == [code], found.problems
    assert found.one(code).col == col


@pytest.mark.parametrize(
    ("clause", "code"),
    [
        ("explore: {min_share: 40%}", "B502"),
        ("baseline: {arm: email/cart_socail, share: 10%}", "B503"),
        ("explore: {policy: vww}", "S112"),
        ("explore: {policy: fixed}", "S113"),
        ("explore: {policy: fixed, shares: {nothing: 50%, email/cart_plan: 50%}}", "B503"),
        ("explore: {policy: fixed, shares: {nothing: 50%}}", "S109"),
        ("context: [contact.teir]", "X301"),
        ("keep: forever", "S112"),
        ("messages: [cart_plain]", "S104"),
        ("stop_arm_if: {unsubscribed: 1}", "S108"),
    ],
)
def test_a_mistake_in_a_choose_is_told(clause, code):
    found = with_states(f"{CHOOSE}    {clause}\n")
    assert found.codes == [code], found.problems
    assert found.one(code).line == 9


@pytest.mark.parametrize(
    ("arms", "reward", "code"),
    [
        ("arms: [email/cart_plain, email/cart_plain]", "{within: 1d, score: {clicked: 1}}", "B505"),
        ("arms: [email/cart_plan, nothing]", "{within: 1d, score: {clicked: 1}}", "R203"),
        ("messages: [cart_plan]\n    channels: [email]", "{within: 1d, score: {clicked: 1}}", "R203"),
        (
            "messages: [cart_plain, cart_social]\n    channels: [email, sms]",
            "{within: 1d, score: {clicked: 1}}",
            "R207",
        ),
        ("arms: [email/cart_plain, nothing]", "goal", "R211"),
        ("arms: [email/cart_plain, nothing]", "{within: 1d, score: {click: 1}}", "R202"),
        ("arms: [email/cart_plain, nothing]", "{within: 1d, score: {clicked: event.totl}}", "X301"),
        ("arms: [email/cart_plain, nothing]", "{within: 1d}", "S113"),
        ("arms: [email/cart_plain, nothing]", "{within: 1d, score: {clicked: 1}, clip: [3, 1]}", "S112"),
    ],
)
def test_arms_and_rewards_are_checked(arms, reward, code):
    found = with_states(f"a:\n  choose:\n    {arms}\n    reward: {reward}\n")
    assert found.codes[:1] == [code], found.problems


def test_a_key_beside_its_action_is_told_and_read_all_the_same():
    found = with_states(
        "a:\n  choose:\n    arms: [email/cart_plain, nothing]\n  reward: {within: 1d, score: {clicked: 1}}\n"
    )
    assert found.codes == ["S102"]
    problem = found.one("S102")
    assert (problem.says, problem.label) == (
        '"reward" belongs inside `choose`, not beside it',
        "indent this by two more spaces",
    )
    assert [(edit.line, edit.text) for edit in problem.fix] == [(8, "  ")]


def test_a_journey_without_enter_is_shown_how_to_write_one():
    found = read("journey: j\nstates: {a: {after: 1d}}\n").one("S103")
    assert (found.line, found.col, found.end_col) == (1, 1, 11)
    assert "enter: {manual: true}" in found.helps[0]


def test_a_suggestion_names_the_line_of_the_state():
    found = with_states("recover: {after: 1d}\nb: {after: 1d, then: recoverr}").one("R201")
    assert (found.label, found.fix[0].text) == ('did you mean "recover" (line 5)?', "recover")


def test_an_unknown_key_is_repaired_and_the_known_ones_listed():
    found = with_states("a: {after: 1d}", "goel: {event: order_placed}").one("S101")
    assert (found.says, found.label, found.fix[0].text) == (
        'unknown key "goel" in a journey',
        'did you mean "goal"?',
        "goal",
    )
    assert found.notes[0].startswith("journey keys are: journey, title, topic, priority")


def test_missing_and_unknown_parameters_of_a_fragment_are_told():
    missing = with_states("a: {after: 1h, run: nps}", files=NPS)
    assert missing.codes == ["R205"]
    assert "needs `survey`" in missing.one("R205").says
    assert with_states("a: {after: 1h, run: nps, with: {survey: x, remainder: 2d}}", files=NPS).codes == ["R205"]
    assert with_states("a: {after: 1h, run: nps, with: {survey: x, reminder: soon}}", files=NPS).codes == ["R205"]


def test_fragments_that_run_each_other_are_told():
    files = {
        "fragments/one.yaml": "fragment: one\nstates: {x: {after: 1h, run: two}}\n",
        "fragments/two.yaml": "fragment: two\nstates: {y: {after: 1h, run: one}}\n",
    }
    found = with_states("a: {after: 1h, run: one}", files=files)
    assert found.codes == ["R206"]
    assert (found.one("R206").file, found.one("R206").says) == (
        "fragments/two.yaml",
        "fragments run each other in a circle: one → two → one",
    )


def test_a_mistake_inside_a_fragment_is_told_in_the_fragment():
    files = {"fragments/nps.yaml": "fragment: nps\nstates:\n  ask: {send: email/nps_askk}\n"}
    found = with_states("a: {after: 1h, run: nps}", files=files).one("R203")
    assert (found.file, found.line, found.col) == ("fragments/nps.yaml", 3, 15)


def test_a_looser_cap_points_at_the_projects():
    found = with_states("a: {after: 1d}", "caps: {channels: {email: [3/day]}}").one("P602")
    assert (found.label, found.notes) == ("project allows 1/day", ("project cap at sojourn.yaml:23:21",))


def test_a_transactional_journey_may_loosen():
    found = with_states("a: {send: email/cart_plain}", "transactional: true\ncaps: {all: [9/day]}\nquiet_hours: ignore")
    assert found.good.limits.quiet == {}


def test_all_mistakes_are_found_at_once():
    found = with_states(
        "a: {after: 2 days, if: contact.teir == 1, then: c}\nb: {send: email/nothing_like_it, at: 9am}",
        "holdout: 10\nnonsense: 1",
    )
    assert found.codes == ["S108", "S101", "S106", "X301", "R201", "R203", "S107"]


def test_a_file_called_otherwise_is_a_warning():
    found = read("journey: other\nenter: {event: signed_up}\nreenter: never\nstates: {a: {after: 1d}}\n")
    assert found.good.name == "other"
    assert found.one("S120").severity == "warning"


def test_a_warning_can_be_silenced_on_its_line():
    text = "journey: other  # lint: ignore[S120]\nenter: {event: signed_up}\nreenter: never\nstates: {a: {after: 1d}}\n"
    assert read(text).problems == []


@pytest.mark.parametrize("text", ["", "# nothing\n", "[]", "just text", "1", "journey: j", "states:\n"])
def test_what_is_no_journey_is_told(text):
    found = read(text)
    assert found.journey is None
    assert found.codes
