"""Whatever is done in whatever order, the engine does what a page of Python says that it does; on both databases."""

from __future__ import annotations

import os
from collections import Counter

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from engine.drill.drill import Ask
from engine.drill.machine import ACTS, PEOPLE, Machine, agrees
from engine.store.connect import open_store

MORE = int(os.environ.get("SOJOURN_EXAMPLES", "1"))
PHASES = (Phase.reuse, Phase.generate)  # making a history shorter takes minutes; its last acts say enough
WHO = st.integers(0, PEOPLE - 1)


class Driven(RuleBasedStateMachine):
    """The generator's hands: it calls the machine's acts in any order."""

    store: object
    folder: object
    done: Counter[str]

    @initialize()
    def begin(self) -> None:
        self.machine = Machine(self.folder, self.store)

    @rule(n=WHO)
    def enrol(self, n: int) -> None:
        self.machine.enrol(n)

    @rule(n=WHO)
    def event(self, n: int) -> None:
        self.machine.event(n)

    @rule(n=WHO, granted=st.booleans())
    def consent(self, n: int, granted: bool) -> None:
        self.machine.consent(n, granted=granted)

    @rule(hours=st.sampled_from((0, 7, 25)))
    def time(self, hours: int) -> None:
        self.machine.time(hours)

    @rule(wait=st.sampled_from((24, 48)))
    def edit(self, wait: int) -> None:
        self.machine.edit(wait)

    @rule(n=WHO)
    def erase(self, n: int) -> None:
        self.done["erased"] += self.machine.people[n].here
        self.machine.erase(n)

    @rule()
    def tick(self) -> None:
        self.machine.tick()

    @rule()
    def deliver(self) -> None:
        self.machine.deliver()

    @rule(n=st.integers(0, 1))
    def killed_in_a_tick(self, n: int) -> None:
        self.machine.killed_in_a_tick(n)

    @rule(n=st.integers(0, 7))
    def killed_in_a_delivery(self, n: int) -> None:
        self.machine.killed_in_a_delivery(n)

    @invariant()
    def the_engine_did_what_the_page_says(self) -> None:
        if hasattr(self, "machine"):
            assert list(self.machine.wrong()) == []

    def teardown(self) -> None:
        if hasattr(self, "machine"):
            self.machine.close()


def test_whatever_is_done_the_engine_agrees_with_a_page_of_python(database, tmp_path) -> None:
    store = open_store(database, durability="normal")
    made = type("Made", (Driven,), {"store": store, "folder": tmp_path, "done": Counter()})
    few = settings(max_examples=6 * MORE, stateful_step_count=20, deadline=None, phases=PHASES,
                   suppress_health_check=list(HealthCheck))  # fmt: skip
    run_state_machine_as_test(made, settings=few)
    store.dispose()


def test_people_of_every_kind_are_erased_and_nobody_else_notices(store, tmp_path) -> None:
    machine = Machine(tmp_path, store)
    for n in (0, 1, 2):
        machine.enrol(n)
    for n in (0, 1):
        machine.event(n)
    machine.tick()
    machine.deliver()
    for n in (1, 2, 3):  # one in the middle of a journey, one who waits, one whom nobody knows
        machine.erase(n)
        assert list(machine.wrong()) == []
    machine.time(25)
    machine.tick()
    machine.deliver()
    assert list(machine.wrong()) == []
    assert [machine.statuses(n) for n in machine.people] == [["sent", "sent"], [], [], []]
    machine.close()


def test_the_drill_tries_every_act_and_finds_an_engine_that_sends_in_spite_of_a_no(tmp_path, monkeypatch) -> None:
    ask = Ask(tmp_path, seed=3, scale=0.05)
    assert agrees(ask).wrong == ()
    assert {"erase", "killed in a tick", "killed in a delivery"} <= set(ACTS)
    monkeypatch.setattr("engine.store.delivering._objection", lambda _: None)
    found = agrees(Ask(tmp_path, seed=1, scale=0.2))
    assert any("the page says" in one for one in found.wrong)
