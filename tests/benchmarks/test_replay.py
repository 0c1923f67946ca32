"""Real purchases through the engine: everything adds up, and two runs are equal to the byte."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from benchmarks import replay
from channels.captured import CapturedChannel

UNTIL = datetime(1997, 4, 15, tzinfo=UTC)


def replayed(folder: Path):
    folder.mkdir()
    channel = CapturedChannel("email")
    with replay.shop(folder, 15, channel=channel) as engine:
        replay.replay(engine, 15, UNTIL)
        return replay.account(engine), replay.uneven(engine), replay.digest(engine)


def test_every_run_and_every_intent_of_the_real_customers_is_accounted_for(tmp_path):
    account, uneven, digest = replayed(tmp_path / "one")
    assert uneven == []
    assert sum(n for name, n in account["runs"].items() if name.startswith("second_purchase/")) == 15
    assert sum(account["runs"].values()) == sum(account["reasons"].values())
    assert {status.split("/")[0] for status in account["intents"]} <= replay.ENDED | replay.ON_THE_WAY
    assert account["intents"]["sent"] > 0
    assert replayed(tmp_path / "two") == (account, uneven, digest)
