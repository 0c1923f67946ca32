"""Events from Kafka: CloudEvents in either form, taken in before their offsets are committed.

Rules
- Offsets are committed after the database: whoever is killed in between reads the same again, and an event counts
  once by its source and id; one without an id by its topic, partition and offset.
- A message that nobody can read goes to `sojourn event problems`, and its partition goes on.
- The group's rebalances need no care: two consumers that read the same take it in once.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.errors import ConfigError, StoreError
from engine.intake.calls import Call, Sent
from engine.intake.cloudevents import from_headers, read_event
from engine.intake.taking import Terms, take
from engine.store.connect import writing
from engine.store.problems import Trouble, shown

log = logging.getLogger(__name__)

AT_ONCE = 500
PATIENCE = 1.0  # seconds to wait for messages


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read: topics of a cluster, for a group, as a source. `settings`: further ones of librdkafka."""

    brokers: str
    topics: tuple[str, ...]
    group: str = "sojourn"
    source: str = "kafka"
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Count:
    """What came of it so far."""

    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    refused: int = 0


class Intake:
    """Reads topics into a store, a batch at a time."""

    def __init__(self, store: sa.Engine, terms: Terms, reading: Reading, now: Callable[[], datetime]) -> None:
        self._store, self._terms, self._reading, self._now = store, terms, reading, now
        self._consumer = _consumer(reading)
        self._consumer.subscribe(list(reading.topics))
        self.count = Count()

    def pull(self, wait: float = PATIENCE) -> int:
        """Take in what is there, at most one batch, and commit its offsets; return how many messages it was."""
        messages = self._consumer.consume(AT_ONCE, wait)
        self._complain(messages)
        good = [message for message in messages if message.error() is None]
        if not good:
            return 0
        try:
            self._take(good)
        except StoreError:
            self._back(good)
            raise
        self._consumer.commit(asynchronous=False)
        return len(good)

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _take(self, messages: Sequence[Any]) -> None:
        now = self._now()
        said = [read_message(message, self._terms, Sent(self._reading.source, now)) for message in messages]
        with writing(self._store) as conn:
            done = take(conn, said, self._terms, now)
        self.count.read += len(said)
        self.count.accepted += done.accepted
        self.count.duplicates += done.duplicates
        self.count.refused += done.refused

    def _back(self, messages: Sequence[Any]) -> None:
        """Go back to the first of these messages of each partition: they were not taken in."""
        from confluent_kafka import TopicPartition  # noqa: PLC0415 - an extra

        first: dict[tuple[str, int], int] = {}
        for message in messages:
            place = message.topic(), message.partition()
            first[place] = min(message.offset(), first.get(place, message.offset()))
        for (topic, partition), offset in first.items():
            self._consumer.seek(TopicPartition(topic, partition, offset))

    def _complain(self, messages: Sequence[Any]) -> None:
        for message in messages:
            error = message.error()
            if error is not None and (error.fatal() or not error.retriable()) and error.name() not in _PASSING:
                raise ConfigError(f"Kafka at {self._reading.brokers}: {error.str()}")


_PASSING = frozenset({"_PARTITION_EOF", "_TRANSPORT", "_ALL_BROKERS_DOWN", "_RESOLVE", "_TIMED_OUT"})


def read_message(message: Any, terms: Terms, how: Sent) -> Call | Trouble:
    """Return what a message means: a CloudEvent in the binary form where it has `ce_` headers, else in the other."""
    place = f"{message.topic()}:{message.partition()}:{message.offset()}"
    value = message.value() or b""
    headers = {
        name.lower().replace("ce_", "ce-", 1): text.decode("utf-8", "replace")
        for name, text in message.headers() or ()
        if name.lower().startswith("ce_") and isinstance(text, bytes)
    }
    if headers:
        return read_event(from_headers(headers, value), terms.data, how)
    try:
        event = json.loads(value)
    except (ValueError, RecursionError):
        return Trouble(how.source, place, "is no JSON", shown(value.decode("utf-8", "replace")))
    if isinstance(event, dict):
        event = {"specversion": "1.0", "source": f"kafka:{message.topic()}", "id": place, **event}
    return read_event(event, terms.data, how)


def _consumer(reading: Reading) -> Any:
    try:
        from confluent_kafka import Consumer, KafkaException  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigError("Kafka needs an extra: pip install 'sojourn[kafka]'") from None
    settings = {
        **reading.settings,
        "bootstrap.servers": reading.brokers,
        "group.id": reading.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": True,
        "auto.offset.reset": reading.settings.get("auto.offset.reset", "earliest"),
        "logger": log,
    }
    try:
        return Consumer(settings)
    except (KafkaException, ValueError, TypeError) as error:
        raise ConfigError(f"the settings of Kafka cannot be used: {error}") from None
