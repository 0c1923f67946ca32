"""YAML as sojourn reads it: 1.2 core, every node with its place, every slip a Problem."""

from __future__ import annotations

import pytest

from journeys import Problem
from journeys.node import Node
from journeys.page import Page, near
from journeys.reader import decode, read


def reading(text: str) -> tuple[Node | None, list[Problem]]:
    page = Page("f.yaml", text)
    return read(page), page.problems


def only(text: str) -> Problem:
    _, problems = reading(text)
    assert len(problems) == 1, problems
    return problems[0]


def test_only_true_and_false_are_booleans_and_times_stay_text():
    node, problems = reading("a: 10:30\nb: no\non: yes\nc: 09:00\nd: 2025-10-18\ne: 0x10\nf: 1_000\ng: ~\nh:\ni: true")
    assert problems == []
    assert node is not None
    assert node.data() == {
        "a": "10:30", "b": "no", "on": "yes", "c": "09:00", "d": "2025-10-18", "e": "0x10", "f": "1_000", "g": None,
        "h": None, "i": True,
    }  # fmt: skip


def test_integers_and_decimals_are_numbers():
    node, _ = reading("[1, -2, 0.10, 1.5e3, '7', 1e3, .inf]")
    assert node is not None
    assert node.data() == [1, -2, 0.1, 1500.0, "7", "1e3", ".inf"]


def test_every_node_knows_its_place():
    node, _ = reading("a:\n  b: [x, 'y z']\n")
    assert node is not None
    inner = node.get("a")
    assert inner is not None
    last = inner.get("b").items[1]
    assert (last.line, last.col, last.end_line, last.end_col) == (2, 10, 2, 15)


def test_anchors_and_merges_work_inside_one_file():
    node, problems = reading("a: &x {n: 1, m: 2}\nb: {<<: *x, m: 3}\nc: *x")
    assert problems == []
    assert node is not None
    assert node.data() == {"a": {"n": 1, "m": 2}, "b": {"m": 3, "n": 1}, "c": {"n": 1, "m": 2}}


def test_an_alias_bomb_is_refused_before_it_is_built():
    bomb = "a: &a [x, x]\n" + "".join(
        f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True)
    )
    assert (only(bomb).code, only(bomb).says) == ("Y009", "more than 100 repetitions by *aliases")


@pytest.mark.parametrize(
    ("text", "code", "line", "col"),
    [
        ("a: &x [*x]", "Y009", 1, 8),
        ("a: *x", "Y008", 1, 4),
        ("[" * 65, "Y009", 1, 65),
        ("a: [b", "Y008", 1, 1),
        ("a: b: c", "Y008", 1, 5),
        ("a: 'b", "Y008", 1, 6),
        ("a: 1\n---\nb: 2", "Y008", 2, 1),
        ("? [a]\n: b", "Y008", 1, 3),
        ("a\x00b", "Y008", 1, 1),
        ("a: !!python/object:os.system x", "Y006", 1, 4),
        ("{a: 1, b}", "Y004", 1, 2),
        ("{b}", "Y008", 1, 2),
    ],
)
def test_what_cannot_be_read_is_told_at_its_place(text, code, line, col):
    found = only(text)
    assert (found.code, found.line, found.col) == (code, line, col)


def test_a_tab_is_told_and_repaired():
    found = only("a:\n\tsend: x")
    assert (found.code, found.line, found.col, found.label) == ("Y001", 2, 1, "use two spaces")
    assert found.fix[0].text == "  "


def test_braces_are_told_and_the_rest_is_read_on():
    node, problems = reading("a: {{ b }}\nc: d\nc: e")
    assert [problem.code for problem in problems] == ["Y002", "Y003"]
    assert node is not None
    assert node.get("a").kind == "broken"
    assert node.get("c").data() == "d"


def test_braces_in_a_comment_are_nobodys_business():
    assert reading("a: b  # {{ c }}")[1] == []


def test_a_doubled_key_is_told_with_both_places():
    found = only("states:\n  a: {x: 1}\n  b: 1\n  a: {y: 1}")
    assert (found.code, found.says, found.line) == ("Y003", 'the state "a" is written twice', 4)
    assert [(other.line, other.col, other.text) for other in found.others] == [(2, 3, "first one")]
    assert only("x: 1\nx: 2").says == 'the key "x" is written twice'


def test_a_comma_inside_braces_is_told_once_and_repaired_with_quotes():
    found = only("g: {a: 3d, if: min(1, 2, 3) > 1, then: x}")
    assert (found.code, found.col, found.end_col) == ("Y004", 12, 21)
    assert found.fix[0].text == "'min(1, 2, 3) > 1'"


def test_a_list_inside_braces_is_told_and_repaired_with_quotes():
    node, problems = reading('- {if: contact.tier in ["a", "b"], then: x}\n- {if: a in [1] or b in [2], then: y}\n')
    assert [(one.code, one.line, one.col) for one in problems] == [("Y004", 1, 4), ("Y004", 2, 4)]
    assert problems[1].fix[0].text == "'a in [1] or b in [2]'"
    assert problems[0].fix[0].text == """'contact.tier in ["a", "b"]'"""
    assert node is not None
    assert [item.get("then").raw for item in node.items] == ["x", "y"]
    assert reading("a: {if: contact.x, days: [mon]}")[1] == []
    assert reading("""a: {if: 'b in ["c"]', then: x}""")[1] == []
    assert reading('a:\n  if: b in ["c", "d"]')[1] == []


def test_a_condition_that_starts_with_a_quote_is_repaired():
    found = only('a:\n  if: "gold" in contact.tags  # really\n')
    assert (found.code, found.line, found.col, found.end_col) == ("Y005", 2, 7, 13)
    assert found.fix[0].text == "'\"gold\" in contact.tags'"
    assert only('{if: "gold" in contact.tags, then: x}').fix[0].text == "'\"gold\" in contact.tags'"
    assert reading('a: {if: "contact.x", then: y}')[1] == []


def test_an_exclamation_mark_is_led_to_not():
    found = only("if: !contact.open_ticket")
    assert (found.code, found.col, found.end_col) == ("Y006", 5, 25)
    assert found.fix[0].text == "not contact.open_ticket"


def test_a_swallowed_dash_is_told():
    found = only("a:\n - b\n   - c")
    assert (found.code, found.line, found.col) == ("Y007", 3, 4)


def test_bytes_that_are_not_utf8_and_files_that_are_too_long_are_told():
    assert decode(b"a: \xff", "f").problems[0].code == "Y009"
    assert decode(b"a" * ((1 << 20) + 1), "f").problems[0].code == "Y009"
    assert decode("é: ü".encode(), "f").lines == ["é: ü"]


def test_near_names_are_at_most_two_letters_or_a_third_away():
    assert near("recoverr", ["recover", "remind"]) == "recover"
    assert near("cart_socail", ["cart_plain", "cart_social"]) == "cart_social"
    assert near("exit_if", ["exit_when"]) == "exit_when"
    assert near("a", ["b", "c"]) is None
    assert near("something", ["else"]) is None
