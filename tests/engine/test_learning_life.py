"""A learner's life: every lesson is in the log, and the log alone makes the same weights again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from school import HOUR, POINT, school

from engine import nightly
from engine.learner.lessons import Lesson
from engine.learner.models import load_model, settings_for
from engine.refitting import rebuilt
from engine.store import lessons as log
from engine.store import policies
from engine.store.connect import reading
from engine.store.intake import NewEvent
from engine.store.tables import audit, decisions, shadows
from engine.store.tables import lessons as lessons_table
from engine.store.tables import policies as policy_table
from engine.warm_start import warm


def newest(conn, kind):
    return next(row for row in policies.newest(conn, {(POINT, kind)}))


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    one = school(tmp_path_factory.mktemp("taught"))
    one.live(90)
    return one


@pytest.mark.parametrize("kind", ["vw", "thompson"])
def test_the_model_made_from_the_log_has_the_weights_of_the_one_that_lived(taught, kind):
    choose = taught.made.engine.teacher.points[POINT]
    with reading(taught.store) as conn:
        row = newest(conn, kind)
        assert row.learned > 100
        assert rebuilt(conn, row, choose).weight_hash() == row.digest
        assert load_model(kind, row.model, settings_for(choose)).weight_hash() == row.digest


def test_both_learn_from_the_same_lessons_and_each_is_told_in_its_own_time(taught):
    with reading(taught.store) as conn:
        hasty, patient = newest(conn, "vw"), newest(conn, "thompson")
        closed = conn.scalar(
            sa.select(sa.func.count()).where(decisions.c.status == "closed", decisions.c.group != "global")
        )
    assert (hasty.role, patient.role) == ("serves", "shadow")
    assert hasty.through == patient.through
    assert patient.learned == closed < hasty.learned
    assert patient.serving is not None
    assert hasty.serving is None


def test_every_decision_is_told_open_or_closed_and_closed_once(taught):
    with reading(taught.store) as conn:
        told = [t for one in log.read(conn, POINT, 0, 10**6) for t in one.told]
        at_close = [t.key for t in told if t.stage == "closed"]
        closed = set(
            conn.scalars(
                sa.select(decisions.c.key).where(decisions.c.status == "closed", decisions.c.group != "global")
            )
        )
    assert len(at_close) == len(set(at_close))
    assert set(at_close) == closed


def test_how_long_outcomes_take_is_measured_and_travels_with_the_policy(taught):
    pupil = taught.made.engine.teacher.pupils[POINT, "thompson"]
    with reading(taught.store) as conn:
        curves = newest(conn, "thompson").curves
    assert curves["seen"][""] > 10
    assert set(curves["seen"]) <= {"", "email", "push"}
    assert 2 * 3600 < pupil.curves.half() < 16 * 3600  # mean 8 h


def test_the_challengers_chances_stand_beside_the_decisions_that_the_incumbent_drew(taught):
    with reading(taught.store) as conn:
        rows = list(conn.execute(sa.select(decisions.c.arms, shadows).join(shadows, shadows.c.key == decisions.c.key)))
    assert len(rows) > 100
    for row in rows:
        assert row.policy.startswith("thompson@")
        assert len(row.chances) == len(row.arms)
        assert sum(row.chances) == pytest.approx(1.0, abs=1e-4)


def test_a_learner_that_starts_anew_goes_on_where_the_store_is(taught):
    engine = taught.made.engine
    before = engine.teacher.pupils[POINT, "vw"].number
    engine.teacher = type(engine.teacher)(engine.definitions.journeys, alone=True)
    engine.teacher.refresh(taught.store)
    assert engine.teacher.pupils[POINT, "vw"].number == before
    taught.live(3)
    with reading(taught.store) as conn:
        row = newest(conn, "vw")
        assert row.number > before
        assert rebuilt(conn, row, engine.teacher.points[POINT]).weight_hash() == row.digest


def test_a_model_that_cannot_be_read_is_made_again_from_its_lessons(tmp_path, caplog):
    one = school(tmp_path)
    one.live(20)
    with one.store.begin() as conn:
        conn.execute(sa.update(policy_table).values(model=b"no model", serving=None))
    engine = one.made.engine
    engine.teacher = type(engine.teacher)(engine.definitions.journeys, alone=True)
    one.live(10)
    assert "begins again from its lessons" in caplog.text
    with reading(one.store) as conn:
        row = newest(conn, "vw")
        assert rebuilt(conn, row, engine.teacher.points[POINT]).weight_hash() == row.digest
    assert engine.teacher.policies[POINT].version == f"vw@{row.number}"


def night(one, at):
    """Let it be the morning after, with nights."""
    one.serve()
    one.made.engine.learn()  # from now on nights are counted
    one.made.clock.jump(at)
    one.made.act()


def nights(one):
    with reading(one.store) as conn:
        return [
            row.detail
            for row in conn.execute(
                sa.select(audit).where(audit.c.what.in_(("refit", "candidate"))).order_by(audit.c.id)
            )
        ]


@pytest.fixture(scope="module")
def refitted(tmp_path_factory):
    one = school(tmp_path_factory.mktemp("refitted"))
    one.live(100)
    night(one, one.made.clock.now() + timedelta(days=1))
    return one


def test_a_night_makes_the_models_anew_with_bounds_of_their_numbers_once(refitted):
    found = nights(refitted)
    assert {detail["version"].partition("@")[0] for detail in found} == {"vw", "thompson"}
    choose = refitted.made.engine.teacher.points[POINT]
    with reading(refitted.store) as conn:
        for kind in ("vw", "thompson"):
            row = newest(conn, kind)
            assert "entry.value" in row.base["schema"]
            assert rebuilt(conn, row, choose).weight_hash() == row.digest
    refitted.made.clock.jump(refitted.made.clock.now() + HOUR)
    refitted.made.act()
    assert nights(refitted) == found


def test_what_comes_after_the_close_waits_for_the_night(tmp_path):
    one = school(tmp_path)
    one.live(80)
    row = next(row for row in one.rows() if row.status == "closed" and row.reward == 0.0 and row.learned is not None)
    one.made.feed([NewEvent("late", row.contact_id, "paid", row.starts_at + HOUR, {"total": 1})])
    one.made.act()
    assert next(r.reward for r in one.rows() if r.key == row.key) == 0.0
    night(one, one.made.clock.now() + timedelta(days=1))
    assert next(r.reward for r in one.rows() if r.key == row.key) == 1.0
    with reading(one.store) as conn:
        last = {t.key: t for p in log.read(conn, POINT, 0, 10**6) for t in p.told}[row.key]
    assert (last.stage, last.reward, last.before) == ("late", 1.0, 0.0)


def test_a_version_that_would_turn_everything_over_is_kept_for_a_person(refitted, caplog):
    pupil = refitted.made.engine.teacher.pupils[POINT, "vw"]
    with reading(refitted.store) as conn:
        sample = nightly.learning.recent(conn, POINT, refitted.made.clock.now() - timedelta(days=30), 500)
    same = nightly.judged(pupil, pupil, sample)
    assert same.passed
    assert same.moved == 0.0
    other = type(pupil)(POINT, "vw", pupil.choose)
    assert not nightly.judged(pupil, contrary(other), sample).passed


def contrary(pupil):
    """Return a pupil that learned the opposite."""
    bad = [Lesson("contact.tier=basic", "m=email/hello ch=email", 1.0) for _ in range(400)]
    pupil.teach([*bad, *(Lesson("contact.tier=basic", "m=push/nudge ch=push", -1.0) for _ in range(400))], 1)
    return pupil


def test_after_a_night_learning_goes_on_and_the_log_still_makes_the_same_weights(refitted):
    refitted.made.engine.teacher.alone = True
    refitted.live(20)
    choose = refitted.made.engine.teacher.points[POINT]
    with reading(refitted.store) as conn:
        for kind in ("vw", "thompson"):
            row = newest(conn, kind)
            assert row.through > row.base["through"]
            assert rebuilt(conn, row, choose).weight_hash() == row.digest


def test_what_the_log_knows_is_learned_at_a_deploy_once(tmp_path):
    one = school(tmp_path, policy="random")
    one.live(70)
    known = school(tmp_path, policy="vw").made.engine.definitions.journeys
    with one.store.begin() as conn:
        conn.execute(sa.delete(lessons_table))  # as in a store that is older than lessons
    now = one.made.clock.now()
    [warmed] = warm(one.store, known, now - timedelta(days=60), now)
    assert warmed.decisions > 50
    assert warmed.version.startswith("vw@")
    with reading(one.store) as conn:
        choose = known["trip0"].choices[0][1]
        for kind in ("vw", "thompson"):
            row = newest(conn, kind)
            assert row.learned == warmed.decisions
            assert rebuilt(conn, row, choose).weight_hash() == row.digest
    [again] = warm(one.store, known, now - timedelta(days=60), now)
    assert (again.decisions, again.version) == (0, "")


def test_machine_clicks_teach_nothing(tmp_path):
    one = school(tmp_path)
    one.live(10)
    row = next(row for row in one.rows() if row.status == "open" and row.arm != "nothing")
    event = NewEvent("m", row.contact_id, "machine_click", one.made.clock.now(), {"key": row.key})
    one.made.feed([event])
    one.made.act()
    assert next(r.reward for r in one.rows() if r.key == row.key) == row.reward


def test_nights_are_counted_per_point_and_come_at_half_past_three():
    rows = {"a": policies.PointRow("a", datetime(2026, 3, 2, 4, 0, tzinfo=UTC))}
    assert nightly.due(rows, ["a", "b"], datetime(2026, 3, 3, 3, 0, tzinfo=UTC), UTC) == []
    assert nightly.due(rows, ["a", "b"], datetime(2026, 3, 3, 3, 30, tzinfo=UTC), UTC) == ["a"]  # b has not begun
