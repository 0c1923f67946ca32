"""What walks did to a run, as facts: those of the log, those of a walk taken again, and where the two first part."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any

from engine.core.model import Enrollment
from engine.store.replaying import ContactLog
from engine.store.rows import DecisionRow
from engine.store.values import from_json, to_json

COMPARED: Mapping[str, tuple[str, ...]] = {
    "enrollments": ("journey", "version", "group", "trigger"),
    "refusals": ("state", "message", "rule", "detail", "until"),
    "decisions": (
        "version", "state", "group", "arms", "chances", "arm", "propensity", "u", "policy", "features", "cost",
    ),
    "deliveries": ("state", "message", "channel", "topic", "transactional", "counted", "decided", "request", "due_at"),
    "moves": ("source", "target", "why", "at"),
}  # fmt: skip
KINDS = {
    "enrollments": "entered", "refusals": "refusal", "decisions": "decision", "deliveries": "message", "moves": "move",
}  # fmt: skip
PARKED = "it was parked after a fault; what came before is compared"


@dataclass(frozen=True, slots=True)
class Fact:
    """One row that a walk at `at` wrote about a run; `visit` is the number of the state visit it belongs to."""

    run: str
    at: datetime
    visit: int
    kind: str
    values: Mapping[str, Any]

    @property
    def order(self) -> tuple[Any, ...]:
        rank = tuple(KINDS.values()).index(self.kind)
        return self.at, self.visit, rank, str(self.values.get("message", "")), str(self.values.get("rule", ""))


@dataclass(frozen=True, slots=True)
class Difference:
    """The first thing that came out differently: `logged` None = it did not happen then, `now` None = not now."""

    at: datetime
    kind: str
    logged: Mapping[str, Any] | None
    now: Mapping[str, Any] | None

    @property
    def columns(self) -> tuple[str, ...]:
        """Return what differs, where something happened both times."""
        if self.logged is None or self.now is None:
            return ()
        return tuple(name for name in self.logged if not same(self.logged[name], self.now.get(name)))


@dataclass(frozen=True, slots=True)
class Replayed:
    """One run, taken again: how much was compared, and the first difference (None: everything came out the same)."""

    run: str
    journey: str
    version: str
    contact_id: str
    walks: int
    moves: int
    decisions: int
    difference: Difference | None
    notes: tuple[str, ...] = ()


def logged_facts(log: ContactLog) -> list[Fact]:
    """Return what the log says, in the order in which it was done."""
    began = {row.enrollment_id: walked_at(row) for row in log.moves if row.n == 1}
    facts = [_fact("enrollments", row._asdict(), began.get(row.id, row.entered_at), row.id, 0) for row in log.runs]
    facts += [_fact("moves", row._asdict(), walked_at(row), row.enrollment_id, row.n - 1) for row in log.moves]
    facts += [_fact("refusals", row._asdict(), row.at, *_place(row.key)) for row in log.refusals]
    facts += [_fact("decisions", _columns(row), row.at, *_place(row.decision.key)) for row in log.decisions]
    facts += [_fact("deliveries", row._asdict(), row.queued_at, *_place(row.key)) for row in log.deliveries]
    return sorted(facts, key=lambda fact: fact.order)


def _columns(row: DecisionRow) -> dict[str, Any]:
    d = row.decision
    return {name: getattr(d, name, None) for name in COMPARED["decisions"]} | {
        "version": row.version, "state": row.state, "arms": list(d.arms), "chances": list(d.chances),
    }  # fmt: skip


def _place(key: str) -> tuple[str, int]:
    run, _, visit = key.rpartition(":")
    return run, int(visit)


def _fact(table: str, row: Mapping[str, Any], at: datetime, run: str, visit: int) -> Fact:
    values = {name: row[name] for name in COMPARED[table]}
    if table == "deliveries":
        values["shadow"] = row["status"] == "shadow"
    return Fact(run, at, visit, KINDS[table], values)


def made(rows: Mapping[str, Sequence[Mapping[str, Any]]], at: datetime) -> Iterator[Fact]:
    """Yield the facts of the rows that a walk would write."""
    for row in rows["enrollments"]:
        yield _fact("enrollments", row, at, row["id"], 0)
    for row in rows["moves"]:
        yield _fact("moves", row, at, row["enrollment_id"], row["n"] - 1)
    for table in ("refusals", "decisions", "deliveries"):
        for row in rows[table]:
            yield _fact(table, row, at, *_place(row["key"]))


def by_run(facts: Iterable[Fact]) -> dict[str, list[Fact]]:
    found: dict[str, list[Fact]] = {}
    for fact in sorted(facts, key=lambda fact: fact.order):
        found.setdefault(fact.run, []).append(fact)
    return found


def first_difference(logged: Sequence[Fact], now: Sequence[Fact]) -> Difference | None:
    """Return where two accounts of one run first part."""
    for then, again in zip_longest(logged, now):
        if then is None or again is None or (then.at, then.visit, then.kind) != (again.at, again.visit, again.kind):
            first = min((fact for fact in (then, again) if fact is not None), key=lambda fact: fact.order)
            return Difference(
                first.at, first.kind, first.values if first is then else None, first.values if first is again else None
            )
        if not all(same(then.values[name], again.values.get(name)) for name in then.values):
            return Difference(then.at, then.kind, then.values, again.values)
    return None


def same(one: Any, other: Any) -> bool:
    """Return whether two values are one and the same as far as a store can tell; sums of floats to nine digits."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return bool(from_json(to_json(one)) == from_json(to_json(other)))
    return bool(one == other)


def walked_at(row: Any) -> datetime:
    """Return the instant of the walk that made a move; a log from before it was kept has no better than its `at`."""
    walked: datetime = row.walked_at or row.at
    return walked


def end_differs(row: Any, again: Enrollment | None) -> Difference | None:
    """Return how a run stands otherwise than the log says, although every step was the same."""
    names = ("state", "status", "phase", "reason", "steps", "goal_at", "left_at")
    logged = {name: getattr(row, name) for name in names}
    now = {name: getattr(again, name) for name in names} if again is not None else None
    if now == logged:
        return None
    return Difference(row.left_at or row.state_at, "stands", logged, now)
