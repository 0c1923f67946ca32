"""Ring 3: real processes, killed, frozen and stopped; the drills themselves, at a size for every day."""

from __future__ import annotations

import pytest

from engine.drill import kills
from engine.drill.drill import Ask

SMALL = 0.06


@pytest.mark.parametrize("drill", [kills.hold, kills.resend, kills.stopped], ids=["hold", "resend", "SIGTERM"])
def test_killed_again_and_again_every_message_is_sent_once_or_listed(tmp_path, drill):
    found = drill(Ask(tmp_path, scale=SMALL))
    assert found.wrong == ()
    assert found.figures["intents"] >= 100


def test_workers_on_postgresql_are_killed_and_frozen_and_nothing_is_lost_or_twice(tmp_path, postgresql):
    lent = []

    def lend() -> str:
        lent.append(postgresql.lend())
        return lent[-1]

    found = kills.workers(Ask(tmp_path, scale=0.03, postgres=lend))
    for address in lent:
        postgresql.take_back(address)
    assert found.wrong == ()
    assert found.figures["kills"] >= 2 <= found.figures["freezes"]
