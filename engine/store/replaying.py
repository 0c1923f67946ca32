"""The log of whole contacts: all that their walks looked at and all that came of them, for taking the walks again.

Rules
- A fixed number of statements for any number of contacts; nothing is written.
- What changed since is undone from `changes`: a person is given back as they were at an instant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.core.model import Contact
from engine.store.consenting import PENDING, ConsentChange, summed
from engine.store.rows import DecisionRow, decision_row
from engine.store.sets import one_of
from engine.store.snapshots import reachable
from engine.store.tables import (
    addresses,
    audit,
    changes,
    consents,
    contacts,
    decisions,
    deliveries,
    deployments,
    dictionaries,
    enrollments,
    events,
    moves,
    placed,
    policies,
    refusals,
    waits,
)
from engine.store.value_tables import traits
from journeys.zones import zone_of

Row = sa.Row[Any]
Kept = Mapping[tuple[str, int], tuple[str, bytes]]
"""(point, number) -> kind and bytes of a policy that can still be read."""

PAUSES = ("paused", "resumed")
HEEDED = ("deployed", "hours", *PAUSES)


@dataclass(slots=True)
class ContactLog:
    """Everything the store knows about one contact, rows as they are; lists in the order of their instants."""

    contact_id: str
    created_at: datetime | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    consents: list[Row] = field(default_factory=list)
    addresses: list[Row] = field(default_factory=list)
    changes: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    runs: list[Row] = field(default_factory=list)
    moves: list[Row] = field(default_factory=list)
    waits: list[Row] = field(default_factory=list)
    refusals: list[Row] = field(default_factory=list)
    decisions: list[DecisionRow] = field(default_factory=list)
    deliveries: list[Row] = field(default_factory=list)
    placed: list[Row] = field(default_factory=list)
    traits: Row | None = None  # value and interests as they were worked out last: those of before are not kept

    def at(self, when: datetime) -> Contact:
        """Return the person as the walk of this instant found them: its own changes are not made yet."""
        usable, suppressed = reachable(self._addresses(when)).get(self.contact_id) or ({}, frozenset[str]())
        attributes = self._attributes(when)
        said = [
            ConsentChange(
                self.contact_id, row.topic, row.channel, granted=row.granted, source="", pending=row.state == PENDING
            )
            for row in self.consents
            if row.at <= when
        ]
        return Contact(self.contact_id, attributes, zone_of(attributes), usable, summed(said), suppressed)

    def _attributes(self, when: datetime) -> Mapping[str, Any]:
        found = dict(self.attributes)
        for row in reversed(self.changes):
            if row.at > when or (row.at == when and row.source == "journey"):
                found.update(row.attributes)
        return {name: value for name, value in found.items() if value is not None}

    def _addresses(self, when: datetime) -> list[tuple[str, str, str, str | None, datetime]]:
        now = [
            (row.channel, row.address, row.suppressed, row.added_at)
            for row in self.addresses
            if row.added_at <= when and not (row.suppressed_at and row.suppressed_at > when)
        ]
        later = [
            (row.channel, row.address, None, row.added_at)
            for row in self.addresses
            if row.added_at <= when and row.suppressed_at and row.suppressed_at > when
        ]
        gone = [
            (channel, address, suppressed, datetime.fromisoformat(added_at))
            for row in self.changes
            if row.at > when
            for channel, address, suppressed, added_at in row.addresses
            if datetime.fromisoformat(added_at) <= when
        ]
        return [(self.contact_id, *one) for one in (*now, *later, *gone)]


def logs(conn: sa.Connection, contact_ids: Iterable[str]) -> dict[str, ContactLog]:
    """Return the logs of these contacts."""
    ids = sorted(set(contact_ids))
    found = {id_: ContactLog(id_) for id_ in ids}
    for row in conn.execute(sa.select(contacts).where(one_of(contacts.c.id, ids))):
        found[row.id].created_at, found[row.id].attributes = row.created_at, row.attributes
    for row in conn.execute(sa.select(traits).where(one_of(traits.c.contact_id, ids))):
        found[row.contact_id].traits = row
    for name, query in _queries(ids).items():
        for row in conn.execute(query):
            getattr(found[row.contact_id], name).append(row)
    for row in conn.execute(
        sa.select(decisions).where(one_of(decisions.c.contact_id, ids)).order_by(decisions.c.at, decisions.c.key)
    ):
        found[row.contact_id].decisions.append(decision_row(row))
    return found


def _queries(ids: Sequence[str]) -> dict[str, sa.Select[Any]]:
    """Return one statement per table of a contact's rows."""
    of_run = enrollments.c.contact_id
    runs = (moves, waits)
    by_run = [
        sa.select(table, of_run)
        .join_from(table, enrollments, enrollments.c.id == table.c.enrollment_id)
        .where(one_of(of_run, ids))
        .order_by(table.c.enrollment_id, table.c.n)
        for table in runs
    ]
    plain = (
        (consents, consents.c.id), (addresses, addresses.c.added_at), (changes, changes.c.id),
        (events, events.c.at), (refusals, refusals.c.id), (deliveries, deliveries.c.queued_at),
    )  # fmt: skip
    mine = {
        table.name: sa.select(table).where(one_of(table.c.contact_id, ids)).order_by(order) for table, order in plain
    }
    mine["placed"] = (
        sa.select(placed, of_run)
        .join_from(placed, enrollments, enrollments.c.id == placed.c.run)
        .where(one_of(of_run, ids))
        .order_by(placed.c.id)
    )
    mine["runs"] = sa.select(enrollments).where(one_of(of_run, ids)).order_by(enrollments.c.id)
    return mine | {table.name: query for table, query in zip(runs, by_run, strict=True)}


@dataclass(frozen=True, slots=True)
class Noted:
    """What the store has noted beside its contacts, oldest first: which version went live when, what was paused
    from when on (True) and until when (False), data.yaml as it was deployed, and everyone's hours as counted.
    """

    deployed: Sequence[tuple[datetime, str, str]] = ()
    pauses: Sequence[tuple[datetime, str, bool]] = ()
    dictionaries: Sequence[tuple[datetime, str, bool]] = ()
    rhythms: Sequence[tuple[datetime, tuple[float, ...]]] = ()

    def paused(self, at: datetime) -> frozenset[str]:
        """Return what was paused: "journey", "journey.state", or "" for everything."""
        standing: dict[str, bool] = {place: begins for since, place, begins in self.pauses if since <= at}
        return frozenset(place for place, begins in standing.items() if begins)

    def data(self, at: datetime) -> str | None:
        """Return the data.yaml that was live then, None when it is the one that is live now."""
        known = [(source, live) for since, source, live in self.dictionaries if since <= at]
        return None if not known or known[-1][1] else known[-1][0]

    def hours(self, at: datetime) -> tuple[float, ...]:
        return next((hours for since, hours in reversed(self.rhythms) if since <= at), ())


def noted(conn: sa.Connection) -> Noted:
    """Return what was noted."""
    d, y, a = deployments.c, dictionaries.c, audit.c
    first = conn.execute(sa.select(d.at, d.journey, d.version).order_by(d.at, d.number)).all()
    texts = conn.execute(sa.select(y.at, y.source, y.live).order_by(y.at, y.number)).all()
    rows = conn.execute(sa.select(a.at, a.what, a.detail).where(a.what.in_(HEEDED)).order_by(a.id)).all()
    told = [
        (at, name, one)
        for at, what, detail in rows
        if what == "deployed"
        for name, one in detail.get("journeys", {}).items()
        if one.get("version")
    ]
    again = [(at, name, str(one["version"])) for at, name, one in told]
    live = sorted([(row[0], row[1], row[2]) for row in first] + again, key=lambda one: one[0])
    pauses = [(at, _place(detail), what == "paused") for at, what, detail in rows if what in PAUSES]
    rhythms = [(at, tuple(detail["hours"])) for at, what, detail in rows if what == "hours"]
    dictionary = [(row[0], row[1], row[2]) for row in texts]
    return Noted(live, pauses, dictionary, rhythms)


def _place(detail: Mapping[str, Any]) -> str:
    """Return what was paused as a Moment says it: "" for everything."""
    said = str(detail.get("place", ""))
    return "" if said == "everything" else said


def owner_of(conn: sa.Connection, run: str) -> str | None:
    """Return whose run this is, None when there is none such."""
    found: str | None = conn.execute(sa.select(enrollments.c.contact_id).where(enrollments.c.id == run)).scalar()
    return found


def newest_runs(conn: sa.Connection, limit: int, journey: str | None = None) -> dict[str, str]:
    """Return (run -> contact) of the runs that began last."""
    c = enrollments.c
    query = sa.select(c.id, c.contact_id).order_by(c.entered_at.desc(), c.id).limit(limit)
    rows = conn.execute(query.where(c.journey == journey) if journey else query).all()
    return {row[0]: row[1] for row in rows}


def arms_before(conn: sa.Connection, point: str, before: datetime) -> dict[str, int]:
    """Return how often each arm of a point had been drawn before an instant."""
    journey, _, state = point.partition(".")
    c = decisions.c
    mine = (c.journey == journey, c.state == state, c.at < before)
    counts: defaultdict[str, int] = defaultdict(int)
    for arm, count in conn.execute(sa.select(c.arm, sa.func.count()).where(*mine).group_by(c.arm)):
        counts[arm] = count
    return dict(counts)


def policies_of(conn: sa.Connection, points: Iterable[str]) -> Kept:
    """Return kind and bytes of every version of these points' policies that is still kept: of what decided."""
    p = policies.c
    query = sa.select(p.point, p.number, p.kind, p.model, p.serving)
    rows = conn.execute(query.where(one_of(p.point, set(points)), p.model != b""))
    return {(row.point, row.number): (row.kind, row.serving or row.model) for row in rows}
