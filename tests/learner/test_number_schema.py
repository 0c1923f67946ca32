"""Raw numbers of a line become bins and one column, by bounds that were frozen."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.learner.features import MOST, number_bin
from engine.learner.models import KINDS, Example, load_model, new_model
from engine.learner.schema import BINS, FARTHEST, FIXED, fitted, numeric, schema_of

VALUES = [float(n) for n in range(400)]
FITTED = fitted(f"tier=gold value:{value:g}" for value in VALUES)


def test_eight_bins_hold_equal_shares():
    bins = [FITTED.read(f"value:{value:g}")[0][0] for value in VALUES]
    assert sorted({bins.count(one) for one in bins}) == [400 // BINS]
    assert set(bins) == {f"value=q{at}" for at in range(BINS)}


def test_the_column_is_standardised_and_clipped():
    columns = [dict(FITTED.read(f"value:{value:g}"))["value~z"] for value in (199.5, 1e9, -1e9)]
    assert columns == pytest.approx([0.0, FARTHEST, -FARTHEST], abs=0.01)


def test_a_number_no_schema_knows_lies_in_the_fixed_bins():
    assert FIXED.read("value:64.9 tier=gold") == ((f"value={number_bin(64.9)}", 1.0), ("tier=gold", 1.0))
    assert FITTED.read("other:64.9") == (("other=50", 1.0),)
    assert fitted(["value:1"] * 49).columns == {}


def test_a_number_that_is_always_the_same_has_one_bin_and_no_column():
    alike = fitted(["value:3"] * 100)
    assert alike.read("value:3") == (("value=q0", 1.0),)
    assert alike.read("value:99") == (("value=q0", 1.0),)


def test_an_old_line_with_a_binned_number_is_a_category():
    assert FITTED.read("value=50") == (("value=50", 1.0),)


def test_the_same_columns_have_the_same_id_and_others_another():
    again = schema_of(FITTED.state())
    assert (again.id, again.read("value:7")) == (FITTED.id, FITTED.read("value:7"))
    assert fitted(f"value:{value + 1:g}" for value in VALUES).id != FITTED.id
    with pytest.raises(ValueError, match="no numbers"):
        schema_of({"value": [[math.nan], 0.0, 1.0]})


@pytest.mark.parametrize(
    "token", ["x:inf", "x:nan", "x:1:2", "x=y:3", ":3", "x:", "x:1e999", "x:0x10", "x:1_0", "x:--1"]
)
def test_what_only_looks_like_a_number_is_a_category(token):
    assert numeric(token) is None
    assert all(value == 1.0 for _, value in FITTED.read(token))


@given(st.text())
def test_whatever_was_logged_is_read_as_finite_values_of_harmless_tokens(text):
    for token, value in FITTED.read(text):
        assert math.isfinite(value)
        assert not set(token) & set("|: \t\n")
    assert len(FITTED.read(text)) <= 2 * MOST


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_model_keeps_the_schema_it_was_made_with(kind):
    model = new_model(kind, None, FITTED)
    model.learn([Example("tier=gold value:30", "m=a ch=email", 1.0)])
    again = load_model(kind, model.dumps())
    assert again.schema.id == FITTED.id
    assert again.scores(["value:31"], {"a": "m=a ch=email"}) == model.scores(["value:31"], {"a": "m=a ch=email"})
