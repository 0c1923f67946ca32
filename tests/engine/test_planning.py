"""What a plan says is what a deploy does."""

from __future__ import annotations

import re

import pytest
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lives import DATA, DAY, HOUR, START, TRIP, Life

from engine.errors import DefinitionError, NotFound
from engine.planning import Wish
from engine.store.connect import create, writing

SOON, LATER = START + HOUR, START + 2 * DAY
BACK = Wish(back=("trip", 1))


def said(life: Life) -> dict[str, str]:
    return {str(change.difference): change.effect.says for change in life.trip().changes}


def test_unchanged_files_are_no_plan(life: Life):
    assert life.engine.journeys
    life.edit(("states:", "# a comment\nstates:"))
    assert not life.plan().any
    assert life.deploy().journeys == ()
    assert len(life.audited("deployed")) == 1


def test_people_who_wait_keep_their_time_unless_they_are_retimed(life: Life):
    life.crowd({"rest": (3, LATER), "left": (2, LATER)})
    life.edit(("rest: {after: 2d", "rest: {after: 30m"))
    assert said(life) == {"states.rest.after": "3 waiting keep their time (--retime: 3 would go now)"}
    life.deploy()
    assert {row[4] for row in life.rows()} == {LATER}


def test_a_retime_gives_the_time_that_the_new_version_says_and_nobody_is_too_late(life: Life):
    life.crowd({"rest": (3, LATER)})
    life.edit(("rest: {after: 2d", "rest: {after: 30m"))
    assert life.deploy(Wish(retime=True)).journeys[0].retimed == 3
    assert {row[4] for row in life.rows()} == {START}
    life.live()
    assert life.sent() == {"email/again": 3}


def test_a_state_with_people_cannot_go_without_saying_where_to(life: Life):
    life.crowd({"left": (5, LATER), "rest": (1, LATER)})
    life.edit(
        (
            "fork: {after: 1d, split: {left: 60%, right: 40%}}\n  left: {after: 1d, send: email/more, then: exit}\n  right",
            "right",
        )
    )
    (problem,) = life.plan().blocked
    assert (problem.code, problem.says) == ("D801", 'the state "left" is gone, but 5 contacts are waiting in it')
    before = life.rows()
    with pytest.raises(DefinitionError):
        life.deploy()
    assert life.rows() == before
    life.edit(("states:", "moved: {left: right}\nstates:"))
    assert life.deploy().journeys[0].moved == {("left", "right"): 5}
    assert life.places() == {"rest": 1, "right": 5}


def test_a_plan_counts_draws_that_would_fall_otherwise(life: Life):
    life.crowd({"rest": (400, LATER), "left": (100, LATER)})
    life.edit(("left: 60%, right: 40%", "left: 50%, right: 50%"))
    (change,) = life.trip().changes
    assert (change.effect.concerned, str(change.difference)) == (400, "states.fork.split")
    assert 20 <= change.effect.differ <= 60  # a tenth of 400
    life.deploy()
    life.live(4 * DAY)
    assert sum(life.places().values()) == 500


def test_a_holdout_that_grows_keeps_its_members_and_the_count_is_of_real_contacts(life: Life):
    life.crowd({"rest": (400, LATER)})
    life.edit(("states:", "holdout: 20%\nstates:"))
    (change,) = life.trip().changes
    assert 50 <= change.effect.differ <= 110
    assert change.effect.says.endswith("more are held out, nobody is let go; the 400 inside keep their group")


def test_a_new_state_says_who_can_still_come_to_it(life: Life):
    life.crowd({"rest": (7, LATER), "right": (2, LATER)})
    life.edit(("  fork:", "  extra: {after: 1d, send: email/more}\n  fork:"))
    assert said(life) == {"states.extra": "7 inside can still come to it"}


def test_a_journey_whose_file_is_gone_stays_while_people_are_inside(life: Life):
    life.crowd({"rest": (2, LATER)})
    (life.folder / "journeys" / "trip.yaml").unlink()
    assert [problem.code for problem in life.plan().blocked] == ["D801"]
    for _ in range(9):
        life.live(DAY)
    (done,) = life.deploy().journeys
    assert (done.before, done.number) == (1, 0)
    assert life.restarted().journeys == {}


def test_a_name_that_nobody_knows_is_not_found(life: Life):
    assert life.engine.journeys
    with pytest.raises(NotFound, match="trip"):
        life.plan(Wish(("tripp",)))
    with pytest.raises(NotFound, match="trip@1"):
        life.plan(Wish(back=("trip", 7)))


def test_ten_thousand_inside_are_where_the_plan_said_and_nobody_hears_anything_twice(life: Life):
    life.crowd({"rest": (5_000, LATER), "left": (600, SOON), "right": (4_400, LATER)})
    life.edit(
        ("  left: {after: 1d, send: email/more, then: exit}\n", ""),
        ("split: {left: 60%, right: 40%}", "split: {final: 60%, right: 40%}"),
        ("states:", "moved: {left: final}\nstates:"),
        ("  right: {after: 3d, then: exit}", "  right: {after: 3d, then: exit}\n  final: {after: 1d, send: email/more, then: exit}"),
    )  # fmt: skip
    planned = life.trip()
    assert [(way.old, way.new, count) for way, count in planned.ways] == [("left", "final", 600)]
    before = {row[0]: row for row in life.rows()}
    done = life.deploy()
    assert done.journeys[0].moved == {("left", "final"): 600}
    after = {row[0]: row for row in life.rows()}
    assert after.keys() == before.keys()
    assert {id_: row[4:] for id_, row in after.items()} == {id_: row[4:] for id_, row in before.items()}
    assert life.places() == {"rest": 5_000, "final": 600, "right": 4_400}
    life.live(HOUR)
    assert life.sent() == {"email/more": 600}
    life.live()
    assert life.sent() == {"email/more": 600}
    assert life.places() == {"rest": 5_000, "left: completed": 600, "right": 4_400}


NAMES = ("hello", "rest", "fork", "left", "right")
EDITS = st.lists(
    st.sampled_from(("retime rest", "rename left", "drop left", "merge right", "share", "new")), max_size=4
)
PLACES = st.fixed_dictionaries({name: st.integers(0, 4) for name in NAMES})
FEW = settings(max_examples=examples(8), deadline=None, suppress_health_check=list(HealthCheck))


def edited(edits: list[str]) -> str:
    """Return the journey after these edits; people of a state that goes are sent on."""
    text, moved = TRIP, {}
    for edit in dict.fromkeys(edits):
        if edit == "retime rest":
            text = text.replace("rest: {after: 2d", "rest: {after: 1d")
        if edit == "rename left" and "drop left" not in edits:
            text, moved = text.replace("left:", "port:").replace("then: left", "then: port"), moved | {"left": "port"}
        if edit == "drop left":
            line = "  left: {after: 1d, send: email/more, then: exit}\n"
            text = re.sub(r"split: {left[^}]*}", "then: right", text.replace(line, ""))
            moved |= {"left": "exit"}
        if edit == "merge right" and "drop left" not in edits and "rename left" not in edits:
            text = text.replace("  right: {after: 3d, then: exit}\n", "")
            text = re.sub(r"right: (\d+%)", r"exit: \1", text)
            moved |= {"right": "left"}
        if edit == "share":
            text = text.replace("60%", "50%").replace("40%", "50%")
        if edit == "new":
            text = text.replace("  fork:", "  extra: {after: 1d, send: email/more}\n  fork:")
    ways = ", ".join(f"{old}: {new}" for old, new in moved.items())
    return text.replace("states:", f"moved: {{{ways}}}\nstates:") if moved else text


@given(EDITS, PLACES, st.booleans())
@FEW
def test_whatever_is_edited_the_deploy_does_what_the_plan_counts_and_undo_takes_it_back(
    tmp_path_factory, edits, places, retime
):
    life = Life(tmp_path_factory.mktemp("edit"), "sqlite://")
    create_in(life)
    life.crowd({name: (count, LATER) for name, count in places.items() if count})
    before = life.rows()
    life.say("journeys/trip.yaml", edited(edits))
    wish = Wish(retime=retime)
    found = life.trip(wish)
    done = {one.name: one for one in life.deploy(wish).journeys}
    if found.kind == "unchanged":
        assert done == {}
        return
    assert {(way.old, way.new): count for way, count in found.ways} == done["trip"].moved
    assert {way.old: count for way, count in found.ways} == {
        state: places[state] for state in places if places[state] and state not in life.restarted().journeys["trip"].states
    }  # fmt: skip
    assert done["trip"].retimed == (len(found.dues) if retime else 0)
    assert {row[0]: row[4] for row in life.rows() if row[0] in found.dues} == (
        dict(found.dues) if retime else {row[0]: row[4] for row in before if row[0] in found.dues}
    )
    life.deploy(Wish(back=("trip", 1)))
    back = life.rows()
    assert [row[:4] + row[5:] for row in back] == [row[:4] + row[5:] for row in before]
    if not retime:
        assert back == before
    life.store.dispose()


def create_in(life: Life) -> None:
    with writing(life.store) as conn:
        create(conn)


def test_data_that_changes_is_planned_and_deployed_with_the_journeys(life: Life):
    assert life.engine.journeys
    life.say("data.yaml", DATA.replace('gold"', 'basic"'))
    found = life.plan()
    assert [(one.mark, str(one)) for one in found.data] == [("~", "segments.good")]
    assert life.deploy().data == 2
    assert not life.plan().any
