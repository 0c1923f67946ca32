"""What another policy would have earned: right on average, honest about how sure, silent where nothing can be said."""

from __future__ import annotations

import numpy as np
import pytest
from estimators.bandits import ips as vw_ips
from estimators.bandits import snips as vw_snips
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.offpolicy.estimators import Case, averaged, clipped, dm, dr, effective, gap, ips, refusal, snips
from engine.offpolicy.logged import Drawn, logged
from engine.offpolicy.outcome import crossfitted
from engine.offpolicy.targets import best, fixed, learned, uniform
from tests.offpolicy.small_world import ARMS, drawn_log, oracle, truth


def case(seed: int, n: int = 2000, floor: float = 0.05) -> Case:
    log = drawn_log(seed, n, floor)
    return Case(log, oracle(log), crossfitted(log, log.folds()))


@pytest.mark.parametrize(("ours", "theirs"), [(ips, vw_ips), (snips, vw_snips)])
def test_ips_and_snips_are_those_of_another_library(ours, theirs) -> None:
    one = case(1)
    other = theirs.Estimator()
    rows = np.arange(len(one.log))
    for chance, reward, wanted in zip(one.log.propensity, one.log.reward, one.target[rows, one.log.taken], strict=True):
        other.add_example(float(chance), float(reward), float(wanted))
    assert ours(one).value == pytest.approx(other.get(), rel=1e-12)


def test_the_policy_that_was_logged_is_worth_what_it_earned() -> None:
    log = drawn_log(2, 3000)
    one = Case(log, log.chances, crossfitted(log, log.folds()))
    assert ips(one).value == snips(one).value == pytest.approx(log.reward.mean())
    assert one.effective == len(log)


def test_intervals_hold_the_truth_as_often_as_they_say_and_doubly_robust_is_closest() -> None:
    held = dict.fromkeys(("ips", "snips", "dr", "clipped"), 0)
    off: dict[str, list[float]] = {name: [] for name in (*held, "dm")}
    for seed in range(120):
        one = case(seed)
        right = truth(one.log, one.target)
        for name, estimator in (("ips", ips), ("snips", snips), ("dr", dr), ("clipped", clipped), ("dm", dm)):
            found = estimator(one)
            off[name].append(found.value - right)
            if name in held:
                held[name] += found.span.low <= right <= found.span.high
    assert all(count / 120 >= 0.92 for count in held.values()), held
    spread = {name: float(np.sqrt(np.mean(np.square(errors)))) for name, errors in off.items()}
    assert spread["clipped"] < spread["ips"]
    for name in ("ips", "dr"):  # unbiased: the mean error is noise
        assert abs(np.mean(off[name])) < 3 * np.std(off[name]) / np.sqrt(120)


def test_a_persons_decisions_are_not_independent() -> None:
    rng = np.random.default_rng(3)
    habit = rng.normal(size=200).repeat(10)
    each = averaged(habit, np.arange(2000))
    clustered = averaged(habit, np.arange(2000) // 10)
    assert clustered.error == pytest.approx(each.error * np.sqrt(10), rel=0.01)


def test_two_policies_on_one_log_are_compared_row_by_row() -> None:
    one = case(4)
    even = Case(one.log, uniform().chances(one.log, one.log.folds()), one.q)
    between = gap(clipped(one), clipped(even), one.log.contact)
    assert between.value == pytest.approx(clipped(one).value - clipped(even).value)
    assert between.error < np.hypot(clipped(one).error, clipped(even).error)


@pytest.mark.parametrize(
    ("chances", "reason"), [((0.995, 0.005), "count 200 times"), ((0.98, 0.02), "worth only"), ((0.5, 0.5), "")]
)
def test_what_the_log_cannot_carry_is_refused_with_the_reason(chances: tuple[float, float], reason: str) -> None:
    rng = np.random.default_rng(5)
    drawn = [
        Drawn(f"c{n}", None, "x=1", ("a", "b"), chances, "b" if rng.random() < chances[1] or n == 0 else "a", 1.0)
        for n in range(3000)
    ]
    log = logged(drawn, {})
    said = refusal(Case(log, fixed("b").chances(log, log.folds()), np.zeros_like(log.chances)))
    assert (reason in said) if reason else said == ""


def test_decisions_without_a_choice_or_with_broken_chances_are_left_out() -> None:
    whole = Drawn("c", None, "x=1", ("a", "b"), (0.5, 0.5), "a", 1.0)
    odd = [
        Drawn("c", None, "x=1", ("a",), (1.0,), "a", 1.0),
        Drawn("c", None, "x=1", ("a", "b"), (0.5, 0.4), "a", 1.0),
        Drawn("c", None, "x=1", ("a", "b"), (1.0, 0.0), "b", 1.0),
        Drawn("c", None, "x=1", ("a", "b"), (0.5, 0.5), "c", 1.0),
        Drawn("c", None, "x=1", ("a", "b"), (0.5, 0.5), "a", float("nan")),
    ]
    assert len(logged([*odd, whole], ARMS)) == 1


def test_all_decisions_of_a_contact_are_in_one_fold_and_folds_are_even() -> None:
    log = drawn_log(6, 4000, runs=4)
    folds = log.folds()
    assert all(len(set(folds[log.contact == one])) == 1 for one in range(0, 1000, 97))
    assert np.bincount(folds, minlength=5).min() > 600


def test_nobodys_rewards_are_used_for_their_own_estimate() -> None:
    log = drawn_log(7, 400)
    folds = log.folds()
    q = crossfitted(log, folds)
    other = drawn_log(7, 400)
    mine = folds == folds[0]
    object.__setattr__(other, "reward", np.where(mine, 1.0 - log.reward, log.reward))
    assert np.allclose(crossfitted(other, folds)[mine], q[mine])
    assert not np.allclose(crossfitted(other, folds)[~mine], q[~mine])


@pytest.mark.parametrize("target", [uniform(), fixed("email/b"), best(), learned("beta", 0.01), learned("vw", 0.01)])
def test_every_policy_gives_chances_over_what_was_eligible(target) -> None:
    log = drawn_log(8, 600)
    chances = target.chances(log, log.folds())
    assert np.allclose(chances.sum(axis=1), 1.0)
    assert (chances[~log.eligible] == 0.0).all()


def test_the_best_single_message_is_found_and_what_learns_beats_it_where_people_differ() -> None:
    log = drawn_log(9, 12_000)
    folds = log.folds()
    single, personal = best().chances(log, folds), learned("vw", 0.01).chances(log, folds)
    assert single[log.eligible.all(axis=1)].mean(axis=0).argmax() == 0
    assert truth(log, personal) > truth(log, single)


@settings(max_examples=examples(50), deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_the_effective_number_is_never_more_than_there_are(weights: list[float]) -> None:
    assert 0.0 <= effective(np.array(weights)) <= len(weights) + 1e-6
