"""Experiments: groups that people stay in, and words that say no more than the numbers do."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from scene import DAY, NOW, move, people

from engine.experimenting import Result, result
from engine.store.connect import reading, writing
from engine.store.intake import NewContact, NewEvent, record
from journeys.check_segments import check_segments
from journeys.data_file import read_data
from journeys.expression import Scope
from journeys.facts import Facts, Group
from journeys.load import load
from journeys.page import Page
from journeys.reader import read

DATA = """
contact: {tier: text}
events: {order_placed: {total: number}}
segments:
  gold: contact.tier == "gold"
  named: contact.tier != none
experiments:
  rule: {segments: [gold, named], share: 30%, goal: {event: order_placed, within: 14d, value: event.total}}
"""
UTC = ZoneInfo("UTC")


def data(text: str = DATA):
    page = Page("data.yaml", text)
    found = read_data(page, read(page))
    return found, page.problems


def test_the_experiment_is_a_segment_in_which_each_group_stands_by_its_own_criterion() -> None:
    found, problems = data()
    assert not problems
    one = found.experiments["rule"]
    groups = {f"c{n}": one.arm_of(f"c{n}") for n in range(2000)}
    assert 0.26 < sum(arm == "gold" for arm in groups.values()) / 2000 < 0.34
    for id_, arm in list(groups.items())[:50]:
        scope = Scope(NOW, UTC, contact={"tier": "silver"}, segments=found.segments, who=id_)
        assert found.segments["rule"].holds(scope) is (arm == "named")
    other = data(DATA.replace("rule:", "rule2:"))[0].experiments["rule2"]
    both = sum(other.arm_of(id_) == arm == "gold" for id_, arm in groups.items()) / 2000
    assert 0.06 < both < 0.12  # 0.3 x 0.3: one draw says nothing of the other


@pytest.mark.parametrize(("said", "says"), [
    ("{segments: [gold, silver], goal: {event: order_placed}}", 'no segment called "silver"'),
    ("{segments: [gold], goal: {event: order_placed}}", "names two that are compared"),
    ("{goal: {event: order_placed}}", "compares one of"),
    ("{split: welcome, goal: {event: order_placed}}", "journey.state"),
    ("{segments: [gold, named]}", "goal"),
])  # fmt: skip
def test_what_cannot_be_compared_is_said_where_it_stands(said: str, says: str) -> None:
    _, problems = data(DATA[: DATA.index("  rule:")] + f"  rule: {said}\n")
    assert any(says in f"{one.says} {one.label}" for one in problems), problems
    assert all(one.file == "data.yaml" and one.line == 8 for one in problems)


def lived(store: sa.Engine, often: dict[str, int], count: int = 600) -> Result:
    """Let `count` people enter one of the two segments; of each group every `often`-th orders."""
    found, _ = data()
    one = found.experiments["rule"]
    ids = [f"c{n}" for n in range(count)]
    people(store, *(NewContact(id_) for id_ in [*ids, "young"]), segments=("gold", "named", "rule"))
    at = NOW - 20 * DAY
    move(store, *((id_, "named" if n % 2 else "gold", True, at) for n, id_ in enumerate(ids)))
    move(store, ("young", "gold", True, NOW - DAY), (ids[0], "named", True, NOW - DAY))
    seen = {"gold": 0, "named": 0}
    orders = []
    for id_ in ids:
        arm = one.arm_of(id_)
        seen[arm] += 1
        if seen[arm] % often[arm] == 0:
            orders.append(NewEvent(f"o{id_}", id_, "order_placed", at + DAY, {"total": 10}))
    late = NewEvent("late", ids[1], "order_placed", at + timedelta(days=15), {"total": 10})
    with writing(store) as conn:
        record(conn, [*orders, late], NOW)
    with reading(store) as conn:
        return result(conn, one, {}, (NOW, UTC), NOW - 60 * DAY)


def test_a_great_difference_is_said_and_who_took_part_is_counted_once(store: sa.Engine) -> None:
    found = lived(store, {"gold": 10, "named": 2})
    gold, named = found.arms
    assert (gold.n + named.n, found.young, found.strays) == (600, 1, 0)
    assert (gold.goals, named.goals) == (gold.n // 10, named.n // 2)
    assert named.mean.value == pytest.approx(10 * named.goals / named.n)
    (versus,) = found.versus
    assert versus.verdict.word == "better"
    assert versus.worth is not None
    assert versus.worth.low > 0


def test_where_nothing_differs_it_cannot_be_told_and_few_are_too_early(store: sa.Engine) -> None:
    found = lived(store, {"gold": 5, "named": 5})
    assert found.versus[0].verdict.word in ("cannot tell yet", "leaning better", "leaning worse")
    assert found.versus[0].verdict.needed
    with reading(store) as conn:
        none = result(conn, data()[0].experiments["rule"], {}, (NOW, UTC), NOW)
    assert none.versus[0].verdict.word == "too early"


def test_lint_says_that_too_few_take_part_before_anybody_waits_for_it() -> None:
    few = Facts(contacts=9000, segments={name: Group(200, 100, 90.0) for name in ("gold", "named", "rule")})
    (said,) = [one for one in check_segments(data()[0], few) if one.code == "W923"]
    assert (said.file, said.line) == ("data.yaml", 8)
    assert "about 200 people a month" in said.says
    many = Facts(contacts=9000, segments={name: Group(20_000, 20_000, 90.0) for name in ("gold", "named", "rule")})
    assert not [one for one in check_segments(data()[0], many) if one.code == "W923"]


def test_two_journeys_share_the_people_and_keep_their_own_conditions(tmp_path: Path) -> None:
    (tmp_path / "journeys").mkdir()
    (tmp_path / "templates" / "email").mkdir(parents=True)
    (tmp_path / "sojourn.yaml").write_text(
        "project: x\ntimezone: UTC\nstore: sqlite:///x.db\nchannels: {}\ntopics: {promo: {title: P}}\n"
    )
    arms = DATA[: DATA.index("  rule:")] + "  rule: {journeys: [a, b], share: 30%, goal: {event: order_placed}}\n"
    (tmp_path / "data.yaml").write_text(arms)
    for name, guard in (("a", ", if: event.total > 5 or event.total == 1"), ("b", "")):
        (tmp_path / "journeys" / f"{name}.yaml").write_text(
            f"journey: {name}\ntopic: promo\nenter: {{event: order_placed{guard}}}\nreenter: never\n"
            "states: {one: {set: {contact.tier: gold}, then: exit}}\n"
        )
    found = load(tmp_path, {})
    assert [one for one in found.problems if one.severity == "error"] == []
    rule = data(arms)[0].experiments["rule"]
    for id_ in map(str, range(40)):
        for total in (1, 3, 9):
            scope = Scope(NOW, UTC, event={"total": total}, who=id_)
            enters = {name for name, one in found.journeys.items() if one.enter.guard and one.enter.guard.holds(scope)}
            wanted = {rule.arm_of(id_)} - ({"a"} if total == 3 else set())
            assert enters == wanted
    (tmp_path / "journeys" / "b.yaml").unlink()
    assert [one.code for one in load(tmp_path, {}).problems if one.severity == "error"] == ["R213"]
