"""Who is where in a journey and who went which way: counted in two statements."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa
from walks import DAY, NOW, fill, run

from engine.core.model import Move, Step
from engine.store.connect import reading, writing
from engine.store.mapping import traffic
from engine.store.stepping import Needs, Walked, claim, commit


def walked(store: sa.Engine, people: dict[str, dict[str, str]]) -> None:
    """Let everybody come in, and on to the state they are given."""
    fill(store, *people)
    with writing(store) as conn:
        walks = []
        for snapshot in claim(conn, NOW, 100, Needs()):
            who = snapshot.contact.id
            changes = {"state": "hello", **people[who]}
            entered = run(who, **changes)
            moves = [Move("enter", "hello", "on signed_up", NOW - DAY, 1)]
            moves += [Move("hello", changes["state"], "always", NOW, 2)] if changes["state"] != "hello" else []
            walks.append(Walked(snapshot, (Step(replace(entered, steps=len(moves)), tuple(moves), started=True),)))
        commit(conn, walks, NOW)


def test_people_are_counted_where_they_are_and_ways_since_an_instant(store: sa.Engine):
    walked(store, {
        "ana": {}, "ben": {"state": "later"}, "cleo": {"state": "later"}, "dora": {"group": "holdout"},
        "eve": {"journey": "other"},
    })  # fmt: skip
    with reading(store) as conn:
        found = traffic(conn, "win", NOW - 2 * DAY)
        assert found.inside == {"hello": 1, "later": 2}
        assert found.moved == {("enter", "hello"): 3, ("hello", "later"): 2}
        assert found.held_out == 1
        assert traffic(conn, "win", NOW).moved == {("hello", "later"): 2}
        assert traffic(conn, "nobody", NOW).inside == {}


def test_it_takes_two_statements_however_many_there_are(store: sa.Engine):
    walked(store, {f"p{n}": {"state": "later"} for n in range(40)})
    said: list[str] = []
    with reading(store) as conn:
        sa.event.listen(store, "before_cursor_execute", lambda *args: said.append(args[2]))
        assert traffic(conn, "win", NOW - DAY).inside == {"later": 40}
    assert len([one for one in said if one.lstrip().upper().startswith("SELECT")]) == 2
