"""What a drill is judged by: Jepsen's four multisets over messages, and the sums that must always hold.

Rules
- lost: counted as sent, or ended without a word, but nobody accepted it. duplicated: copies beyond the first.
  unexpected: accepted without an intent, or although the ledger says that it did not go. unknown: in doubt, by name.
- What waits is none of these; a drill that ends with something waiting was not live, and says so itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from channels.mime import message_id
from channels.webpush import push_topic
from engine.drill.ground import SENDER
from engine.store.connect import reading
from engine.store.conserving import WAITING, conservation
from engine.store.tables import deliveries, enrollments, moves

DOMAIN = SENDER.partition("@")[2]
SILENT = frozenset({"failed", "suppressed", "expired", "shadow", "capped"})


@dataclass(frozen=True, slots=True)
class Account:
    """The four multisets; `waiting` and `statuses` are the ledger's, `broken` what contradicts itself in it."""

    intents: int
    accepted: int
    lost: int
    duplicated: int
    unexpected: int
    unknown: int
    waiting: int
    delivered_in_doubt: int = 0  # of the unknown, how many had in fact arrived
    repeated: int = 0  # calls that a webhook got again under the same key, as it was told that it may
    statuses: Mapping[str, int] = field(default_factory=dict)
    broken: Mapping[str, int] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Return whether nothing is lost, nothing is there twice, and the sums hold."""
        return not (self.lost or self.duplicated or self.unexpected or self.broken)


@dataclass(frozen=True, slots=True)
class Sent:
    """What the world accepted, by the name that each kind of channel gives a message."""

    mails: Mapping[str, int] = field(default_factory=dict)
    others: Mapping[str, int] = field(default_factory=dict)  # pushes by Topic, calls by key

    def copies(self, key: str, channel: str) -> int:
        """Return how many copies of a message arrived."""
        return int(self._of(channel).get(name_of(key, channel), 0))

    def _of(self, channel: str) -> Mapping[str, int]:
        return self.mails if channel == "email" else self.others

    @property
    def names(self) -> set[str]:
        """Return all names under which something arrived."""
        return {name for kind in (self.mails, self.others) for name, count in kind.items() if count}


def name_of(key: str, channel: str) -> str:
    """Return the name by which the world knows a message."""
    named: Mapping[str, Callable[[str], str]] = {"email": lambda k: message_id(k, DOMAIN), "push": push_topic}
    return named.get(channel, str)(key)


def account(store: sa.Engine, sent: Sent) -> Account:
    """Hold the ledger against what the world accepted."""
    d = deliveries.c
    with reading(store) as conn:
        rows = conn.execute(sa.select(d.key, d.channel, d.status)).all()
        sums = conservation(conn)
        broken = dict(sums.broken) | ({} if sums.exact else {"the sums": 1}) | _torn(conn)
    copies = {row.key: sent.copies(row.key, row.channel) for row in rows}
    calls = {row.key for row in rows if row.channel == "webhook"}
    known = {name_of(row.key, row.channel) for row in rows}
    unknown = [row.key for row in rows if row.status == "unknown"]
    return Account(
        intents=len(rows),
        accepted=sum(copies.values()),
        lost=sum(row.status == "sent" and not copies[row.key] for row in rows),
        duplicated=sum(max(0, n - 1) for key, n in copies.items() if key not in calls),
        unexpected=len(sent.names - known) + sum(row.status in SILENT and copies[row.key] > 0 for row in rows),
        unknown=len(unknown),
        waiting=sum(row.status in (*WAITING, "claimed", "sending") for row in rows),
        delivered_in_doubt=sum(copies[key] > 0 for key in unknown),
        repeated=sum(max(0, n - 1) for key, n in copies.items() if key in calls),
        statuses=dict(Counter(row.status for row in rows)),
        broken=broken,
    )


def _torn(conn: sa.Connection) -> dict[str, int]:
    """Return what else must be: as many moves as steps, and a file that SQLite finds sound."""
    steps = conn.execute(sa.select(sa.func.coalesce(sa.func.sum(enrollments.c.steps), 0))).scalar_one()
    moved = conn.execute(sa.select(sa.func.count()).select_from(moves)).scalar_one()
    found = {} if steps == moved else {"moves without a step": abs(int(moved) - int(steps))}
    if (
        conn.dialect.name == "sqlite"
        and conn.engine.url.database
        and conn.execute(sa.text("PRAGMA integrity_check")).scalar_one() != "ok"
    ):
        found["integrity_check"] = 1
    return found
