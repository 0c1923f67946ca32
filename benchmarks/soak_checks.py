"""What the store says after a soak, beside what the world saw; and what the learner made of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from benchmarks.soak_people import BEST, Crowd
from engine.store.conserving import conservation
from engine.store.tables import addresses, decisions, deliveries, events, policies, refusals

d, c, e = deliveries.c, decisions.c, events.c


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be so: `found` in the store, `wanted` by the world."""

    name: str
    found: Any
    wanted: Any

    @property
    def ok(self) -> bool:
        return bool(self.found == self.wanted)


def checks(conn: sa.Connection, crowd: Crowd) -> Iterator[Check]:
    """Yield what must agree between the world and the store."""
    tally = crowd.tally
    sent = _sent(conn)
    names = _tally(conn, e.name)
    yield Check("events recorded = posted", _posted(conn), len(tally.posted))
    yield Check("mails sent = accepted by the server", sent["email"], len(tally.mails))
    yield Check("Message-IDs, each once", len({mail.id for mail in tally.mails}), len(tally.mails))
    yield Check("mails per person, as sent", _mailed(conn), Counter(mail.to for mail in tally.mails))
    yield Check("pushes sent = decrypted", sent["push"], len(tally.pushes))
    yield Check("push keys, each once, as sent", _pushed(conn), sorted(tally.pushes))
    yield Check("subscriptions answered 410 and still there", _still_there(conn, tally.gone), 0)
    yield Check("pushes failed = answered 410", _failed(conn), len(tally.gone))
    yield Check("messages in doubt", _count(conn, deliveries, d.status == "unknown"), 0)
    yield Check("mails after an unsubscribe was answered", len(tally.late_mails()), 0)
    yield Check("people who left = withdrawn consents", names["unsubscribed"], len(tally.left))
    yield Check("clicks recorded = made", names["clicked"], tally.clicks)
    yield Check("visits of machines recorded = made", names["machine_click"], tally.scans)
    yield from _of_learning(conn)
    yield Check("conservation, rows that contradict", dict(conservation(conn).broken), {})
    yield Check("conservation is exact", conservation(conn).exact, True)
    yield Check("faults seen by people", tally.faults[:5], [])


def _of_learning(conn: sa.Connection) -> Iterator[Check]:
    closed = conn.execute(sa.select(c.key, c.reward, c.starts_at, c.closes_at).where(c.status == "closed")).all()
    heard: defaultdict[str, list[Any]] = defaultdict(list)
    for row in conn.execute(sa.select(e.name, e.at, e.data).where(e.name.in_(("clicked", "unsubscribed")))):
        heard[row.data["key"]].append(row)
    wrong = 0
    for row in closed:
        names = {one.name for one in heard[row.key] if row.starts_at < one.at <= row.closes_at}
        wrong += row.reward != ("clicked" in names) - ("unsubscribed" in names)
    yield Check("closed decisions with a wrong reward", wrong, 0)
    bad = (c.propensity <= 0) | (c.propensity > 1)
    yield Check("decisions without a chance", _count(conn, decisions, bad), 0)


def figures(conn: sa.Connection, crowd: Crowd) -> dict[str, Any]:
    """Return what is worth knowing and cannot be wrong by itself."""
    sums, tally = conservation(conn), crowd.tally
    rows = conn.execute(sa.select(decisions).where(c.group == "learner").order_by(c.at, c.key)).all()
    points = [_point(conn, point, [r for r in rows if f"{r.journey}.{r.state}" == point], crowd) for point in BEST]
    return {
        "people": len(crowd.people),
        "events": sum(_tally(conn, e.name).values()),
        "mails": len(tally.mails),
        "pushes": len(tally.pushes),
        "subscriptions_gone": len(tally.gone),
        "clicks": tally.clicks,
        "machine_clicks": tally.scans,
        "unsubscribed": len(tally.left),
        "orders": sum(id_.startswith("order-") for id_ in tally.posted),
        "slowest_answer_s": round(tally.slowest, 3),
        "intents": sums.intents,
        "statuses": dict(sums.statuses),
        "runs": sums.enrolled,
        "inside": dict(sums.inside),
        "left": dict(sums.left),
        "refusals": dict(_tally(conn, refusals.c.rule)),
        "decisions": dict(_tally(conn, c.status)),
        "points": points,
    }


def _point(conn: sa.Connection, point: str, rows: Sequence[Any], crowd: Crowd) -> dict[str, Any]:
    """Return what one decision point learned: early and late thirds of its decisions beside each other."""
    third = max(1, len(rows) // 3)
    p = policies.c
    found = conn.execute(sa.select(sa.func.max(p.number), sa.func.max(p.learned)).where(p.point == point)).one()
    versions = [row.policy for row in rows]
    return {
        "point": point,
        "decisions": len(rows),
        "policy_at_start": versions[0] if versions else "",
        "policy_at_end": versions[-1] if versions else "",
        "published": found[0] or 0,
        "learned": found[1] or 0,
        "early": _share(rows[:third], BEST[point], crowd),
        "late": _share(rows[-third:], BEST[point], crowd),
    }


def _share(rows: Sequence[Any], best: Mapping[str, str], crowd: Crowd) -> dict[str, float | None]:
    """Return by taste how many got the arm they like best, and the mean reward of all."""
    found: dict[str, float | None] = {}
    for taste, arm in best.items():
        mine = [row for row in rows if crowd.people[row.contact_id].taste == taste]
        found[taste] = round(sum(row.arm == arm for row in mine) / len(mine), 3) if mine else None
    earned = [row.reward for row in rows if row.reward is not None]
    return found | {"reward": round(sum(earned) / len(earned), 3) if earned else None}


def _tally(conn: sa.Connection, by: sa.ColumnElement[Any]) -> Counter[str]:
    return Counter({row[0]: row[1] for row in conn.execute(sa.select(by, sa.func.count()).group_by(by))})


def _sent(conn: sa.Connection) -> Counter[str]:
    query = sa.select(d.channel, sa.func.count()).where(d.status == "sent").group_by(d.channel)
    return Counter({row[0]: row[1] for row in conn.execute(query)})


def _posted(conn: sa.Connection) -> int:
    return _count(conn, events, e.source == "http")


def _mailed(conn: sa.Connection) -> Counter[str]:
    mine = sa.select(d.contact_id).where(d.status == "sent", d.channel == "email")
    return Counter(conn.execute(mine).scalars())


def _pushed(conn: sa.Connection) -> list[str]:
    return sorted(conn.execute(sa.select(d.key).where(d.status == "sent", d.channel == "push")).scalars())


def _failed(conn: sa.Connection) -> int:
    return _count(conn, deliveries, (d.channel == "push") & (d.status == "failed") & (d.kind == "gone"))


def _still_there(conn: sa.Connection, who: Sequence[str]) -> int:
    a = addresses.c
    there = set(conn.execute(sa.select(a.contact_id).where(a.channel == "push")).scalars())
    return len(there.intersection(who))


def _count(conn: sa.Connection, table: sa.Table, where: sa.ColumnElement[bool]) -> int:
    return int(conn.execute(sa.select(sa.func.count()).select_from(table).where(where)).scalar_one())
