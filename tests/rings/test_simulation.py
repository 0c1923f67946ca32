"""Ring 2: days of journeys in a world that goes wrong by a seed."""

from __future__ import annotations

import os

import pytest

from engine.drill.simulation import Simulation

SEEDS = 4 * int(os.environ.get("SOJOURN_EXAMPLES", "1"))


@pytest.fixture(scope="module")
def simulation(tmp_path_factory):
    return Simulation(tmp_path_factory.mktemp("seeds"))


@pytest.mark.parametrize("seed", [3 * n for n in range(SEEDS)])
def test_whatever_goes_wrong_nothing_is_lost_or_twice_and_all_is_done_in_the_end(simulation, seed):
    story = simulation.run(seed)
    assert story.wrong == (), f"python -m engine.drill.simulation --from {seed} --seeds 1"
    assert story.account.intents > 10
    assert story.faults


def test_the_same_seed_is_the_same_history(simulation):
    first, again = simulation.run(2), simulation.run(2)
    assert (first.account, first.faults) == (again.account, again.faults)


def test_an_engine_that_sends_again_what_is_in_doubt_is_found_out(simulation, monkeypatch):
    monkeypatch.setattr("engine.store.recovering.again", lambda *_: True)
    monkeypatch.setattr("engine.store.receipts.again", lambda *_: True)
    wrong = [one for seed in (0, 4, 8, 12) for one in simulation.run(seed).wrong]
    assert any("second copies" in one for one in wrong)


def test_an_engine_that_asks_nobody_before_it_sends_is_found_out(simulation, monkeypatch):
    monkeypatch.setattr("engine.store.delivering._objection", lambda _: None)
    wrong = [one for seed in (0, 2, 4, 6) for one in simulation.run(seed).wrong]
    assert any("had left" in one for one in wrong)
