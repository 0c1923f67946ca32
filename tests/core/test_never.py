"""What lint calls impossible, the real gate never does; what lint lets pass on time, it can."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest
from building import MONDAY, build_bench
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journeys import CapRule, Journey, Place, QuietHours, Window
from journeys.check_caps import same_words_again, used_up
from journeys.check_pressure import time_inside_quiet_hours

HERE = Place("sojourn.yaml", 1, 1)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
HALF_HOURS = st.integers(0, 47).map(lambda n: time(n // 2, n % 2 * 30))
DAYS = st.sets(st.integers(0, 6), min_size=1).map(frozenset) | st.just(frozenset(range(7)))
WINDOWS = st.builds(Window, HALF_HOURS, HALF_HOURS | st.none(), DAYS) | st.builds(Window, st.none(), st.none(), DAYS)
QUIET = st.builds(
    QuietHours, HALF_HOURS, HALF_HOURS, DAYS, st.sampled_from(["wait", "skip"]), st.just(timedelta(0)), st.just(HERE)
)
slow = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(40))


def quiet_journey(project, window: Window, quiet: QuietHours) -> Journey:
    journey = build_bench("reenter: never\nstates: {one: {send: email/hello}}", project).journeys["trip"]
    one = replace(journey.states["one"], window=window)
    return replace(journey, states={"one": one}, limits=replace(journey.limits, quiet={"": quiet}, caps=()))


def left_at(project, journey: Journey, start: datetime) -> list[datetime]:
    """Return when the messages left of somebody who starts then."""
    bench = build_bench("states: {one: {send: email/hello}}", project)
    bench.journeys = {"trip": journey}
    bench.event("started", start)
    bench.live(start + 9 * DAY, start)
    return [past.at for past in bench.snapshot.recent]


def inside(window: Window, at: datetime) -> bool:
    minute = at.hour * 60 + at.minute
    opens = 0 if window.opens is None else window.opens.hour * 60 + window.opens.minute
    exact = window.opens is not None and window.closes is None
    length = 1 if exact else 1440
    if window.closes is not None:
        length = (window.closes.hour * 60 + window.closes.minute - opens - 1) % 1440 + 1
    return any(
        (at.weekday() - back) % 7 in window.days and opens <= minute + 1440 * back < opens + length for back in (0, 1)
    )


@slow
@given(window=WINDOWS, quiet=QUIET)
def test_a_time_is_called_impossible_exactly_when_nobody_ever_gets_the_message_then(project, window, quiet):
    journey = quiet_journey(project, window, quiet)
    never = bool(list(time_inside_quiet_hours(journey, project)))
    starts = [MONDAY + n * timedelta(minutes=30) for n in range(7 * 48)]
    if never:
        found = [at for start in starts[::17] for at in left_at(project, journey, start)]
        assert [at for at in found if inside(window, at)] == []
    else:
        open_starts = [start for start in starts if inside(window, start)]
        assert any(left_at(project, journey, start) == [start] for start in open_starts)


CAPS = st.builds(
    CapRule,
    st.just("all"), st.just(""), st.integers(1, 2),
    st.sampled_from(["day", "week", DAY, 3 * DAY, 7 * DAY]), st.just(HERE),
)  # fmt: skip


@st.composite
def chains(draw) -> str:
    """A journey of 2 to 5 messages: waits, conditions, jumps ahead, windows."""
    count = draw(st.integers(2, 5))
    lines = []
    for n in range(count):
        clauses = [f"after: {draw(st.sampled_from(['0m', '6h', '1d', '2d', '5d']))}"]
        if draw(st.integers(0, 3)) == 0:
            clauses.append('at: "09:00-11:00"')
        if draw(st.integers(0, 3)) == 0:
            clauses.append('if: contact.tier == "gold"')
            if n + 2 < count:
                clauses.append(f"then: s{draw(st.integers(n + 1, count - 1))}")
        clauses.append(f"send: {draw(st.sampled_from(['email/hello', 'email/again', 'push/nudge', 'email/other']))}")
        clauses.append(f"when_capped: {draw(st.sampled_from(['wait', 'skip']))}")
        clauses.append(f"max_wait: {draw(st.sampled_from(['1h', '36h', '4d']))}")
        lines.append(f"  s{n}: {{{', '.join(clauses)}}}")
    return "reenter: never\nstates:\n" + "\n".join(lines)


def sent_from(project, text: str, cap: CapRule | None, start: datetime, tier: str) -> tuple[Journey, set[str]]:
    """Return the states from which somebody got their message."""
    bench = build_bench(text, project, tier=tier)
    journey = bench.journeys["trip"]
    caps = (cap,) if cap else ()
    bench.journeys = {"trip": replace(journey, limits=replace(journey.limits, caps=caps))}
    bench.event("started", start)
    bench.live(start + 60 * DAY, start)
    assert bench.steps
    states = {move.source for step in bench.steps if step.sends for move in step.moves}
    return bench.journeys["trip"], states


def named(problems, journey: Journey) -> set[str]:
    lines = {state.place.line: name for name, state in journey.states.items()}
    return {lines[problem.line] for problem in problems}


@settings(slow, max_examples=examples(60))
@given(text=chains(), cap=CAPS, hour=st.integers(0, 167), tier=st.sampled_from(["gold", "basic"]))
def test_a_message_that_a_cap_always_keeps_back_never_leaves(project, text, cap, hour, tier):
    journey, sent = sent_from(project, text, cap, MONDAY + hour * HOUR, tier)
    assert not named(used_up(journey, project), journey) & sent


@settings(slow, max_examples=examples(50))
@given(text=chains(), hour=st.integers(0, 167), tier=st.sampled_from(["gold", "basic"]))
def test_the_same_words_called_too_soon_never_leave(project, text, hour, tier):
    journey, sent = sent_from(project, text, None, MONDAY + hour * HOUR, tier)
    assert not named(same_words_again(journey, project), journey) & sent


@pytest.mark.parametrize(
    ("chain", "cap", "lost"),
    [
        ("a: {send: email/hello}\n  b: {after: 1d, send: email/again}", (1, 7 * DAY), {"b"}),
        ("a: {send: email/hello}\n  b: {after: 6d, send: email/again}", (1, 7 * DAY), set()),  # it waits a day
        ("a: {send: email/hello}\n  b: {after: 1d, send: email/again}", (1, "week"), set()),  # Monday may be near
        ("a: {send: push/nudge}\n  b: {after: 1d, send: email/again}", (1, 7 * DAY), set()),  # not all have push
        ("a: {if: contact.open_ticket, send: email/hello}\n  b: {send: email/again}", (1, 7 * DAY), set()),
        ("a: {send: email/hello}\n  b: {send: email/again, when_capped: skip}", (1, "day"), {"b"}),
        ("a: {send: email/hello}\n  b: {after: 1d, send: email/again}\n  c: {after: 6d, send: email/other}",
         (1, 7 * DAY), {"b"}),
        ("a: {send: email/hello}\n  b: {after: 1h, send: email/again}\n  c: {after: 1h, send: email/other}",
         (2, 7 * DAY), {"c"}),
    ],
)  # fmt: skip
def test_lint_names_the_message_that_a_cap_keeps_back(project, chain, cap, lost):
    journey = build_bench(f"reenter: never\nstates:\n  {chain}", project).journeys["trip"]
    rule = CapRule("all", "", *cap, HERE)
    journey = replace(journey, limits=replace(journey.limits, caps=(rule,)))
    assert named(used_up(journey, project), journey) == lost


@pytest.mark.parametrize(
    ("chain", "lost"),
    [
        ("a: {send: email/hello}\n  b: {after: 11h, send: email/hello}", {"b"}),
        ("a: {send: email/hello}\n  b: {after: 12h, send: email/hello}", set()),
        (
            "a: {send: email/hello}\n  b: {wait_for: {event: seen, within: 2h}, else: c}\n  c: {send: email/hello}",
            {"c"},
        ),
        ("a: {if: contact.open_ticket, send: email/hello}\n  b: {send: email/hello}", set()),
        ("a: {split: {b: 50%, c: 50%}}\n  b: {send: email/hello}\n  c: {send: email/hello}", set()),
        ("a: {split: {b: 50%, c: 50%}}\n  b: {send: email/hello, then: exit}\n  c: {send: email/hello}", set()),
    ],
)
def test_lint_names_the_message_that_was_sent_a_moment_ago(project, chain, lost):
    journey = build_bench(f"reenter: never\nstates:\n  {chain}", project).journeys["trip"]
    assert named(same_words_again(journey, project), journey) == lost


def test_a_journey_with_more_ways_than_can_be_walked_is_given_up(project):
    # sixty forks in a row, a message on both arms of each: 2^60 ways
    forks = []
    for n in range(60):
        forks += [f"f{n}: {{split: {{a{n}: 50%, b{n}: 50%}}}}", f"a{n}: {{send: email/hello, then: j{n}}}"]
        forks += [f"b{n}: {{send: email/again}}", f"j{n}: {{after: 1m}}"]
    journey = build_bench("reenter: never\nstates:\n  " + "\n  ".join(forks), project).journeys["trip"]
    rule = CapRule("all", "", 55, 30 * DAY, HERE)
    journey = replace(journey, limits=replace(journey.limits, caps=(rule,)))
    assert list(used_up(journey, project)) == []
