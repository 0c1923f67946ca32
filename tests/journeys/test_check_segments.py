"""What lint says about segments as groups of people."""

from __future__ import annotations

import pytest

from journeys import Place
from journeys.check_segments import check_segments, drift, lift
from journeys.facts import NO_FACTS, Facts, Group, Traffic
from journeys.names import Names
from journeys.parse import parse
from journeys.project import Attribute, Data

BARE = Data({"age": Attribute("number")}, {}, {})
NAMES = ("adults", "elders", "grown")


def rules() -> Data:
    made = {}
    for line, name in enumerate(NAMES, 3):
        made[name] = parse("contact.age > 3", Place("data.yaml", line, 9), Names(BARE, journey=False), "flag")[0]
    return Data(BARE.attributes, {}, {name: one for name, one in made.items() if one is not None})


def said(**known: object) -> list[tuple[str, int]]:
    facts = Facts(contacts=20_000, traffic={"j": Traffic(900, 0.03)}, **known)  # type: ignore[arg-type]
    return [(one.code, one.line) for one in check_segments(rules(), facts)]


def test_nothing_is_said_without_facts_or_about_segments_that_were_never_filled() -> None:
    assert check_segments(rules(), NO_FACTS) == []
    assert said() == []


def test_a_segment_of_412_people_could_show_a_lift_of_over_140_percent_only() -> None:
    assert said(segments={"adults": Group(412, 3, 90)}) == [("W920", 3)]
    assert said(segments={"adults": Group(4120, 3, 90)}) == []
    assert lift(0.03, 412) == pytest.approx(1.58, abs=0.01)


def test_the_way_out_of_a_small_segment_is_the_smallest_one_that_holds_it() -> None:
    groups = {"elders": Group(400, 3, 90), "adults": Group(9000, 3, 90), "grown": Group(5000, 3, 90)}
    inside = {("elders", "adults"): 1.0, ("elders", "grown"): 0.95}
    facts = Facts(contacts=20_000, segments=groups, overlaps=inside)
    assert [one.helps for one in check_segments(rules(), facts)] == [("test in grown, which holds it",)]


def test_two_segments_of_the_same_people_are_told_and_one_inside_the_other_is_not() -> None:
    groups = {"adults": Group(9000, 3, 90), "grown": Group(9100, 3, 90)}
    assert said(segments=groups, overlaps={("adults", "grown"): 0.99, ("grown", "adults"): 0.97}) == [("W921", 5)]
    assert said(segments=groups, overlaps={("adults", "grown"): 0.99, ("grown", "adults"): 0.6}) == []


def test_a_segment_that_nobody_enters_or_that_has_drifted_is_to_be_looked_at() -> None:
    assert said(segments={"adults": Group(9000, 0, 31)}) == [("W922", 3)]
    assert said(segments={"adults": Group(9000, 0, 29)}) == []
    assert said(segments={"adults": Group(9000, 9, 31, was=0.1)}) == [("W922", 3)]
    assert said(segments={"adults": Group(9000, 9, 31, was=0.4)}) == []
    assert drift(0.5, 0.5) == 0
