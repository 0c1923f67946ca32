"""The world of a simulated run: its time, its chance, and a network that goes wrong by them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from channels.channel import Envelope, Intend, Receipt
from channels.failpoints import reached
from channels.templates import Library
from engine.clock import SimulatedClock
from engine.drill.checks import name_of
from engine.drill.ground import START, Stage
from journeys.project import Definitions


@dataclass(frozen=True, slots=True)
class Odds:
    """How likely each thing goes wrong, a time at each point or message."""

    exit: float = 0.004
    freeze: float = 0.004
    lost: float = 0.004  # the store's answer
    switch: float = 0.3
    defer: float = 0.08
    refuse: float = 0.01
    cut: float = 0.02  # before the message has arrived
    mute: float = 0.02  # after it has
    jump: float = 0.03
    leave: float = 0.03  # no fault: the reader says goodbye just before the message goes


NONE = Odds(exit=0, freeze=0, lost=0, defer=0, refuse=0, cut=0, mute=0, jump=0, leave=0)


@dataclass(slots=True)
class World:
    """Time, chance and the network of one run."""

    seed: int
    stage: Stage
    files: Definitions
    library: Library
    resend: bool
    chance: random.Random = field(init=False)
    clock: SimulatedClock = field(default_factory=lambda: SimulatedClock(START))
    accepted: Counter[str] = field(default_factory=Counter)
    odds: Odds = field(default_factory=Odds)
    left: dict[str, int] = field(default_factory=dict)  # contact -> the moment at which goodbye was acknowledged
    begun: dict[str, int] = field(default_factory=dict)  # message -> the moment at which its intent was asked for
    leaves: Callable[[str], None] = lambda _: None  # the reader of this message says goodbye
    moments: int = 0  # things that happened, in order
    faults: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - a seed is what makes a failure happen again

    def odd(self, what: str) -> bool:
        """Return whether this goes wrong now."""
        if self.chance.random() >= getattr(self.odds, what):
            return False
        self.faults[what] += 1
        return True

    def instant(self) -> int:
        """Return the number of this moment."""
        self.moments += 1
        return self.moments


@dataclass(slots=True)
class Net:
    """A channel over a bad network; `name` says whether mail or push."""

    name: str
    world: World
    group: int = 3

    def send(self, envelopes: Sequence[Envelope], intend: Intend) -> Iterator[Receipt]:
        """Ask, write the intent of a few, send them, and yield what is known of each."""
        for at in range(0, len(envelopes), self.group):
            some, asked = envelopes[at : at + self.group], list[Envelope]()
            for one in some:
                reached(f"net {self.name} ask")
                if self.world.odd("leave"):
                    self.world.leaves(one.key)
                if self.world.odd("defer"):
                    yield Receipt(one.key, "deferred", detail="451 later")
                else:
                    asked.append(one)
            asked_at = self.world.instant()
            going = intend([one.key for one in asked]) if asked else frozenset()
            self.world.begun.update(dict.fromkeys(going, asked_at))
            for one in asked:
                yield self._hand_over(one) if one.key in going else Receipt(one.key, "withheld")

    def _hand_over(self, one: Envelope) -> Receipt:
        world = self.world
        reached(f"net {self.name} body")
        if world.odd("refuse"):
            return Receipt(one.key, "failed", "content", "554 no")
        if world.odd("cut"):
            return Receipt(one.key, "unknown", detail="the connection was lost")
        world.accepted[name_of(one.key, self.name)] += 1
        reached(f"net {self.name} answer", applied=True)
        if world.odd("mute"):
            return Receipt(one.key, "unknown", detail="no answer came")
        return Receipt(one.key, "sent")

    def close(self) -> None:
        """Nothing is kept open."""
