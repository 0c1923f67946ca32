"""Entries are added to a file by position; everything that was there stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys.adding import added
from journeys.page import Page
from journeys.reader import read

CASES = {
    "a block": (
        "events:   # what people do\n  one: {}   # first\n\nsegments: {}\n",
        "events:   # what people do\n  one: {}   # first\n  two: {a: text}\n\nsegments: {}\n",
    ),
    "a deep block": ("events:\n    one:\n        a: text\nrest: 1\n", "events:\n    one:\n        a: text\n    two: {a: text}\nrest: 1\n"),
    "an empty mapping": ("events: {}  # none yet\nrest: 1\n", "events:  # none yet\n  two: {a: text}\nrest: 1\n"),
    "nothing": ("events:\nrest: 1\n", "events:\n  two: {a: text}\nrest: 1\n"),
    "one line": ("events: {one: {}}  # all\n", "events: {one: {}, two: {a: text}}  # all\n"),
    "several lines in braces": ("events: {\n  one: {}\n}\n", "events: {\n  one: {}\n, two: {a: text}}\n"),
    "a missing section": ("rest: 1\n", "rest: 1\n\nevents:\n  two: {a: text}\n"),
    "an empty file": ("", "\n\nevents:\n  two: {a: text}\n"),
    "no end of line": ("events:\n  one: {}", "events:\n  one: {}\n  two: {a: text}"),
}  # fmt: skip


def data(text: str):
    page = Page("data.yaml", text)
    root = read(page)
    assert page.problems == []
    return root.data() if root is not None else None


@pytest.mark.parametrize(("before", "after"), CASES.values(), ids=CASES)
def test_an_entry_goes_behind_the_last_one_as_that_is_written(before, after):
    assert added(before, ("events",), {"two": "{a: text}"}) == after
    assert data(after)["events"]["two"] == {"a": "text"}


def test_a_property_is_added_to_an_event_that_is_there():
    text = "events:\n  order_placed: {order_id: text}   # from the till\n  other: {}\n"
    after = added(text, ("events", "order_placed"), {"total": "number"})
    assert after == "events:\n  order_placed: {order_id: text, total: number}   # from the till\n  other: {}\n"


def test_what_a_comma_would_cut_is_quoted_inside_braces():
    after = added("contact: {email: text}\n", ("contact",), {"tier": "enum(a, b) = a"})
    assert data(after)["contact"] == {"email": "text", "tier": "enum(a, b) = a"}


NAMES = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=4, unique=True)


@given(
    NAMES, st.lists(st.sampled_from("stuvwxyz"), min_size=1, max_size=3, unique=True), st.booleans(), st.integers(1, 6)
)
def test_whatever_the_file_nothing_is_lost_and_everything_is_there(old, new, flow, indent):
    comment = "  # kept"
    if flow:
        text = f"contact: {{{', '.join(f'{name}: text' for name in old)}}}{comment}\nrest: 1\n"
    else:
        text = "\n".join(
            ["contact:" + comment, *(f"{' ' * indent}{name}: text{comment}" for name in old), "", "rest: 1\n"]
        )
    after = added(text, ("contact",), dict.fromkeys(new, "number = 0"))
    assert data(after) == {"contact": {**dict.fromkeys(old, "text"), **dict.fromkeys(new, "number = 0")}, "rest": 1}
    assert after.count(comment) == text.count(comment)
