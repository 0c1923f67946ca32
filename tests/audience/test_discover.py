"""Groups that hold together are found, those that do not are not, and what comes out is an ordinary segment."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from counter import START, defined, shop
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import discovering
from engine.audience.clusters import agreement, principal
from engine.audience.compile import Pass
from engine.audience.discover import Feature, discover, foresee, guard, smallest_lift
from engine.audience.picture import picture
from engine.audience.rulebook import ROUNDING, round_between
from engine.engine import Engine
from engine.errors import ConfigError
from engine.store.connect import reading, writing
from engine.store.consenting import ConsentChange, change_consents
from engine.store.intake import NewContact, NewEvent, add_contacts, record
from engine.store.tables import contacts

FEATURES = [Feature(f"f{n}", f"f{n}", f"much {n}", f"little {n}") for n in range(3)]


def three(seed: int = 1, people: int = 200) -> np.ndarray:
    rng = np.random.default_rng(seed)
    middle = np.array([[2, 40, 300], [30, 900, 20], [3, 60, 5]])
    return middle[np.arange(people) % 3] * rng.lognormal(0, 0.35, (people, 3))


def test_three_groups_are_found_said_and_found_again():
    found = discover(three(), FEATURES, 8)
    assert found.k == 3
    assert found.steady is not None
    assert found.steady.agree >= 95
    assert found.book is not None
    assert found.book.fidelity > 0.9
    assert sorted(group.people for group in found.groups) == pytest.approx([66, 67, 67], abs=6)
    assert all(" or " not in group.rule for group in found.groups)
    again = discover(three(), FEATURES, 8, 3)
    assert [group.rule for group in again.groups] == [group.rule for group in found.groups]


def test_one_cloud_is_no_groups_however_long_one_looks():
    found = discover(np.random.default_rng(3).lognormal(2, 1, (300, 5)), FEATURES, 8)
    assert (found.k, found.groups) == (1, ())
    assert not any(one.holds for one in found.tried)


def test_nobody_is_in_two_groups_and_the_picture_shows_everybody():
    raw = three(2)
    found = discover(raw, FEATURES, 8, 4)
    assert sum(rows.astype(int) for rows in found.members).max() == 1
    flat = principal(found.points, 8)
    drawn = picture(found, flat, FEATURES, "a <shop>")
    assert drawn.count("h0") == len(raw)
    assert "a &lt;shop&gt;" in drawn
    assert 0 < flat.kept <= 1


def test_the_agreement_of_two_groupings_is_one_for_the_same_and_nothing_for_chance():
    rng = np.random.default_rng(1)
    one, two = rng.integers(0, 4, 3000), rng.integers(0, 3, 3000)
    assert agreement(one, (one + 1) % 4) == pytest.approx(1.0)
    assert agreement(one, two) == pytest.approx(0.0, abs=0.01)
    halved = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2])
    assert agreement(*halved) == pytest.approx(0.571428, abs=1e-5)


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=300, unique=True), st.floats(0, 1))
def test_a_round_cut_parts_nearly_the_same_people(values, where):
    ordered = np.sort(np.array(values))
    place = min(int(where * (len(ordered) - 1)), len(ordered) - 2)
    cut = round_between(ordered, float((ordered[place] + ordered[place + 1]) / 2))
    assert abs(int((ordered <= cut).sum()) - (place + 1)) <= 1 + ROUNDING * len(ordered)


def test_a_count_is_cut_at_a_whole_number():
    assert round_between(np.array([1.0, 1, 2, 3, 3, 4, 9]), 3.5) == 3.0


def test_the_forest_is_judged_on_people_of_later():
    rng = np.random.default_rng(2)

    def window():
        raw = rng.lognormal(1, 1, (500, 3))
        return raw, rng.random(500) < 1 / (1 + np.exp(3 - raw[:, 0]))

    told = foresee(window(), window(), 8)
    assert told is not None
    assert told.forest[0] > 0.7
    assert told.first[0][0] == 0
    assert foresee((np.ones((9, 3)), np.ones(9, dtype=bool)), window(), 8) is None


def test_the_guard_says_how_many_people_a_lift_takes():
    assert [arm for _, arm, _ in guard(100_000, 0.03)] == pytest.approx([53_208, 13_910, 6_451, 2_514], rel=0.002)
    assert [groups for _, _, groups in guard(100_000, 0.03)] == [0, 3, 7, 19]
    assert smallest_lift(412, 0.03) == pytest.approx(1.58, abs=0.01)


@pytest.fixture
def engine(tmp_path: Path, store: sa.Engine) -> Engine:
    made = shop(tmp_path / "project", store)
    rng = np.random.default_rng(5)
    news = [
        NewEvent(f"b{n}.{k}", f"c{n:03}", "bought", START - timedelta(days=float(ago)), {"total": float(20 + n % 7)})
        for n in range(160)
        for k, ago in enumerate(rng.uniform(1, 300, 2 if n % 2 else 14) if n % 2 == 0 else rng.uniform(200, 300, 2))
    ]
    with writing(store) as conn:
        people = [NewContact(f"c{n:03}", {"age": 20 + n % 50} if n % 4 else {}) for n in range(160)]
        add_contacts(conn, people, START, lambda _, address: address)
        record(conn, news, START)
        change_consents(conn, [ConsentChange("c000", "", "profiling", granted=False, source="test")], START)
    return made


def test_a_rule_is_a_segment_with_exactly_its_members(engine: Engine):
    data = engine.project.data
    wanted = discovering.asked(data)
    with reading(engine.store) as conn:
        people = discovering.table(conn, data, wanted, START)
        found = discover(people.raw, wanted.features, 8, 2)
        assert "c000" not in people.ids
        for group, rows in zip(found.groups, found.members, strict=True):
            rule = discovering.whole_rule(wanted, group.rule)
            expression = discovering._read(data, rule, "flag", "test")
            made = Pass(START, data, {})
            holds = made.condition(expression)
            inside = conn.execute(made.table({}).where(holds).with_only_columns(contacts.c.id)).scalars()
            assert set(inside) - {"c000"} == {people.ids[n] for n in np.flatnonzero(rows)}
        around = discovering.Around(conn, data, START, engine.zone)
        cards = discovering.cards(around, wanted, people, found)
    assert sum(card.group.people for card in cards) == 159
    assert {card.looked_so > 0 for card in cards} <= {True, False}
    assert max(card.bought_next or 0 for card in cards) > 0.5


def test_people_who_miss_a_figure_are_in_no_group_and_counted(engine: Engine):
    wanted = discovering.asked(engine.project.data, ["contact.age", "count(bought)"])
    with reading(engine.store) as conn:
        people = discovering.table(conn, engine.project.data, wanted, START)
    assert (len(people.ids), people.left) == (120, 39)


@pytest.mark.parametrize(
    ("figure", "says"),
    [
        ("contact.income", "income is private; nobody is put into a group by it"),
        ("count(bougt)", 'no event called "bougt"'),
        ('"shoes"', "number"),
    ],
)
def test_what_cannot_be_a_figure_is_refused_with_the_reason(tmp_path: Path, figure, says):
    data = defined(tmp_path / "files").project.data
    with pytest.raises(ConfigError, match=says):
        discovering.asked(data, [figure])
    with pytest.raises(ConfigError, match="religion is sensitive"):
        discovering.asked(data, [], 'contact.religion == "any"')


def test_a_segment_is_written_under_a_free_name_only(tmp_path: Path):
    data = defined(tmp_path / "files").project.data
    assert discovering.checked(data, [("keen", "count(bought) > 3")]) == {"keen": "count(bought) > 3"}
    with pytest.raises(ConfigError, match="is no name"):
        discovering.checked(data, [("Keen ones", "count(bought) > 3")])
    with pytest.raises(ConfigError, match="already"):
        discovering.checked(data, [("keen", "count(bought) > 3"), ("keen", "count(bought) > 4")])
