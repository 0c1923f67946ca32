"""Why-not: the reasons are the engine's own, and the next instant it names is the one at which something changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from examples import examples
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lawbook import START, Case, cases, emptied, ledger, script, world

from engine.core.entry import group_of
from engine.simulate import Virtual, run_events
from engine.store.connect import reading, writing
from engine.store.intake import NewEvent
from engine.store.pausing import Place, pause
from engine.store.tables import contacts, enrollments
from engine.why import Why, why

FEW = settings(max_examples=examples(8), deadline=None, suppress_health_check=list(HealthCheck))
SECOND = timedelta(seconds=1)

TRIP = """\
journey: trip0
topic: promo
enter: {event: started, if: event.value > 2}
reenter: {after: 3d}
holdout: 0%
states:
  first: {send: email/hello}
  again: {after: 1h, send: email/again}
  later: {after: 2d, send: email/hello}
"""
SETTINGS = {"CAP_ALL": "2/day", "WHEN": "wait", "QUIET": "21:30"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("why")


def asked(made: Virtual, contact: str = "p0", journey: str = "trip0") -> Why:
    with reading(made.engine.store) as conn:
        found = why(conn, made.engine.definitions, contact, journey, made.clock.now())
    assert found is not None
    return found


def rules(found: Why) -> list[str]:
    return [reason.rule for reason in found.reasons]


def one(folder: Path, journey: str = TRIP) -> Virtual:
    """Return a world with one person, nothing has happened yet."""
    return world(Case(SETTINGS, (journey,), (), 1, ()), folder, store=emptied())


def happens(made: Virtual, name: str, hours: float = 0.0, **data: Any) -> None:
    at = made.clock.now() + timedelta(hours=hours)
    run_events(made, [NewEvent(f"{name}{at:%d%H%M}", "p0", name, at, data)], at)


def places(made: Virtual) -> list[tuple[Any, ...]]:
    """Return where everybody stands, and all that was written about it."""
    return [(name, rows) for name, rows in ledger(made).items()]


@given(cases(), st.floats(1, 200))
@FEW
def test_just_before_the_next_instant_nothing_changes_and_at_it_something_does(
    folder: Path, case: Case, hours: float
) -> None:
    made = world(replace(case, journeys=case.journeys[:1]), folder, store=emptied())
    assume("trip0" in made.engine.definitions.journeys)
    at = START + timedelta(hours=round(hours, 2))
    run_events(made, [event for event in script(case) if event.at is not None and event.at <= at], at)
    found = asked(made)
    before = _mine(made)
    if found.next_at is None:
        run_events(made, [], at + timedelta(days=30))
        assert _mine(made) == before
        return
    run_events(made, [], found.next_at - SECOND)
    assert _mine(made) == before
    run_events(made, [], found.next_at)
    assert _mine(made) != before


def _mine(made: Virtual) -> list[tuple[Any, ...]]:
    with reading(made.engine.store) as conn:
        query = sa.select(enrollments).where(enrollments.c.contact_id == "p0").order_by(enrollments.c.id)
        return [tuple(row) for row in conn.execute(query)]


def test_who_never_did_what_starts_it_is_told_so_with_the_line(folder: Path) -> None:
    found = asked(one(folder))
    assert [(r.says, r.place) for r in found.reasons] == [("started never came", "0.yaml:3")]
    assert found.next_at is None


def test_a_condition_that_was_false_is_told_with_its_values(folder: Path) -> None:
    made = one(folder)
    happens(made, "started", value=1.5)
    (reason,) = asked(made).reasons
    assert reason.rule == "condition"
    assert "but not event.value > 2 (event.value = 1.5)" in reason.says


def test_a_cap_names_its_rule_its_line_and_the_message_that_used_the_slot(folder: Path) -> None:
    made = one(folder)
    happens(made, "started", value=5)
    run_events(made, [], START + timedelta(hours=1))
    found = asked(made)
    capped = next(reason for reason in found.reasons if reason.rule == "capped")
    assert (capped.message, capped.place) == ("email/again", "sojourn.yaml:7")
    assert capped.says.startswith("email 1/day is used up")
    assert [past.message for past in capped.used_by] == ["email/hello"]
    assert found.next_at is not None
    assert found.next_at >= (capped.until or found.next_at)


def test_who_waits_is_told_for_what_and_until_when(folder: Path) -> None:
    made = one(folder)
    happens(made, "started", value=5)
    found = asked(made)
    assert rules(found) == ["after"]
    assert "again waits 1h" in found.reasons[0].says
    assert found.next_at == START + timedelta(hours=1)


def test_who_has_left_is_told_when_they_may_come_again(folder: Path) -> None:
    made = one(folder, TRIP.replace("  again: {after: 1h, send: email/again}\n", "").replace("after: 2d", "after: 1m"))
    happens(made, "started", value=5)
    run_events(made, [], START + timedelta(days=2))
    happens(made, "started", value=5)
    found = asked(made)
    assert rules(found)[:1] == ["left"]
    assert any(reason.rule == "reenter" and reason.until is not None for reason in found.reasons)


def test_a_pause_is_a_reason_with_its_own_words_and_no_clock_runs(folder: Path) -> None:
    made = one(folder)
    happens(made, "started", value=5)
    with writing(made.engine.store) as conn:
        pause(conn, Place("trip0"), "wrong price", made.clock.now())
    found = asked(made)
    assert any("trip0 is paused: wrong price" in reason.says for reason in found.reasons)
    assert found.next_at is None


def test_somebody_without_consent_is_told_so_wherever_they_stand(folder: Path) -> None:
    made = one(folder)
    with writing(made.engine.store) as conn:
        conn.execute(contacts.update().values(consents=""))
    assert any(reason.says == "not subscribed to promo" for reason in asked(made).reasons)


def test_a_holdout_is_told(folder: Path) -> None:
    made = world(Case(SETTINGS, (TRIP.replace("holdout: 0%", "holdout: 50%"),), (), 8, ()), folder, store=emptied())
    journey = made.engine.definitions.journeys["trip0"]
    groups = {f"p{n}": group_of(journey, f"p{n}", "laws", made.engine.project.holdout) for n in range(8)}
    held = {who for who in groups if any(r.rule == "holdout" for r in asked(made, who).reasons)}
    assert held == {who for who, group in groups.items() if group != "learner"}
    assert held
