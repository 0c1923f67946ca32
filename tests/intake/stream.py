"""A consumer in a process of its own, to be killed: `stream.py STORE BROKERS`.

It says when the database has what it read, and is slow to tell Kafka: there it is killed.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import Any

from tracked import TERMS

from engine.intake.kafka import Intake, Reading
from engine.store.connect import open_store


class Slow:
    """A consumer whose offsets take their time."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)

    def commit(self, **how: Any) -> None:
        print("stored", flush=True)  # noqa: T201
        time.sleep(60)
        self._consumer.commit(**how)


if __name__ == "__main__":
    store = open_store(sys.argv[1], durability="full")
    settings = {"session.timeout.ms": "6000"}
    intake = Intake(store, TERMS, Reading(sys.argv[2], ("orders",), settings=settings), lambda: datetime.now(UTC))
    intake._consumer = Slow(intake._consumer)
    while True:
        intake.pull(0.2)
