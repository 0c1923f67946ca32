"""What a drill is asked, what it answers, and how one says that it cannot be run here."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.drill.checks import Account


class Skipped(Exception):
    """A drill cannot be run here; the message says what it lacks."""


@dataclass(frozen=True, slots=True)
class Ask:
    """`folder` is the drill's own, `scale` a factor on all counts, `tell` hears how far it is.

    `postgres` gives the address of an empty database, or raises Skipped; `restart` ends that server as a crash would.
    """

    folder: Path
    seed: int = 1
    scale: float = 1.0
    tell: Callable[[str], None] = lambda _: None
    postgres: Callable[[], str] | None = None
    restart: Callable[[], None] | None = None

    @property
    def chance(self) -> random.Random:
        """Return the drill's own chance."""
        return random.Random(self.seed)  # noqa: S311 - a seed is what makes a failure happen again

    def some(self, count: int, least: int = 1) -> int:
        """Return how many there are at this scale."""
        return max(least, round(count * self.scale))


@dataclass(frozen=True, slots=True)
class Found:
    """What a drill found. The four multisets count messages; a drill without messages leaves them at 0.

    `scale` says how much was tried (N, K); `wrong` says what must not be; `figures` are its numbers.
    """

    scale: str
    lost: int = 0
    duplicated: int = 0
    unexpected: int = 0
    unknown: int = 0
    wrong: tuple[str, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Return whether the promise held."""
        return not self.wrong


@dataclass(frozen=True, slots=True)
class Drill:
    """A drill by its number; `proves` is the sentence that would be false; `seconds` it takes, about, on two cores."""

    number: int
    title: str
    proves: str
    seconds: int
    call: str  # module:function
    postgres: bool = False


def judged(found: Account, scale: str, allowed: int = 0, **more: Any) -> Found:
    """Return what an account comes to; `allowed` second copies are within the promise. `wrong` and `figures` add."""
    wrong = [*more.get("wrong", ())]
    if found.lost or found.unexpected:
        wrong.append(f"{found.lost} lost, {found.unexpected} unexpected")
    if found.duplicated > allowed:
        wrong.append(f"{found.duplicated} second copies, {allowed} allowed")
    if found.broken:
        wrong.append(f"the ledger contradicts itself: {dict(found.broken)}")
    if found.waiting:
        wrong.append(f"{found.waiting} messages still wait")
    figures = {"intents": found.intents, "accepted": found.accepted, "in_doubt_but_delivered": found.delivered_in_doubt}
    return Found(
        scale, found.lost, found.duplicated, found.unexpected, found.unknown, tuple(wrong),
        figures | dict(more.get("figures", {})),
    )  # fmt: skip
