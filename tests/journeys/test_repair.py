"""Edits go in by position; all else stays byte for byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from journeys.problem import Edit, Problem
from journeys.repair import repair


def problem(*edits: Edit, code: str = "R201") -> Problem:
    return Problem(code, "error", "f.yaml", edits[0].line, edits[0].col, edits[0].end_col, "wrong", fix=edits)


def test_line_ends_and_comments_stay_as_they_are():
    text = "a: 1 # one\r\nb:  two\u2028c: 3\n\n"
    now, done = repair(text, [problem(Edit(2, 5, 8, "2")), problem(Edit(3, 4, 5, "three"))])
    assert now == "a: 1 # one\r\nb:  2\u2028c: three\n\n"
    assert len(done) == 2


def test_of_two_that_want_the_same_place_the_first_wins():
    first, second = problem(Edit(1, 1, 4, "x")), problem(Edit(1, 3, 6, "y"))
    assert repair("abcdef", [second, first]) == ("xdef", (first,))


def test_two_that_touch_do_not_go_in_together():
    first, second = problem(Edit(1, 1, 3, "x")), problem(Edit(1, 3, 5, "y"))
    assert repair("abcdef", [first, second])[1] == (first,)


def test_the_edits_of_one_problem_go_in_together_or_not_at_all():
    both = problem(Edit(1, 1, 1, "  "), Edit(2, 1, 1, "  "))
    assert repair("a\nb", [both])[0] == "  a\n  b"
    assert repair("a", [both]) == ("a", ())


def test_an_edit_beyond_the_text_is_left_out():
    assert repair("ab", [problem(Edit(1, 2, 9, "x"))]) == ("ab", ())
    assert repair("ab", [problem(Edit(7, 1, 1, "x"))]) == ("ab", ())


@given(st.lists(st.text("ab #\u00e9", max_size=6), min_size=1, max_size=5), st.data())
def test_what_is_not_edited_stays(lines, data):
    edits = []
    for number, line in enumerate(lines, 1):
        if data.draw(st.booleans()):
            col = data.draw(st.integers(1, len(line) + 1))
            edits.append(Edit(number, col, data.draw(st.integers(col, len(line) + 1)), "NEW"))
    now, done = repair("\n".join(lines), [problem(edit) for edit in edits])
    assert len(done) == len(edits)
    expected = list(lines)
    for edit in edits:
        body = lines[edit.line - 1]
        expected[edit.line - 1] = body[: edit.col - 1] + "NEW" + body[edit.end_col - 1 :]
    assert now == "\n".join(expected)
