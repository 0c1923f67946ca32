"""What a condition comes to: its value, and the first instant at which time alone may change it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from journeys.expression import Scope

INSTANT = timedelta(microseconds=1)


class Fact(NamedTuple):
    """What holds, and until when it does: None = until the person does something."""

    value: bool
    until: datetime | None = None


Look = Callable[[Scope], Fact]

YES, NO = Fact(value=True), Fact(value=False)
"""The facts that time never changes: most answers are one of these two."""


def steady(value: object) -> Fact:
    """Return the fact of an answer that time never changes."""
    return YES if value is True else NO
