"""Many at the edge: a pass takes as many statements for one contact as for five thousand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from lawbook import START, Case, world

from engine.simulate import CROWD, Virtual
from engine.store.intake import NewEvent

MANY = 2000
TRIP = """\
journey: trip0
topic: promo
enter: {event: started}
reenter: always
holdout: 10%
goal: {event: paid, within: 3d}
states:
  s0: {branch: [{if: contact.tier == "basic", then: s1}], else: exit}
  s1: {choose: {arms: [email/hello, push/nudge, nothing], reward: {within: 1d, score: {paid: 1, clicked: 1}}}}
  s2: {after: 1d, if: no poked within 2d, send: email/again}
"""


@contextmanager
def counted(made: Virtual) -> Iterator[list[str]]:
    said: list[str] = []

    def note(_conn, _cursor, statement, *_rest) -> None:
        said.append(statement)

    sa.event.listen(made.engine.store, "before_cursor_execute", note)
    yield said
    sa.event.remove(made.engine.store, "before_cursor_execute", note)


def passes(folder: Path, people: int) -> dict[str, int]:
    """Return how many statements each pass took, with everybody due at once."""
    case = Case({"CAP_ALL": "9/day", "WHEN": "skip", "QUIET": "21:30"}, (TRIP,), (), people, ())
    made = world(case, folder)
    made.engine.limits = CROWD
    made.feed([NewEvent(f"e{n}", f"p{n}", "started", START, {"value": 5}) for n in range(people)])
    found = {}
    for name, act in (("tick", made.engine.tick), ("deliver", made.engine.deliver), ("learn", made.engine.learn)):
        with counted(made) as said:
            act()
        found[name] = len(said)
    return found


def test_statements_do_not_grow_with_the_batch(tmp_path: Path) -> None:
    few, many = passes(tmp_path / "few", 40), passes(tmp_path / "many", MANY)
    assert many["tick"] <= few["tick"]
    assert many["learn"] <= few["learn"]
    groups = MANY // 50 + 2  # answers are written in groups of fifty
    assert many["deliver"] <= few["deliver"] + 4 * groups
