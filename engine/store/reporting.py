"""What came back by mail, settled: each report once per message, and all that follows in the same transaction.

Rules
- A report names a send key that our own token has proved; what it says counts once, however often it comes.
- A message in doubt is settled by it: one that bounced did not arrive, any other report shows that it did.
- hard: the address is dead (suppressed, event `bounced`). soft: counted, and a rest after several. policy: it was us,
  never the person. A complaint withdraws every topic and suppresses the address.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from engine.store.answering import Sent
from engine.store.consenting import Digest
from engine.store.leaving import BOUNCED, COMPLAINED, UNSUBSCRIBED, No, take_no
from engine.store.receipts import void
from engine.store.recovering import resolve_unknown
from engine.store.sending_tables import mail_counts, mail_reports
from engine.store.sets import one_of, upsert
from engine.store.softening import Soft, soften
from engine.store.tables import deliveries

FAILED = "failed"
ANSWERS = {"complained": COMPLAINED, "unsubscribed": UNSUBSCRIBED}

d = deliveries.c
m = mail_counts.c


@dataclass(frozen=True, slots=True)
class Report:
    """One report that is genuine: failed (with its kind), delayed, delivered, complained, unsubscribed."""

    key: str
    what: str
    kind: str = ""
    status: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """What settling needs to know of the project."""

    digest: Digest
    skip_after: timedelta | None = None


def settle(conn: sa.Connection, reports: Sequence[Report], rules: Rules, now: datetime) -> Mapping[str, int]:
    """Write reports and what follows; return how many were new, by what they say (and how many rests they brought)."""
    rows = {row.key: row for row in conn.execute(_rows([one.key for one in reports]))}
    known = {(one.key, one.what): one for one in reports if one.key in rows}
    fresh = [known[pair] for pair in _new(conn, list(known.values()), now)]
    failed = {one.key: one for one in fresh if one.what == FAILED}
    _settle_doubt(conn, rows, fresh, now)
    _mark(conn, failed)
    hard = [_no(rows[key], BOUNCED, now) for key, one in failed.items() if one.kind == "hard"]
    leaving = [_no(rows[one.key], ANSWERS[one.what], now) for one in fresh if one.what in ANSWERS]
    if hard or leaving:
        take_no(conn, [*hard, *leaving], rules.digest, now, rules.skip_after)
    rests = soften(conn, [_soft(rows[key]) for key, one in failed.items() if _is_soft(one, rows)], rules.digest, now)
    return Counter(one.kind if one.what == FAILED else one.what for one in fresh) + Counter(rests=len(rests))


def _rows(keys: Sequence[str]) -> sa.Select[Any]:
    return (
        sa.select(
            d.key, d.contact_id, d.message, d.journey, d.state, d.topic, d.status, d.sent_at, d.channel, d.address,
            d.due_at,
        )
        .where(one_of(d.key, keys))
        .order_by(d.key)
        .with_for_update()
    )  # fmt: skip


def _new(conn: sa.Connection, reports: Sequence[Report], now: datetime) -> list[tuple[str, str]]:
    """Write down the reports that are new and return which they are."""
    if not reports:
        return []
    rows = [{"key": x.key, "what": x.what, "kind": x.kind, "status": x.status[:16], "at": now} for x in reports]
    insert = upsert(conn.dialect.name, mail_reports).on_conflict_do_nothing()
    written = conn.execute(insert.returning(mail_reports.c.key, mail_reports.c.what), rows)
    return [(key, what) for key, what in written]


def _settle_doubt(conn: sa.Connection, rows: Mapping[str, sa.Row[Any]], fresh: Sequence[Report], now: datetime) -> None:
    """Settle messages in doubt: those that bounced as failed, the others as sent."""
    doubt = [one for one in fresh if rows[one.key].status == "unknown"]
    lost = [one.key for one in doubt if one.what == FAILED]
    if lost:
        ended = {"status": "failed", "ended_at": now}
        conn.execute(sa.update(deliveries).where(one_of(d.key, lost), d.status == "unknown").values(ended))
        void(conn, lost)
    arrived = {one.key for one in doubt}.difference(lost)
    if arrived:
        resolve_unknown(conn, sorted(arrived))


def _mark(conn: sa.Connection, failed: Mapping[str, Report]) -> None:
    """Note at the messages how they bounced; one that was handed over stays `sent`."""
    if failed:
        update = sa.update(deliveries).where(d.key == sa.bindparam("row"))
        said = update.values(kind=sa.bindparam("how"), detail=sa.bindparam("why"))
        conn.execute(said, [{"row": x.key, "how": x.kind, "why": f"bounced: {x.detail}"} for x in failed.values()])


def _no(row: sa.Row[Any], what: str, now: datetime) -> No:
    sent = Sent(row.key, row.contact_id, row.message, row.journey, row.state, row.topic, row.status, row.sent_at)
    return No(sent, what, now, row.topic if what == UNSUBSCRIBED else "", "mail")


def _soft(row: sa.Row[Any]) -> Soft:
    return Soft(row.contact_id, row.channel, row.address, row.sent_at or row.due_at)


def _is_soft(report: Report, rows: Mapping[str, sa.Row[Any]]) -> bool:
    return report.kind == "soft" and bool(rows[report.key].address)


def count(conn: sa.Connection, counts: Mapping[str, int], now: datetime) -> None:
    """Add to what is counted by day."""
    rows = [{"day": f"{now:%Y-%m-%d}", "what": what, "count": n} for what, n in sorted(counts.items()) if n]
    if rows:
        insert = upsert(conn.dialect.name, mail_counts)
        more = {"count": m.count + insert.excluded["count"]}
        conn.execute(insert.on_conflict_do_update(index_elements=["day", "what"], set_=more), rows)


def totals(conn: sa.Connection, since: datetime) -> dict[str, int]:
    """Return what came by mail since a day."""
    query = sa.select(m.what, sa.func.sum(m["count"])).where(m.day >= f"{since:%Y-%m-%d}").group_by(m.what)
    return {what: int(n) for what, n in conn.execute(query)}
