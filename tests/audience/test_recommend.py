"""What is recommended: as many as asked, nothing that is barred, the own habit first."""

from __future__ import annotations

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from little_shop import shop

from engine.audience.recommend import NOTHING, Bought, Shelf, Wish


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf(shop(), {"s00": {"stock": 0}, "s04": {"repeat_after": 30}, "s05": {"stock": 7}})


def bought(shelf: Shelf, *lines: tuple[str, float]) -> Bought:
    items = np.array([shelf.arrays.place[sku] for sku, _ in lines], np.int32)
    return Bought(items, np.array([days for _, days in lines]))


def test_the_own_habit_comes_first_and_what_has_no_stock_never(shelf):
    had = bought(shelf, ("s10", 40.0), ("s10", 10.0), ("s00", 1.0))
    told = shelf.next(had, Wish(3))
    assert told[0] == "s10" and "s00" not in told and len(told) == 3
    assert "s10" not in shelf.next(had, Wish(3, new=True))


def test_what_was_bought_lately_shown_or_returned_is_left_out(shelf):
    assert "s04" not in shelf.next(bought(shelf, ("s04", 20.0)), Wish(11))
    assert shelf.next(bought(shelf, ("s04", 31.0)), Wish(1)) == ["s04"]
    assert "s01" not in shelf.next(bought(shelf, ("s01", 9.0)), Wish(11, hidden=("s01", "no such")))
    assert "s01" not in shelf.next(bought(shelf, ("s01", 9.0)), Wish(11, repeat_after=10))


def test_of_a_family_come_at_most_two_while_there_are_others(shelf):
    told = shelf.next(bought(shelf, ("s06", 5.0), ("s07", 5.0), ("s08", 5.0)), Wish(5))
    place = shelf.arrays.place
    assert max(np.unique([shelf.arrays.families[place[sku]] for sku in told], return_counts=True)[1]) <= 2


def test_strangers_get_what_is_popular_and_those_with_taste_fall_back_on_their_family(shelf):
    assert shelf.best("stranger", Wish(2)) == shelf.next(NOTHING, Wish(2))
    assert len(shelf.best("p001")) == 3


@settings(max_examples=examples(25), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 11), st.floats(0, 400)), max_size=12), st.integers(1, 14), st.booleans())
def test_there_are_as_many_as_asked_while_the_catalogue_has_them(shelf, lines, count, new):
    had = Bought(np.array([n for n, _ in lines], np.int32), np.array([days for _, days in lines], float))
    told = shelf.next(had, Wish(count, new=new))
    barred = shelf._barred(had, Wish(count, new=new))
    assert len(told) == len(set(told)) == min(count, int((~barred).sum()))
    assert not any(barred[shelf.arrays.place[sku]] for sku in told)
