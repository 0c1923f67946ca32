"""What an operator should know of a store and its surroundings: what is wrong, how bad, and the way out.

Rules
- `error`: something is lost, doubled, or will never happen by itself. `warning`: somebody should look.
- Every finding names a command or a page; none needs the source to be read.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from engine.store.conserving import Conservation, conservation
from engine.store.examining import QUESTIONS, Answered, examine

RESERVE = 64 * 2**20
"""Bytes that must be free beside a SQLite store: below that nothing new is claimed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know; `mends`: `doctor --fix` puts it right."""

    name: str
    severity: Literal["error", "warning"]
    count: int
    says: str
    way_out: str
    some: tuple[str, ...] = ()
    mends: bool = False


@dataclass(frozen=True, slots=True)
class Examined:
    """The sums and what was found."""

    sums: Conservation
    findings: tuple[Finding, ...]

    @property
    def well(self) -> bool:
        """Return whether nothing is lost, doubled or stuck."""
        return self.sums.exact and not any(finding.severity == "error" for finding in self.findings)


_Words = tuple[Literal["error", "warning"], str, str]

WORDS: Mapping[str, _Words] = {
    "asleep": ("error", "{} people are due and have no alarm: nobody would ever step them", "sojourn doctor --fix"),
    "unseen events": ("error", "{} people have events that nobody will look at", "sojourn doctor --fix"),
    "overdue": ("error", "{} people have been due for 10 minutes: nobody ticks", "sojourn serve, or sojourn tick"),
    "unsent": (
        "error", "{} messages have been due for 10 minutes: nobody delivers, or a channel is stopped",
        "sojourn serve; sojourn log --kind error; a rate or a warm-up also makes messages wait",
    ),
    "abandoned": (
        "error", "{} messages are held by processes that are gone", "sojourn serve or tick: both take them back",
    ),
    "unknown": ("warning", "{} messages are in doubt: they may have arrived", "sojourn unknown ls"),
    "parked": ("warning", "{} people are parked: a step failed for them", "sojourn log --kind error; sojourn unpark"),
    "unrendered": ("warning", "{} messages could not be rendered in the last 30 days", "sojourn preview --all"),
    "ownerless alarms": ("warning", "{} alarms of people who are not there", "sojourn doctor --fix"),
    "decisions without a message": ("error", "{} decisions wait for a message that never was", "sojourn doctor --fix"),
}  # fmt: skip


def examined(conn: sa.Connection, now: datetime) -> Examined:
    """Return the sums of a store and what is wrong in it."""
    mendable = {question.name for question in QUESTIONS if question.mend is not None}
    found = [_finding(one, one.name in mendable) for one in examine(conn, now) if one.count]
    sums = conservation(conn)
    return Examined(sums, (*_contradictions(sums), *found))


def _finding(one: Answered, mends: bool) -> Finding:
    severity, says, way_out = WORDS[one.name]
    return Finding(one.name, severity, one.count, says.format(f"{one.count:,}"), way_out, one.some, mends)


def _contradictions(sums: Conservation) -> Iterator[Finding]:
    """Yield what must never be: a bug, or a hand in the store."""
    way_out = "stop serving, keep a copy of the store, and report it with `sojourn doctor --json`"
    for name, count in sums.broken.items():
        yield Finding(f"contradiction: {name}", "error", count, f"{count:,} rows: {name}", way_out)
    if sums.intents != sum(sums.statuses.values()):
        missing = sums.intents - sum(sums.statuses.values())
        yield Finding("intents", "error", missing, f"{missing:,} messages are in no named state", way_out)


def room(store: sa.Engine) -> Finding | None:
    """Return what to say of the disk beside a SQLite store."""
    name = store.url.database
    if store.dialect.name != "sqlite" or not name or name == ":memory:":
        return None
    free = shutil.disk_usage(Path(name).parent).free
    if free >= RESERVE:
        return None
    says = f"{free // 2**20} MiB are free beside the store: nothing is claimed below {RESERVE // 2**20}"
    return Finding("disk", "error", free, says, "make room; sending goes on by itself")


def no_room(store: sa.Engine) -> str | None:
    """Return why nothing may be claimed, None while there is room to write down what is sent."""
    found = room(store)
    return None if found is None else f"nothing is sent: {found.says}"


def equation(sums: Conservation) -> list[str]:
    """Return the two sums, as a person checks them."""
    messages = " + ".join(f"{status} {count:,}" for status, count in sums.statuses.items()) or "0"
    people = " + ".join(f"{place} {count:,}" for place, count in (*sums.inside.items(), *sums.left.items())) or "0"
    return [
        f"messages  {sums.intents:,} queued ever = {messages}",
        f"runs      {sums.enrolled:,} ever = {people}",
    ]
