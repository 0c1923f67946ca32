"""What is wrong with a journey that can be read: each rule a plain function, all of them in CHECKS.

Rules
- A rule looks at one journey, its project and the facts; what needs counts from the store is silent without them.
- Error: the journey would do harm, or never what its author wrote. Warning: it works, and something is better.
- A finding names the author's own words and the way out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from journeys import check_caps, check_choices, check_flow, check_learning, check_people, check_pressure
from journeys.facts import NO_FACTS, Facts
from journeys.finding import channels, warning
from journeys.journey import Journey
from journeys.place import Place
from journeys.problem import Problem
from journeys.project import Project

Check = Callable[[Journey, Project], Iterable[Problem]]
Look = Callable[[Journey, Project, Facts], Iterable[Problem]]


def check(journey: Journey, project: Project, facts: Facts = NO_FACTS) -> list[Problem]:
    """Return everything that is wrong with `journey`, in the order of its lines; `facts` is what the store knows."""
    found = dict.fromkeys(problem for rule in CHECKS for problem in rule(journey, project))
    found |= dict.fromkeys(problem for look in LOOKS for problem in look(journey, project, facts))
    return sorted(found, key=lambda problem: (problem.file, problem.line, problem.col, problem.code))


def no_word_on_reentry(journey: Journey, _: Project) -> Iterator[Problem]:
    """W901: an event can come twice; the file should say what then."""
    place = journey.places.get("enter")
    if journey.enter.kind == "event" and place is not None and "reenter" not in journey.places:
        says = "this journey does not say what happens when the event comes again (default: people enter once, ever)"
        yield warning("W901", place, says, "add `reenter: never`, `reenter: always` or `reenter: {after: 30d}`")


def no_holdout(journey: Journey, project: Project) -> Iterator[Problem]:
    """W904: without people who hear nothing, nobody can say what the messages were worth."""
    speaks = any(channels(state) for state in journey.states.values())
    if speaks and not journey.transactional and journey.holdout == 0 and project.holdout == 0:
        place = journey.places.get("journey") or Place(journey.file, 1, 1)
        says = "nobody is held out: reports cannot say what this journey is worth"
        yield warning("W904", place, says, "add `holdout: 10%`")


CHECKS: list[Check] = [
    check_flow.unreachable,
    check_flow.loop_without_a_wait,
    check_flow.then_after_exit,
    check_flow.empty_state,
    check_choices.one_arm_only,
    check_choices.short_reward_window,
    check_choices.same_message_twice,
    check_choices.opens_as_reward,
    check_choices.silent_baseline,
    check_choices.two_times,
    check_choices.no_silence,
    check_pressure.time_inside_quiet_hours,
    check_pressure.daypart_inside_quiet_hours,
    check_pressure.cap_of_zero,
    check_pressure.nobody_hears,
    check_caps.used_up,
    check_caps.same_words_again,
    no_word_on_reentry,
    no_holdout,
]

LOOKS: list[Look] = [
    check_learning.too_few_decisions,
    check_learning.small_holdout,
    check_learning.small_groups,
    check_people.hardly_subscribed,
    check_people.one_channel_only,
    check_people.missing_values,
]
