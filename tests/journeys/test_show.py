"""Problems are printed byte for byte as the manual shows them."""

import re

from journeys.problem import Edit, Label, Problem
from journeys.show import as_json, show, summary

CART = "journeys/cart_recovery.yaml"
WELCOME = "journeys/welcome.yaml"


def at_line(first: int, fragment: str) -> str:
    return "\n" * (first - 1) + fragment


def problem(code: str, place: tuple[str, int, int, int], says: str, **more) -> Problem:
    file, line, col, end_col = place
    return Problem(code, more.pop("severity", "error"), file, line, col, end_col, says, **more)


ENTERS = """add one of
enter: {event: signed_up}
enter: {segment: new_customers, check: daily 06:00}
enter: {manual: true}"""
EDIT = (Edit(1, 1, 1, ""),)


def test_a_tab_is_drawn_as_an_arrow_and_marked_in_full():
    found = problem(
        "Y001", (WELCOME, 10, 1, 2), "tab used for indentation",
        label="use two spaces", helps=("fix: run `sojourn lint --fix`",), fix=EDIT,
    )  # fmt: skip
    assert show(found, at_line(9, "  hello:\n\tsend: email/welcome_hello")) == (
        "journeys/welcome.yaml:10:1: error[Y001] [*] tab used for indentation\n"
        "   |\n"
        " 9 |   hello:\n"
        "10 | →   send: email/welcome_hello\n"
        "   | ^^^^ use two spaces\n"
        "   = fix: run `sojourn lint --fix`"
    )


def test_a_far_first_place_is_shown_above_with_dots_between():
    found = problem(
        "Y003", (CART, 34, 3, 9), 'the state "remind" is written twice', label="second one",
        helps=("rename one of them; YAML would silently keep only the last",),
        others=(Label(31, 3, 9, "first one"),),
    )  # fmt: skip
    text = "  remind:\n    send: email/cart_plain\n  wait_more: {after: 1d}\n  remind:\n    send: email/cart_social"
    assert show(found, at_line(31, text)) == (
        'journeys/cart_recovery.yaml:34:3: error[Y003] the state "remind" is written twice\n'
        "   |\n"
        "31 |   remind:\n"
        "   |   ------ first one\n"
        "...\n"
        "34 |   remind:\n"
        "   |   ^^^^^^ second one\n"
        "   = help: rename one of them; YAML would silently keep only the last"
    )


def test_a_near_second_place_needs_no_dots():
    found = problem(
        "F402", (CART, 51, 40, 45), "check → ping → check is a loop without a wait",
        label="would send push/cart_nudge without end", helps=('add `after: 1d` to "check" or "ping"',),
        notes=("a loop with a wait is fine; it stops after max_visits (default 10)",),
        others=(Label(50, 3, 8, "loop starts here"),),
    )  # fmt: skip
    text = "  check: {if: any clicked since entry, else: ping}\n  ping:  {send: push/cart_nudge, then: check}"
    assert show(found, at_line(50, text)) == (
        "journeys/cart_recovery.yaml:51:40: error[F402] check → ping → check is a loop without a wait\n"
        "   |\n"
        "50 |   check: {if: any clicked since entry, else: ping}\n"
        "   |   ----- loop starts here\n"
        "51 |   ping:  {send: push/cart_nudge, then: check}\n"
        "   |                                        ^^^^^ would send push/cart_nudge without end\n"
        '   = help: add `after: 1d` to "check" or "ping"\n'
        "   = note: a loop with a wait is fine; it stops after max_visits (default 10)"
    )


def test_help_of_several_lines_is_indented_below_its_first():
    found = problem(
        "S103", (WELCOME, 1, 1, 17), "this journey has no `enter`: nobody would ever start it",
        helps=(ENTERS,),
    )  # fmt: skip
    text = "journey: welcome\ntopic: onboarding\ngoal: {event: order_placed, within: 14d}"
    assert show(found, text) == (
        "journeys/welcome.yaml:1:1: error[S103] this journey has no `enter`: nobody would ever start it\n"
        "  |\n"
        "1 | journey: welcome\n"
        "  | ^^^^^^^^^^^^^^^^\n"
        "  = help: add one of\n"
        "  =           enter: {event: signed_up}\n"
        "  =           enter: {segment: new_customers, check: daily 06:00}\n"
        "  =           enter: {manual: true}"
    )


def test_notes_may_come_before_the_help():
    found = problem(
        "P601", (WELCOME, 14, 9, 16),
        "22:00 is inside the quiet hours (21:30-08:00): this message could never leave on time",
        notes=("quiet hours come from sojourn.yaml:28; messages would wait until 08:00",),
        helps=("choose a time between 08:00 and 21:30, or mark the journey transactional",), notes_first=True,
    )  # fmt: skip
    assert show(found, at_line(13, '    after: 2d\n    at: "22:00"')) == (
        "journeys/welcome.yaml:14:9: error[P601] 22:00 is inside the quiet hours (21:30-08:00): "
        "this message could never leave on time\n"
        "   |\n"
        "13 |     after: 2d\n"
        '14 |     at: "22:00"\n'
        "   |         ^^^^^^^\n"
        "   = note: quiet hours come from sojourn.yaml:28; messages would wait until 08:00\n"
        "   = help: choose a time between 08:00 and 21:30, or mark the journey transactional"
    )


def test_carets_without_a_label_end_the_line():
    found = problem("S109", (CART, 68, 12, 41), "the shares add up to 110%, not 100%")
    text = at_line(67, "  tone_test:\n    split: {short_note: 50%, long_note: 60%}")
    assert show(found, text).endswith(
        "\n68 |     split: {short_note: 50%, long_note: 60%}\n   |            " + "^" * 29
    )


def test_a_second_place_below_is_shown_below():
    found = problem("X1", ("a.yaml", 1, 1, 2), "says", others=(Label(3, 1, 2, "here too"),))
    expected = "a.yaml:1:1: error[X1] says\n  |\n1 | a\n  | ^\n...\n3 | c\n  | - here too"
    assert show(found, "a\nb\nc") == expected


def test_a_file_that_cannot_be_read_still_gets_its_message():
    found = problem("Y008", ("a.yaml", 7, 1, 2), "too large", helps=("split it",))
    assert show(found, "") == "a.yaml:7:1: error[Y008] too large\n  |\n  = help: split it"


def test_colour_adds_escapes_and_nothing_else():
    found = problem("R201", (CART, 2, 11, 19), 'no state called "x"', label="?", helps=("h",), fix=EDIT)
    text = "  a: b | c = d\n    else: recoverr"
    painted = show(found, text, colour=True)
    assert painted != show(found, text)
    assert re.sub(r"\x1b\[[\d;]*m", "", painted) == show(found, text)


def test_the_summary_counts_what_was_checked_and_found():
    error = problem("R201", (CART, 2, 11, 19), "x", fix=EDIT)
    counted = {"journey": 4, "fragment": 1, "message": 14}
    assert summary([error], counted, 0.21) == (
        "4 journeys, 1 fragment, 14 messages checked in 0.21 s: 1 error (1 fixable with --fix), 0 warnings"
    )
    warning = problem("W901", (CART, 2, 11, 19), "x", severity="warning")
    assert summary([warning], {"journey": 1}, 1).endswith("1 journey checked in 1.00 s: 0 errors, 1 warning")


def test_json_carries_the_span_and_the_safe_edits():
    found = problem(
        "R201", (CART, 25, 11, 19), 'no state called "recoverr"',
        label='did you mean "recover" (line 41)?', fix=(Edit(25, 11, 19, "recover"),),
    )  # fmt: skip
    plain = as_json(found)
    assert (plain["line"], plain["col"], plain["end_col"]) == (25, 11, 19)
    assert plain["message"] == 'no state called "recoverr"'
    assert plain["fix"] == {"safe": True, "edits": [{"line": 25, "col": 11, "end_col": 19, "text": "recover"}]}
    assert as_json(problem("W901", (CART, 1, 1, 1), "x"))["fix"] is None
