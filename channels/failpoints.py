"""Named places at which a fault can be let in: every commit and every step on the wire says that it is reached.

Rules
- Nobody armed: one look at a list. Whoever writes a new door or a new way to the store keeps its points in place.
- A point is reached before its effect, and once more, `applied`, when the effect has happened and its answer has not
  been seen: between the two lies all that can be lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Arm = Callable[[str, bool], None]
"""Told the name of a point and whether its effect has happened; may raise, wait, or end the process."""

_ARMS: list[Arm] = []


def reached(name: str, *, applied: bool = False) -> None:
    """Say that a point is reached."""
    if _ARMS:
        _ARMS[-1](name, applied)


@contextmanager
def armed(arm: Arm) -> Iterator[None]:
    """Let `arm` hear of every point that is reached, in any thread, until the block ends."""
    _ARMS.append(arm)
    try:
        yield
    finally:
        _ARMS.remove(arm)
