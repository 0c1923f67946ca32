"""The drills of hostile worlds and bad input, at a size for every day."""

from __future__ import annotations

import pytest

from engine.drill import (
    copies,
    edits,
    files,
    full,
    goodbyes,
    guesses,
    hostile,
    mails,
    models,
    pushes,
    reaching,
    reports,
    stores,
    strangers,
    templates,
    times,
)
from engine.drill.drill import Ask, Skipped

SMALL = {
    copies.restored: 0.15, full.disk: 0.15, reports.heard: 0.05,
    edits.under_people: 0.03, files.mutated: 0.05, goodbyes.race: 0.05, hostile.mail_server: 0.1, hostile.poison: 0.05,
    mails.injection: 0.03, mails.wire: 0.05, models.damage: 0.1, stores.damaged: 0.25, stores.locked: 0.1,
    guesses.tokens: 0.02, pushes.services: 1, reaching.ours: 1, strangers.events_api: 0.1, templates.corpus: 0.1,
    stores.two_engines: 0.1, times.clock_changes: 0.03, times.downtime: 0.03, times.wrong_clocks: 0.1,
}  # fmt: skip


@pytest.mark.parametrize("drill", SMALL, ids=lambda drill: f"{drill.__module__.rpartition('.')[2]}.{drill.__name__}")
def test_what_is_promised_holds(tmp_path, drill):
    try:
        found = drill(Ask(tmp_path, scale=SMALL[drill]))
    except Skipped as why:
        pytest.skip(str(why))
    assert found.wrong == (), found
    assert found.lost == found.duplicated == found.unexpected == 0
