"""The sums that must hold at every moment: nothing is lost, nothing is there twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from engine.store.rows import counted
from engine.store.tables import decisions, deliveries, enrollments

WAITING, HELD = ("queued", "deferred"), ("claimed", "sending")
ENDED = ("sent", "failed", "suppressed", "capped", "expired", "shadow", "unknown")

n = enrollments.c
d = deliveries.c
c = decisions.c

Where = Sequence[sa.ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Conservation:
    """The sums. `intents` are all messages ever queued, `statuses` those by status; `enrolled` all runs ever,
    `inside` those that are not over, `left` the others by reason; `broken` counts rows that contradict themselves.
    """

    intents: int
    statuses: Mapping[str, int]
    enrolled: int
    inside: Mapping[str, int]  # by status
    left: Mapping[str, int]
    broken: Mapping[str, int]

    @property
    def exact(self) -> bool:
        """Return whether nothing is lost and nothing is there twice."""
        messages = self.intents == sum(self.statuses.values())
        people = self.enrolled == sum(self.inside.values()) + sum(self.left.values())
        return messages and people and not self.broken


def conservation(conn: sa.Connection, contact_id: str | None = None) -> Conservation:
    """Return intents against end states and runs against whereabouts, of everybody or of one contact."""
    of_d = [d.contact_id == contact_id] if contact_id else []
    of_n = [n.contact_id == contact_id] if contact_id else []
    statuses = {row[0]: row[1] for row in conn.execute(_tally(d.status, of_d))}
    whereabouts = sa.case(
        (n.status == "left", sa.literal("left:").concat(sa.func.coalesce(n.reason, ""))), else_=n.status
    )
    runs = {row[0]: row[1] for row in conn.execute(_tally(whereabouts, of_n))}
    totals = conn.execute(sa.select(_total(deliveries, of_d), _total(enrollments, of_n))).one()
    left = {place.removeprefix("left:"): count for place, count in runs.items() if place.startswith("left:")}
    known = (*WAITING, *HELD, *ENDED)
    return Conservation(
        intents=totals[0],
        statuses=counted((status, count) for status, count in statuses.items() if status in known),
        enrolled=totals[1],
        inside=counted((place, runs[place]) for place in ("active", "queued", "parked") if place in runs),
        left=counted(left.items()),
        broken=_broken(conn, of_d, of_n),
    )


def _tally(by: sa.ColumnElement[Any], where: Where) -> sa.Select[Any]:
    return sa.select(by, sa.func.count()).where(*where).group_by(by)


def _total(table: sa.Table, where: Where) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).select_from(table).where(*where).scalar_subquery()


def _broken(conn: sa.Connection, of_d: Where, of_n: Where) -> dict[str, int]:
    """Count the rows that contradict themselves or each other, by what is wrong."""
    waits, held = d.status.in_(WAITING), d.status.in_(HELD)
    arrived, lost = d.status == "sent", d.status.in_(("failed", "expired", "suppressed"))
    rows = (
        ("waiting without an instant", of_d, waits & d.next_at.is_(None)),
        ("held without a lease", of_d, held & (d.lease_until.is_(None) | d.owner.is_(None))),
        ("ended and still due", of_d, d.status.in_(ENDED) & (d.next_at.is_not(None) | d.lease_until.is_not(None))),
        ("sent without an instant", of_d, arrived & d.sent_at.is_(None)),
        ("decided without a decision", of_d, d.decided & ~sa.exists().where(c.key == d.key)),
        ("ended with its decision on the way", of_d, (arrived | lost) & _decision("pending")),
        ("failed with a decision that counts", of_d, lost & _decision("open", "closed")),
        ("left without instant or reason", of_n, (n.status == "left") & (n.left_at.is_(None) | n.reason.is_(None))),
    )  # fmt: skip
    checks = [sa.select(sa.literal(name), sa.func.count()).where(*of, wrong) for name, of, wrong in rows]
    return {row[0]: row[1] for row in conn.execute(sa.union_all(*checks)) if row[1]}


def _decision(*statuses: str) -> sa.ColumnElement[bool]:
    return sa.exists().where(c.key == d.key, c.status.in_(statuses))
