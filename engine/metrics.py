"""What a running process tells Prometheus: what it did, how long it took, and how the store stands.

Rules
- Counters are this process's own; a scrape of every process adds up to the whole.
- Gauges of the store are asked when they are scraped, at most every `FRESH`, each by an index that holds only what
  waits; a scrape never looks through what is over.
- Names follow prometheus.io/docs/practices/naming. No label names a person; journeys are few.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from engine.engine import Ticked
from engine.errors import StoreError
from engine.posting import Posted
from engine.store.connect import reading
from engine.store.tables import alarms, deliveries, enrollments, pauses
from engine.teaching import Taught

FRESH = 15.0  # seconds
TYPE = "text/plain; version=0.0.4; charset=utf-8"
SPANS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

d = deliveries.c


@dataclass(slots=True)
class Meters:
    """The instruments of one process."""

    store: sa.Engine
    now: Callable[[], datetime]
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    _steps: Counter = field(init=False)
    _messages: Counter = field(init=False)
    _troubles: Counter = field(init=False)
    _lessons: Counter = field(init=False)
    _seconds: Histogram = field(init=False)

    def __post_init__(self) -> None:
        own = self.registry
        self._steps = Counter("sojourn_steps", "what ticks did, by kind", ["kind"], registry=own)
        self._messages = Counter(
            "sojourn_messages", "messages by the status they came to here", ["status"], registry=own
        )
        self._troubles = Counter("sojourn_channel_troubles", "times that a channel stopped a delivery", registry=own)
        self._lessons = Counter("sojourn_decisions_learned", "decisions that the learner was told of", registry=own)
        self._seconds = Histogram("sojourn_pass_seconds", "how long a pass took", ["pass"], buckets=SPANS, registry=own)
        self.registry.register(Standing(self.store, self.now))

    def ticked(self, done: Ticked, seconds: float) -> None:
        for kind in ("due", "started", "moves", "decisions", "sends", "holds", "skips", "left", "parked"):
            if count := getattr(done, kind):
                self._steps.labels(kind).inc(count)
        self._seconds.labels("tick").observe(seconds)

    def posted(self, done: Posted, seconds: float) -> None:
        for status, count in done.statuses.items():
            self._messages.labels(status).inc(count)
        self._troubles.inc(len(done.troubles))
        if done.claimed:
            self._seconds.labels("deliver").observe(seconds)

    def taught(self, done: Taught, seconds: float) -> None:
        self._lessons.inc(done.taught)
        self._seconds.labels("learn").observe(seconds)

    def page(self) -> bytes:
        """Return everything in the text format."""
        return generate_latest(self.registry)


class Standing(Collector):
    """How the store stands, asked at a scrape."""

    def __init__(self, store: sa.Engine, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._turn = threading.Lock()
        self._asked_at = -FRESH
        self._found: dict[str, float] = {}

    def collect(self) -> Iterator[Metric]:
        for name, value in self._fresh().items():
            family = GaugeMetricFamily(f"sojourn_{name}", GAUGES[name])
            family.add_metric([], value)
            yield family

    def _fresh(self) -> dict[str, float]:
        with self._turn:
            if time.monotonic() - self._asked_at >= FRESH:
                try:
                    self._found = {"store_up": 1.0, **standing(self._store, self._now())}
                except StoreError:
                    self._found = {"store_up": 0.0}
                self._asked_at = time.monotonic()
            return self._found


GAUGES = {
    "store_up": "1 while the store answers",
    "late_seconds": "how long the contact that has waited longest has been due",
    "unsent_late_seconds": "how long the message that has waited longest has been due",
    "messages_waiting": "messages that wait to be sent",
    "messages_held": "messages that a process holds now",
    "messages_in_doubt": "messages that may have arrived: sojourn unknown ls",
    "runs_parked": "runs that a failing step has stopped: sojourn unpark",
    "paused": "journeys, states or everything that is paused now",
}


def standing(store: sa.Engine, now: datetime) -> dict[str, float]:
    """Return the gauges of a store that answers; each question reads an index that holds only what waits."""
    waits = sa.select(sa.func.count()).where(d.next_at.is_not(None)).scalar_subquery()
    held = sa.select(sa.func.count()).where(d.lease_until.is_not(None)).scalar_subquery()
    doubt = sa.select(sa.func.count()).where(d.status == sa.literal_column("'unknown'")).scalar_subquery()
    parked = sa.select(sa.func.count()).where(enrollments.c.status == sa.literal_column("'parked'")).scalar_subquery()
    paused = sa.select(sa.func.count()).select_from(pauses).scalar_subquery()
    first = sa.select(sa.func.min(alarms.c.due_at)).scalar_subquery()
    oldest = sa.select(sa.func.min(d.next_at)).where(d.next_at.is_not(None)).scalar_subquery()
    with reading(store) as conn:
        row = conn.execute(sa.select(waits, held, doubt, parked, paused, first, oldest)).one()
    counts = zip(("messages_waiting", "messages_held", "messages_in_doubt", "runs_parked", "paused"), row, strict=False)
    late = {"late_seconds": _late(row[5], now), "unsent_late_seconds": _late(row[6], now)}
    return {name: float(count) for name, count in counts} | late


def _late(at: datetime | None, now: datetime) -> float:
    return max(0.0, (now - at).total_seconds()) if at is not None else 0.0
