"""What runs is what was deployed."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from lives import DAY, HOUR, Life

from engine.errors import ConfigError, DefinitionError
from engine.planning import Wish
from engine.store.connect import reading
from engine.store.deploying import versions
from engine.store.tables import decisions, enrollments

CHOICE = "choose: {arms: [email/hello, email/more], reward: {within: 1d, score: {paid: 1}}}"


def test_the_very_first_start_deploys_the_files_and_says_so(life: Life):
    assert life.engine.versions.began == ("trip v1",)
    assert life.restarted().versions.began == ()
    (told,) = life.audited("deployed")
    assert told["journeys"]["trip"]["number"] == 1


def test_a_start_with_errors_in_the_files_deploys_nothing(life: Life):
    life.edit(("email/hello", "email/nobody"))
    with pytest.raises(DefinitionError):
        life.restarted()
    with reading(life.store) as conn:
        assert versions(conn) == []


def test_a_changed_file_runs_only_when_it_is_deployed(life: Life):
    life.enter("ana")
    life.live()
    life.edit(("rest: {after: 2d, send: email/again}", "rest: {after: 2d, send: email/more}"))
    assert str(life.restarted().versions.changed) == "1 changed on disk: run `sojourn plan`"
    life.live(2 * DAY)
    assert life.sent() == {"email/hello": 1, "email/again": 1}


def test_a_running_engine_takes_up_a_new_version_at_its_next_tick(life: Life):
    life.enter("ana")
    life.live()
    life.edit(("rest: {after: 2d, send: email/again}", "rest: {after: 2d, send: email/more}"))
    life.deploy()
    life.live(2 * DAY)
    assert life.sent() == {"email/hello": 1, "email/more": 1}
    assert life.engine.versions.standing.versions == {"trip": life.engine.journeys["trip"].version}


def test_a_file_that_is_broken_by_now_does_not_stop_what_is_deployed(life: Life):
    life.enter("ana")
    life.live()
    life.say("journeys/trip.yaml", "journey: trip\nstates: {rest: [")
    assert list(life.restarted().journeys) == ["trip"]
    life.live(2 * DAY)
    assert life.sent() == {"email/hello": 1, "email/again": 1}


def test_fragments_and_data_are_kept_as_they_were_deployed(life: Life):
    life.say(
        "fragments/ask.yaml", "fragment: ask\nstates:\n  one: {after: 1h, if: in_segment(good), send: email/more}\n"
    )
    life.edit(("  rest: {after: 2d, send: email/again}", "  rest: {run: ask}"))
    before = life.engine.journeys["trip"].states
    life.edit(("1h", "5h"), file="fragments/ask.yaml")
    life.edit(('segments: {good: contact.tier == "gold"}', ""), file="data.yaml")
    kept = life.restarted()
    assert kept.journeys["trip"].states == before
    assert list(kept.project.data.segments) == ["good"]
    assert str(kept.versions.changed) == "data.yaml changed: run `sojourn plan`"


def test_new_data_that_a_deployed_journey_cannot_live_with_is_not_deployed(life: Life):
    life.edit(("enter: {event: started}", "enter: {event: started, if: in_segment(good)}"))
    assert life.engine.journeys
    life.edit(('segments: {good: contact.tier == "gold"}', ""), file="data.yaml")
    life.say(
        "journeys/other.yaml", "journey: other\ntopic: promo\nenter: {manual: true}\nstates: {a: {send: email/more}}\n"
    )
    wish = Wish(("other",))
    assert [problem.file for problem in life.plan(wish).blocked] == ["journeys/trip.yaml"]
    with pytest.raises(DefinitionError):
        life.deploy(wish)


def test_a_decision_keeps_the_version_that_drew_and_a_run_the_one_it_began_under(life: Life):
    life.edit(("rest: {after: 2d, send: email/again}", f"rest: {{after: 2d, {CHOICE}}}"))
    life.enter("ana")
    life.live()
    first = life.engine.journeys["trip"].version
    life.edit(("after: 1d, send: email/more", "after: 2d, send: email/more"))
    life.deploy()
    life.live(2 * DAY)
    with reading(life.store) as conn:
        assert conn.execute(sa.select(enrollments.c.version)).scalar() == first
        assert conn.execute(sa.select(decisions.c.version)).scalar() == life.engine.journeys["trip"].version != first


def test_a_version_that_comes_again_has_its_old_number(life: Life):
    assert life.engine.journeys
    life.edit(("rest: {after: 2d", "rest: {after: 3d"))
    assert [(one.before, one.number) for one in life.deploy().journeys] == [(1, 2)]
    life.edit(("rest: {after: 3d", "rest: {after: 2d"))
    assert [(one.before, one.number) for one in life.deploy().journeys] == [(2, 1)]
    with reading(life.store) as conn:
        assert [(one.number, one.live) for one in versions(conn)] == [(1, True), (2, False)]


def test_what_the_settings_no_longer_have_is_named_with_the_way_out(life: Life):
    assert life.engine.journeys
    life.edit(("topics: {promo: {title: Promo}}", "topics: {news: {title: News}}"), file="sojourn.yaml")
    with pytest.raises(ConfigError, match=r"the deployed trip v1 cannot run any more: .*promo"):
        life.restarted()


def test_a_new_file_starts_nobody_before_it_is_deployed(life: Life):
    assert life.engine.journeys
    life.say(
        "journeys/late.yaml", "journey: late\ntopic: promo\nenter: {event: started}\nstates: {a: {send: email/more}}\n"
    )
    life.restarted()
    life.enter("ana")
    life.live(HOUR)
    assert life.sent() == {"email/hello": 1}
    life.deploy()
    life.enter("bo")
    life.live(HOUR)
    assert life.sent() == {"email/hello": 2, "email/more": 1}
