"""How long outcomes take, as a curve that weighs silence."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from engine.learner.delays import STEPS, USUAL, Curves, curves_of, fitted

DAY = 86_400.0
WINDOW = 3 * DAY

delays = st.dictionaries(
    st.sampled_from(("email", "push", "")), st.lists(st.floats(0, WINDOW), max_size=60), max_size=3
)


@given(delays)
def test_a_curve_rises_from_nothing_to_everything_at_the_close(some):
    curves = fitted(some, WINDOW)
    for channel in ("email", "push", "sms"):
        shares = [curves.share(channel, age) for age in (-1.0, 0.0, 60.0, DAY, 2 * DAY, WINDOW, 9 * DAY)]
        assert all(0.0 <= share <= 1.0 for share in shares)
        assert all(later >= sooner - 1e-12 for sooner, later in pairwise(shares))
        assert shares[-1] == shares[-2] == 1.0


def test_before_there_are_data_the_usual_shape_serves():
    fresh = Curves(WINDOW)
    assert fitted({}, WINDOW).share("email", DAY) == fresh.share("email", DAY)
    assert 0.6 < fresh.share("email", DAY) < 0.7
    assert len(USUAL) == STEPS + 1


def test_many_outcomes_speak_for_themselves_and_few_borrow_from_the_other_channels():
    quick, slow = [600.0] * 400, [2 * DAY] * 400
    curves = fitted({"push": quick, "email": slow, "sms": [600.0]}, WINDOW)
    assert curves.share("push", DAY) > 0.97
    assert curves.share("email", DAY) < 0.05
    assert 0.4 < curves.share("sms", DAY) < 0.7
    assert curves.half("push") < 3600 < DAY < curves.half("email")


@given(delays)
def test_curves_survive_being_stored_and_are_not_used_for_another_window(some):
    curves = fitted(some, WINDOW)
    again = curves_of(curves.state(), WINDOW)
    assert abs(again.share("email", DAY) - curves.share("email", DAY)) < 1e-5
    assert curves_of(curves.state(), DAY).share("email", DAY / 3) == Curves(DAY).share("email", DAY / 3)
    assert curves_of(None, DAY) == Curves(DAY)
