"""The laws, for any journeys, people, zones and events; through the real engine and the real store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from examples import examples
from hypothesis import HealthCheck, given, settings
from lawbook import START, ZONES, Case, cases, emptied, ledger, script, world

from engine.core.calendar import quiet_until, unit_start
from engine.core.chance import draw
from engine.core.choice import pick
from engine.simulate import Virtual, run_events
from engine.store.connect import open_store
from engine.store.tables import deliveries, from_micros

END = START + timedelta(days=12)
FEW = settings(max_examples=examples(10), deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("laws")


def played(case: Case, folder: Path, batch: int = 1000) -> Virtual:
    made = world(case, folder, batch, emptied())
    run_events(made, script(case), END)
    return made


def sends(made: Virtual) -> list[tuple[str, str, str, datetime]]:
    """Return (contact, channel, topic, instant) of every message that uses a cap slot."""
    d = deliveries.c
    with made.engine.store.connect() as conn:
        rows = conn.execute(sa.select(d.contact_id, d.channel, d.topic, d.queued_at).where(d.status != "shadow"))
        return sorted((row.contact_id, row.channel, row.topic, row.queued_at) for row in rows)


def windows(rule: object, at: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    per = rule.per
    return unit_start(per, at, zone) if isinstance(per, str) else (at, at + per)


def overruns(made: Virtual) -> Iterator[str]:
    limits = made.engine.project.limits
    sent = sends(made)
    for contact, _, _, at in sent:
        zone = ZoneInfo(ZONES[int(contact[1:]) % len(ZONES)])
        for rule in limits.caps:
            start, end = windows(rule, at, zone)
            used = sum(
                start <= t < end
                for who, channel, topic, t in sent
                if who == contact and rule.name in ("", channel, topic)
            )
            if used > rule.limit:
                yield f"{contact}: {rule} used {used} times from {start}"


@given(cases())
@FEW
def test_batch_size_changes_nothing(folder, case):
    assert ledger(played(case, folder, 1)) == ledger(played(case, folder, 1000))


@given(cases())
@settings(FEW, max_examples=examples(4))
def test_both_databases_come_to_the_same_ledger(folder, postgresql, case):
    address = postgresql.lend()
    store = open_store(address, durability="normal")
    made = world(case, folder, store=store)
    run_events(made, script(case), END)
    there = ledger(made)
    store.dispose()
    postgresql.take_back(address)
    assert there == ledger(played(case, folder))


@given(cases())
@FEW
def test_extra_ticks_between_alarms_change_nothing(folder, case):
    plain = ledger(played(case, folder))
    made = world(case, folder, store=emptied())
    waiting = script(case)
    for hours in sorted(case.extra):
        at = START + timedelta(hours=hours)
        run_events(made, [event for event in waiting if event.at <= at], at)
        waiting = [event for event in waiting if event.at > at]
        made.act()
        made.act()
    run_events(made, waiting, END)
    assert ledger(made) == plain


@given(cases())
@FEW
def test_no_cap_is_exceeded_in_any_window_and_no_message_leaves_in_quiet_hours(folder, case):
    made = played(case, folder)
    assert list(overruns(made)) == []
    quiet = made.engine.project.limits.quiet_for("email")
    for contact, _, _, at in sends(made):
        assert quiet_until(quiet, at, ZoneInfo(ZONES[int(contact[1:]) % len(ZONES)])) is None


@given(cases())
@FEW
def test_with_late_ticks_the_caps_still_hold_and_no_message_follows_a_known_goal(folder, case):
    made = world(case, folder, store=emptied())
    waiting = script(case)
    at = START
    while at < END:
        at += timedelta(hours=7)
        made.clock.jump(at)
        made.feed([event for event in waiting if event.at <= at])
        waiting = [event for event in waiting if event.at > at]
        made.act()
    assert list(overruns(made)) == []
    with made.engine.store.connect() as conn:
        after_goal = conn.execute(
            sa.text(
                "SELECT count(*) FROM deliveries d JOIN enrollments e ON d.key LIKE e.id || ':%'"
                " WHERE e.goal_at IS NOT NULL AND d.queued_at > e.left_at AND e.reason = 'goal'"
            )
        ).scalar()
    assert after_goal == 0


@given(cases())
@FEW
def test_every_decision_can_be_derived_again_and_its_chances_are_whole(folder, case):
    made = played(case, folder)
    with made.engine.store.connect() as conn:
        for row in conn.execute(sa.text("SELECT key, arms, chances, arm, propensity, u FROM decisions")):
            arms, chances = tuple(_list(row.arms)), tuple(_list(row.chances))
            assert sum(chances) == pytest.approx(1.0, abs=1e-9)
            assert all(0.0 < chance <= 1.0 for chance in chances)
            assert row.u == draw("laws", row.key)
            assert pick(arms, chances, row.u) == (row.arm, row.propensity)


@given(cases())
@FEW
def test_everybody_is_somewhere_and_every_intent_has_ended_or_waits(folder, case):
    made = played(case, folder)
    with made.engine.store.connect() as conn:
        entered = conn.execute(sa.text("SELECT count(*) FROM enrollments")).scalar()
        by_status = {
            row[0]: row[1] for row in conn.execute(sa.text("SELECT status, count(*) FROM enrollments GROUP BY 1"))
        }
        parked = conn.execute(sa.text("SELECT reason FROM enrollments WHERE status = 'parked'")).scalars().all()
        steps = conn.execute(sa.text("SELECT sum(steps) FROM enrollments")).scalar() or 0
        moved = conn.execute(sa.text("SELECT count(*) FROM moves")).scalar()
        intents = {
            row[0]: row[1] for row in conn.execute(sa.text("SELECT status, count(*) FROM deliveries GROUP BY 1"))
        }
        late = conn.execute(sa.text("SELECT min(due_at) FROM alarms")).scalar()
    assert parked == []
    assert entered == sum(by_status.values())
    assert set(by_status) <= {"active", "left"}
    assert steps == moved
    assert set(intents) <= {"sent", "shadow", "suppressed", "failed"}
    assert late is None or from_micros(late) > END


def _list(text: object) -> list[object]:
    return json.loads(text) if isinstance(text, str) else list(text)
