"""A state that is gone with people in it: where they are best sent."""

from __future__ import annotations

import pytest
from kit_copy import with_states

from journeys.check_deploy import removed_state

NEW = "hello: {send: email/cart_plain}\nnudge: {after: 1d, send: email/cart_social}\nlast: {after: 1d}"


@pytest.mark.parametrize(
    ("old", "gone", "way_out"),
    [
        (None, "nudges", "say where they should go:\nmoved: {nudges: nudge}"),  # another name
        (None, "somewhere", "say where they should go:\nmoved: {somewhere: last}"),
        ("hello: {after: 1d}\nasked: {after: 1d}\nnudge: {after: 1d}", "asked",
         "say where they should go:\nmoved: {asked: nudge}"),  # what came next
        ("hello: {after: 1d}\nasked: {after: 1d}\nagain: {after: 1d}\nlast: {after: 1d}", "asked",
         "say where they should go:\nmoved: {asked: last}"),  # what came next is gone, too
        ("first: {send: email/cart_plain}\nlast: {after: 1d}", "first",
         "say where they should go:\nmoved: {first: hello}"),  # a new state of the same kind stands in its place
        ("hello: {after: 1d}\nasked: {after: 1d}", "asked", "let them leave: `moved: {asked: exit}`"),
    ],
)  # fmt: skip
def test_people_are_best_sent_where_the_state_led(old, gone, way_out):
    before = with_states(old).good if old else None
    found = removed_state(with_states(NEW).good, gone, 68, before)
    assert found.helps[0] == way_out
    assert (found.code, found.line, found.col) == ("D801", 5, 1)
    assert found.says == f'the state "{gone}" is gone, but 68 contacts are waiting in it'


def test_one_person_is_one_contact():
    found = removed_state(with_states(NEW).good, "gone", 1)
    assert found.says == 'the state "gone" is gone, but 1 contact is waiting in it'
