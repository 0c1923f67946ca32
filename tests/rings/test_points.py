"""Ring 1: at every commit and every step on the wire something fails, and the ledger is right."""

from __future__ import annotations

import os
import sys

import pytest

from channels.failpoints import armed, reached
from engine.drill.drill import Ask
from engine.drill.points import NEEDED, count, firsts, ground, struck
from engine.failpoints import Exit, Fault, Strike

ALL = int(os.environ.get("SOJOURN_EXAMPLES", "1")) > 1


def test_whatever_point_fails_in_whatever_way_nothing_is_lost_or_twice(tmp_path, capsys):
    found = struck(Ask(tmp_path), (lambda hits: hits) if ALL else firsts)
    with capsys.disabled():
        sys.stdout.write(f"\nring 1: {found.scale}\n")
    assert found.wrong == ()
    assert found.figures["runs"] > 100
    assert found.duplicated == 0 < found.figures["second_copies_with_resend"]


def test_every_point_that_has_a_name_is_reached(tmp_path):
    with ground(tmp_path, resend=False) as here:
        hits = count(here)
    assert NEEDED - {hit.name for hit in hits} == set()
    assert {hit.name for hit in hits if hit.applied} >= {"smtp dot", "push post", "webhook post"}


def test_nobody_is_struck_where_nothing_is_armed_and_a_dead_process_does_nothing_more():
    reached("smtp data")
    strike = Strike(1, "exit")
    with armed(strike):
        reached("smtp data")
        with pytest.raises(Exit):
            reached("smtp body")
        with pytest.raises(Exit):
            reached("smtp data")
        strike.revive()
        reached("smtp data")
    reached("smtp body")


def test_a_struck_step_on_the_wire_is_a_lost_connection():
    with armed(Strike(0, "raise")), pytest.raises(Fault):
        reached("smtp body")
