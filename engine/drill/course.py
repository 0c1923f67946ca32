"""One engine on a virtual clock over a store in memory or on disk: for drills that are about time and content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from channels.channel import Channel
from engine.app import Options, build
from engine.clock import Clock, SimulatedClock
from engine.drill.ground import START, Setting, definitions, lay, make_store, people, settle
from engine.engine import Engine, Limits
from engine.store.connect import reading
from engine.store.delivering import next_due
from engine.store.intake import NewContact
from engine.store.tables import deliveries

WHOLE = Limits(contacts=5000, messages=5000)
ROUNDS = 100_000  # instants after which a drill is stuck


@dataclass(slots=True)
class Course:
    """A project with its store and its clock."""

    folder: Path
    setting: Setting = field(default_factory=Setting)
    url: str = "sqlite://"
    clock: SimulatedClock = field(default_factory=lambda: SimulatedClock(START))
    store: sa.Engine = field(init=False)

    def __post_init__(self) -> None:
        lay(self.folder, self.url, self.setting)
        self.store = make_store(self.url, "normal")

    def settle(self, who: int | list[NewContact]) -> None:
        """Put people into the store."""
        settle(self.store, self.folder, people(who) if isinstance(who, int) else who, self.clock.now())

    def engine(
        self, channels: Mapping[str, Channel] | None = None, clock: Clock | None = None, limits: Limits = WHOLE
    ) -> Engine:
        """Start an engine; without `channels` it has those of the project."""
        options = Options(clock=clock or self.clock, store=self.store, channels=channels, limits=limits)
        return build(definitions(self.folder), options)

    def live(self, engine: Engine, until: datetime) -> int:
        """Do all that is due, at every instant at which something is; return at how many that was."""
        for count in range(ROUNDS):
            engine.drain()
            while engine.deliver().claimed:
                pass
            at = self.next_at(engine)
            if at is None or at > until:
                self.clock.jump(until)
                return count
            self.clock.jump(at)
        raise AssertionError(f"something is due for ever: {self.next_at(engine)}")

    def next_at(self, engine: Engine) -> datetime | None:
        """Return when the next thing is due."""
        with reading(self.store) as conn:
            message = next_due(conn)
        return min((at for at in (engine.next_alarm(), message) if at is not None), default=None)

    def statuses(self) -> dict[str, int]:
        """Return how many messages stand how."""
        d = deliveries.c
        with reading(self.store) as conn:
            rows = conn.execute(sa.select(d.status, sa.func.count()).group_by(d.status)).all()
        return {row[0]: row[1] for row in rows}
