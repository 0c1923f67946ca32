"""What is done from time to time: once for all who look, again when it failed, by whoever is left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from engine.chores import AGAIN, CHORES, NIGHTLY, Done, Periodic, next_turn, perform
from engine.clock import SimulatedClock
from engine.store import choring
from engine.store.cluster_tables import chores
from engine.store.connect import reading, writing

NOON = datetime(2026, 10, 24, 12, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")


class Worker(SimpleNamespace):
    """What a chore is given, as far as it is looked at here."""

    def __init__(self, store: sa.Engine) -> None:
        super().__init__(store=store, clock=SimulatedClock(NOON), zone=PARIS)

    def later(self, span: timedelta) -> Any:
        self.clock.jump(self.clock.now() + span)
        return self


@pytest.fixture
def worker(store: sa.Engine) -> Any:
    return Worker(store)


def row(store: sa.Engine) -> Any:
    with reading(store) as conn:
        return conn.execute(sa.select(chores)).one()


def test_a_chore_is_done_at_once_and_then_every_so_often(worker: Any):
    often = Periodic("often", timedelta(minutes=10), lambda _: "did it")
    assert perform(worker, often) == Done("often", "did it")
    assert perform(worker, often) is None
    assert perform(worker.later(timedelta(minutes=9)), often) is None
    assert perform(worker.later(timedelta(minutes=1)), often) == Done("often", "did it")
    assert row(worker.store).done_at == NOON + timedelta(minutes=10)


def test_a_nightly_one_waits_for_the_night_of_the_project_also_when_the_clocks_change(worker: Any):
    assert next_turn(Periodic("n", NIGHTLY, str), NOON, PARIS) == datetime(2026, 10, 25, 2, tzinfo=UTC)  # winter time
    nightly = Periodic("value", NIGHTLY, lambda _: None)
    assert perform(worker, nightly) is None
    assert perform(worker.later(timedelta(hours=14)), nightly) == Done("value")
    assert row(worker.store).due_at == datetime(2026, 10, 26, 2, tzinfo=UTC)


def test_while_one_does_it_nobody_else_does(worker: Any):
    found: list[object] = []
    inner = Periodic("once", timedelta(0), lambda _: found.append("twice"))
    outer = Periodic("once", timedelta(0), lambda _: found.append(perform(worker, inner)))
    perform(worker, outer)
    assert found == [None]


def test_whoever_was_killed_is_followed_when_the_lease_is_over(worker: Any):
    chore = Periodic("held", timedelta(minutes=1), lambda _: "taken over")
    with writing(worker.store) as conn:
        choring.enter(conn, "held", NOON)
        assert choring.take(conn, "held", "killed", NOON)
    assert perform(worker.later(choring.LEASE - timedelta(seconds=1)), chore) is None
    assert perform(worker.later(timedelta(seconds=1)), chore) == Done("held", "taken over")
    with writing(worker.store) as conn:  # the one that was thought dead comes back, and changes nothing
        assert not choring.renew(conn, "held", "killed", worker.clock.now())
        assert not choring.give_back(conn, "held", "killed", (NOON, NOON, None))


def test_one_that_fails_is_tried_again_after_a_while(worker: Any):
    def fails(engine: object) -> None:
        raise ValueError("no such file")

    bad = Periodic("bad", NIGHTLY, fails)
    assert perform(worker, bad) is None
    with pytest.raises(ValueError, match="no such file"):
        perform(worker.later(timedelta(hours=14)), bad)
    left = row(worker.store)
    assert (left.failed, left.owner, left.done_at) == ("ValueError: no such file", None, None)
    assert left.due_at == worker.clock.now() + AGAIN


def test_every_chore_has_a_name_of_its_own():
    assert len({chore.name for chore in CHORES}) == len(CHORES)
