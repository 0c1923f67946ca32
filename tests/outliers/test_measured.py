"""The outliers are found where there are some, told in words, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.outliers.flags import Flagged, Line, flagged, stability
from engine.outliers.measured import Outliers, agreement, measured
from engine.outliers.tree import Question, grown
from tests.outliers.people import ARMS, lines


@pytest.fixture(scope="module")
def quarter() -> tuple[list[Line], Outliers, Flagged]:
    made = lines(1, 3000)
    return made, *measured("cart.recover", made, ARMS, "email/a")


def test_the_quarter_that_likes_another_message_is_found_and_named(quarter) -> None:
    made, found, flags = quarter
    [group] = found.groups
    assert (group.words, group.condition, group.best) == ("contact.taps_push", "contact.taps_push", "push/b")
    assert 0.2 < found.share < 0.3
    taps = {line.contact for line in made if "contact.taps_push=1" in line.features}
    right, caught = agreement(flags, lambda contact: contact in taps)
    assert right > 0.95
    assert caught > 0.9
    assert found.stable is not None
    assert found.stable > 0.8


def test_where_all_like_the_same_there_is_no_group(quarter) -> None:
    found, flags = measured("cart.recover", lines(2, 3000, taste=0.0), ARMS, "email/a")
    assert not found.found
    assert flags.outliers == []
    assert found.best is not None
    assert found.best["email/a"] > 2900


def test_too_short_a_log_says_how_much_is_missing() -> None:
    found, _ = measured("cart.recover", lines(3, 60), ARMS, "email/a")
    assert not found.found
    assert found.needed is not None
    assert found.needed > 1000


def test_nobody_is_flagged_by_what_they_did_themselves(quarter) -> None:
    made, _, flags = quarter
    mine = next(line for line in made if flags.people[line.contact].outlier)
    other = [replace(line, reward=1.0 - line.reward) if line.contact == mine.contact else line for line in made]
    again = flagged(other, ARMS, "email/a")
    assert again.people[mine.contact] == flags.people[mine.contact]


def test_the_held_out_are_flagged_too_and_teach_nothing(quarter) -> None:
    made, _, _ = quarter
    silent = [replace(line, reward=None) if n % 5 == 0 else line for n, line in enumerate(made)]
    flags = flagged(silent, ARMS, "email/a")
    assert set(flags.people) == {line.contact for line in made}
    assert flags.learned == sum(line.reward is not None for line in silent)


def test_the_first_decision_of_a_contact_says_who_they_are() -> None:
    made = lines(4, 400)
    later = replace(made[0], at=made[-1].at + timedelta(days=1), features="contact.taps_push=9")
    assert flagged([*made, later], ARMS, "email/a").people[made[0].contact].features == made[0].features


def test_without_a_named_baseline_the_best_for_all_is_chosen(quarter) -> None:
    made, _, _ = quarter
    assert flagged(made, ARMS).single == "email/a"


def test_a_log_of_one_week_says_nothing_about_the_week_before() -> None:
    made = lines(5, 1500, days=5)
    flags = flagged(made, ARMS, "email/a")
    assert stability(made, ARMS, flags, 7) is None


words = st.sampled_from(["a=1", "a=0", "b:3", "b:70.5", "c=~none", "c=x%20y", "b=~none"])


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.lists(words, min_size=1, max_size=4).map(" ".join), min_size=1, max_size=300), st.randoms())
def test_the_leaves_of_a_tree_hold_everybody_once(context: list[str], chance) -> None:
    meant = np.array([chance.random() < 0.5 for _ in context])
    leaves = grown(context, meant)
    assert sorted(row for leaf in leaves for row in leaf.rows) == list(range(len(context)))
    assert all(len(leaf.questions) <= 3 for leaf in leaves)
    assert sum(leaf.share * len(leaf.rows) for leaf in leaves) == pytest.approx(meant.sum())


def test_a_tree_finds_the_number_and_the_word_that_tell_a_group() -> None:
    context = [f"x:{n % 100} city=c{n % 3}" for n in range(3000)]
    meant = np.array([n % 100 >= 60 and n % 3 == 1 for n in range(3000)])
    best = grown(context, meant)[0]
    assert best.share > 0.85
    assert {one.name for one in best.questions} == {"x", "city"}


@pytest.mark.parametrize(
    ("question", "said", "condition"),
    [
        (Question("contact.can_push", "=", "1"), "contact.can_push", "contact.can_push"),
        (Question("contact.can_push", "!=", "1"), "not contact.can_push", "not contact.can_push"),
        (Question("contact.tier", "=", "gold"), "contact.tier = gold", 'contact.tier == "gold"'),
        (Question("entry.value", ">=", "60"), "entry.value >= 60", "entry.value >= 60"),
        (Question("entry.value", "unknown"), "entry.value is unknown", "entry.value == none"),
    ],
)
def test_a_question_reads_aloud_and_can_be_written_into_a_journey(
    question: Question, said: str, condition: str
) -> None:
    assert (question.words, question.condition) == (said, condition)
