"""A segment week by week, held against counting by hand."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from scene import DAY, move, people, put

from engine.kpis import asked_of, weeks
from engine.store.connect import reading, writing
from engine.store.intake import NewContact, NewEvent, record
from engine.store.segment_tables import segment_fills
from engine.store.tables import deliveries
from journeys.project import Buying, Data

END = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday, 00:00
BUYING = Data({}, {}, {}, buying=Buying("paid", "total"), visits=("seen",))


def test_every_week_counts_who_was_in_it_then_and_what_they_did(store: sa.Engine) -> None:
    chance = random.Random(4)
    ids = [f"c{n}" for n in range(30)]
    people(store, *(NewContact(id_) for id_ in ids))
    life = {id_: sorted(END - timedelta(hours=chance.randrange(1, 24 * 35)) for _ in range(chance.randrange(5)))
            for id_ in ids}  # fmt: skip
    first = {id_: chance.random() < 0.5 for id_ in ids}  # in it at the very beginning
    put(store, {id_: first[id_] ^ (len(life[id_]) % 2) for id_ in ids})
    moves = sorted((at, id_, first[id_] ^ (n % 2 == 0)) for id_, ats in life.items() for n, at in enumerate(ats))
    move(store, *((id_, "vip", entered, at) for at, id_, entered in moves))
    happened = [
        (
            chance.choice(ids),
            chance.choice(["paid", "seen", "unsubscribed"]),
            END - timedelta(hours=chance.randrange(1, 840)),
        )
        for _ in range(300)
    ]
    with writing(store) as conn:
        record(conn, [NewEvent(f"e{n}", id_, name, at, {"total": n} if name == "paid" else {})
                      for n, (id_, name, at) in enumerate(happened)], END)  # fmt: skip
        conn.execute(deliveries.insert(), [mail(f"d{n}", id_, END - n * DAY) for n, id_ in enumerate(ids)])
    with reading(store) as conn:
        found = weeks(conn, ("vip", 0), asked_of(BUYING, None), (END, UTC), 4)

    def inside(id_: str, at: datetime) -> bool:
        return bool(first[id_] ^ (sum(one < at for one in life[id_]) % 2))

    for week in found[:-1]:
        start = datetime.combine(week.monday, datetime.min.time(), UTC)
        end = start + 7 * DAY
        then = {id_ for id_ in ids if inside(id_, start)}
        did = [(id_, name, n) for n, (id_, name, at) in enumerate(happened) if start <= at < end and id_ in then]
        assert week.people == len(then)
        share = len(then) or 1
        assert week.retention.value == pytest.approx(sum(inside(id_, end) for id_ in then) / share)
        assert week.conversion.value == pytest.approx(len({i for i, name, _ in did if name == "paid"}) / share)
        assert week.engagement.value == pytest.approx(len({i for i, name, _ in did if name == "seen"}) / share)
        assert week.value is not None
        assert week.value.value == pytest.approx(sum(n for _, name, n in did if name == "paid") / share)
        sent = sum(start <= END - n * DAY < end and id_ in then for n, id_ in enumerate(ids))
        assert week.messages == pytest.approx(sent / share)
        left = len({i for i, name, _ in did if name == "unsubscribed"})
        assert week.unsubscribed is None or week.unsubscribed.value == pytest.approx(1000 * left / sent)
        assert not week.guessed
    assert found[-1].running
    with writing(store) as conn:
        filled = {"segment": "vip", "why": "edited", "members": 1, "entered": 1, "left": 0}
        conn.execute(segment_fills.insert().values(at=END - 10 * DAY, **filled))
    with reading(store) as conn:
        found = weeks(conn, ("vip", 0), asked_of(BUYING, None), (END, UTC), 4)
    assert [week.guessed for week in found] == [True, True, False, False]


def mail(key: str, id_: str, at: datetime) -> dict[str, object]:
    return {
        "key": key, "contact_id": id_, "journey": "trip", "state": "s", "message": "email/x", "channel": "email",
        "topic": "promo", "transactional": False, "counted": True, "decided": False, "request": {}, "status": "sent",
        "queued_at": at, "due_at": at, "sent_at": at, "attempt": 1, "fence": 1,
    }  # fmt: skip
