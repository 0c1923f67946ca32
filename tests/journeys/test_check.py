"""What lint finds in a journey that can be read, where it points, and what it leaves alone."""

from dataclasses import replace

import pytest

from journeys.check import check
from journeys.load import load, load_journey
from journeys.show import show
from journeys.starters import STARTER


@pytest.fixture(scope="module")
def project():
    return load(STARTER / "shop", {}).project


HEAD = """\
journey: j
topic: promo
enter: {event: signed_up}
reenter: never
goal: {event: order_placed, within: 14d}
holdout: 10%
"""


def found(text: str, project) -> list[str]:
    """Each finding as CODE@line:text under the carets."""
    lines = text.split("\n")
    return [
        f"{problem.code}@{problem.line}:{lines[problem.line - 1][problem.col - 1 : problem.end_col - 1]}"
        for problem in problems(text, project)
    ]


def problems(text: str, project):
    return load_journey(text, "journeys/j.yaml", project)[1]


def states(text: str, project) -> list[str]:
    return found(f"{HEAD}states:\n{text}", project)


def test_a_state_that_nothing_leads_to_is_found(project):
    text = "  a: {send: email/welcome_hello, then: exit}\n  thanks: {send: email/welcome_tips}"
    assert states(text, project) == ["F401@9:thanks"]
    (problem,) = problems(f"{HEAD}states:\n{text}", project)
    assert problem.says == 'nothing leads to the state "thanks"'
    assert problem.helps == (
        'the state above ends with `then: exit`; point some `then:` or `else:` at "thanks", or delete it',
    )


def test_only_the_first_of_a_chain_of_lost_states_is_named(project):
    text = "  a: {exit: done}\n  b: {after: 1d}\n  c: {send: email/welcome_tips}"
    assert states(text, project) == ["F401@9:b"]


def test_a_lost_circle_is_named_by_its_first_state(project):
    text = "  a: {exit: done}\n  b: {after: 1d, then: c}\n  c: {after: 1d, then: b}"
    assert states(text, project) == ["F401@9:b"]


def test_a_jump_leads_to_its_state(project):
    head = HEAD + "jump_when: [{event: cart_abandoned, then: b}]\n"
    text = head + "states:\n  a: {send: email/welcome_hello, then: exit}\n  b: {send: email/welcome_tips}"
    assert found(text, project) == []


LOOP = "  check: {if: any clicked since entry, else: ping}\n  ping:  {send: push/cart_nudge, then: check}"


def test_a_loop_without_a_wait_is_shown_with_both_its_ends(project):
    text = f"{HEAD}states:\n  first: {{after: 1h}}\n{LOOP}"
    (problem,) = [p for p in problems(text, project) if p.code == "F402"]
    assert show(problem, text) == (
        "journeys/j.yaml:10:40: error[F402] check → ping → check is a loop without a wait\n"
        "   |\n"
        " 9 |   check: {if: any clicked since entry, else: ping}\n"
        "   |   ----- loop starts here\n"
        "10 |   ping:  {send: push/cart_nudge, then: check}\n"
        "   |                                        ^^^^^ would send push/cart_nudge without end\n"
        '   = help: add `after: 1d` to "check" or "ping"\n'
        "   = note: a loop with a wait is fine; it stops after max_visits (default 10)"
    )


def test_a_wait_or_an_event_makes_a_loop_harmless(project):
    assert states(LOOP.replace("check: {", "check: {after: 1d, "), project) == []
    waits = "  a: {wait_for: {event: clicked, within: 2d}, then: exit, else: b}\n"
    assert states(waits + "  b: {send: push/cart_nudge, then: a}", project) == []


def test_a_time_of_day_is_no_wait_the_second_time(project):
    text = '  a: {at: "09:00", send: push/cart_nudge, then: a}'
    assert states(text, project) == ["F402@8:a"]
    assert "do not hold anyone back" in problems(f"{HEAD}states:\n{text}", project)[0].notes[1]


def test_a_segment_that_people_are_in_already_is_no_wait(project):
    text = "  a: {wait_for: {segment: lapsed_90d, within: 2d}, then: b, else: exit}\n"
    assert states(text + "  b: {send: push/cart_nudge, then: a}", project) == ["F402@9:a"]


def test_then_after_exit_is_never_used(project):
    assert states("  a: {exit: done, then: b}\n  b: {after: 1d, then: a}", project)[0] == "F404@8:b"


def test_a_state_that_does_nothing_is_found(project):
    text = "  a: {send: email/welcome_hello}\n  b: {}\n  c: {after: 1d}"
    assert states(text, project) == ["S105@9:b"]


def test_a_state_that_only_leads_elsewhere_is_a_signpost(project):
    text = "  a: {if: contact.open_ticket, else: c}\n  b: {then: exit}\n  c: {after: 1d}"
    assert states(text, project) == []


CHOICE = """\
  a:
    choose:
      arms: [{arms}]
      reward: {{within: {within}, score: {{{score}}}}}
"""


def choice(project, arms="email/cart_plain, nothing", within="48h", score="order_placed: 1", more="") -> list[str]:
    return states(CHOICE.format(arms=arms, within=within, score=score) + more, project)


def test_a_sound_choice_is_left_alone(project):
    assert choice(project) == []


def test_a_choice_without_silence_is_a_warning(project):
    assert choice(project, "email/cart_plain, push/cart_nudge") == ["W903@10:[email/cart_plain, push/cart_nudge]"]


def test_a_reward_window_shorter_than_the_night_and_the_cap_is_a_warning(project):
    assert choice(project, within="6h") == ["B504@11:6h"]
    text = HEAD + "states:\n" + CHOICE.format(arms="email/cart_plain, nothing", within="6h", score="clicked: 1")
    (problem,) = problems(text, project)
    assert problem.severity == "warning"
    assert problem.says == (
        "the reward window (6h) is shorter than the longest delay before sending (10h 30m quiet hours + 36h max_wait)"
    )
    assert problem.helps == ("use `within: 48h` or more, or a shorter `max_wait`",)


def test_a_skipped_message_does_not_wait_for_its_cap(project):
    assert choice(project, within="12h", more="    when_capped: skip\n") == []


def test_opens_are_a_poor_reward(project):
    assert choice(project, score="opened: 0.1, order_placed: 1") == ["B506@11:opened"]


def test_the_same_message_twice_cannot_be_told_apart(project):
    arms = "{send: email/cart_plain, id: one}, {send: email/cart_plain, id: two}, nothing"
    assert choice(project, arms)[0].startswith("B505@10:")
    arms = "{send: email/cart_plain, id: one, vars: {tone: a}}, {send: email/cart_plain, id: two}, nothing"
    assert choice(project, arms) == []


def test_a_time_inside_the_quiet_hours_is_an_error(project):
    text = f'{HEAD}states:\n  a:\n    after: 2d\n    at: "22:00"\n    send: email/welcome_tips'
    (problem,) = problems(text, project)
    line = next(n for n, t in enumerate((STARTER / "shop/sojourn.yaml").read_text().split("\n"), 1) if "quiet_h" in t)
    assert show(problem, text) == (
        "journeys/j.yaml:10:9: error[P601] 22:00 is inside the quiet hours (21:30-08:00): "
        "this message could never leave on time\n"
        "   |\n"
        " 9 |     after: 2d\n"
        '10 |     at: "22:00"\n'
        "   |         ^^^^^^^\n"
        f"   = note: quiet hours come from sojourn.yaml:{line}; messages would wait until 08:00\n"
        "   = help: choose a time between 08:00 and 21:30, or mark the journey transactional"
    )


@pytest.mark.parametrize("at", ["08:00", "21:29", "07:00-09:00", "21:00-22:00"])
def test_a_time_that_touches_the_day_is_fine(at, project):
    assert states(f'  a: {{at: "{at}", send: email/welcome_tips}}', project) == []


@pytest.mark.parametrize("at", ["21:30", "07:59", "22:00-06:00", "05:00-08:00"])
def test_a_time_wholly_inside_the_night_is_found(at, project):
    assert states(f'  a: {{at: "{at}", send: email/welcome_tips}}', project) == [f'P601@8:"{at}"']


def test_a_wait_until_the_night_harms_nobody(project):
    assert states('  a: {at: "23:00"}\n  b: {send: email/welcome_tips}', project) == []


def test_a_transactional_journey_may_write_at_night(project):
    text = HEAD.replace("topic: promo", "topic: account")
    assert found(f'{text}states:\n  a: {{at: "22:00", send: email/welcome_tips}}', project) == []


def test_a_cap_of_zero_is_an_error_where_it_concerns_the_journey(project):
    text = HEAD + "caps: {channels: {push: [0/day]}}\nstates:\n  a: {send: MESSAGE}"
    assert found(text.replace("MESSAGE", "push/cart_nudge"), project)[0].startswith("P603@7:")
    assert found(text.replace("MESSAGE", "email/welcome_tips"), project) == []


def test_an_event_entry_without_a_word_on_reentry_is_a_warning(project):
    text = HEAD.replace("reenter: never\n", "")
    assert found(f"{text}states:\n  a: {{send: email/welcome_tips}}", project) == ["W901@3:{event: signed_up}"]


def test_a_journey_without_any_holdout_is_a_warning(project):
    text = HEAD.replace("holdout: 10%\n", "") + "states:\n  a: {send: email/welcome_tips}"
    assert found(text, project) == []
    assert found(text, replace(project, holdout=0.0)) == ["W904@1:j"]


@pytest.mark.parametrize("name", ["shop", "saas", "empty"])
def test_a_starter_is_clean(name):
    definitions = load(STARTER / name, {})
    assert definitions.problems == ()
    for journey in definitions.journeys.values():
        assert check(journey, definitions.project) == []


def test_a_journey_that_holds_everybody_out_is_an_error(project):
    text = HEAD.replace("10%", "100%") + "states:\n  a: {send: email/welcome_tips}"
    assert found(text, project) == ["P606@6:100%"]


def test_days_that_are_quiet_all_through_and_quiet_without_an_end_are_found(project):
    quiet = 'quiet_hours: {from: "00:00", to: "00:00"DAYS}\n'
    weekend = HEAD + quiet.replace("DAYS", ", days: weekends") + "states:\n  a: {days: DAYS, send: email/welcome_tips}"
    quieter = replace(project, limits=replace(project.limits, quiet={}))
    assert found(weekend.replace("DAYS", "weekends"), quieter) == ["P601@9:weekends"]
    assert found(weekend.replace("DAYS", "[fri, sat]"), quieter) == []
    (always,) = problems(HEAD + quiet.replace("DAYS", "") + "states:\n  a: {send: email/welcome_tips}", quieter)
    assert (always.line, always.says) == (7, "00:00-00:00 is quiet all day and all week: no message could ever leave")
