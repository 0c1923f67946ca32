"""A few people in a segment, without an engine: what is handed out reads standings, consents and addresses alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from channels.channel import Envelope, Intend, Receipt
from engine.store.connect import writing
from engine.store.intake import NewContact, add_contacts
from engine.store.segment_tables import segment_moves, segment_numbers, standings

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def digest(channel: str, address: str) -> str:
    return f"#{sum(map(ord, channel + address.strip().lower()))}"


def people(store: sa.Engine, *given: NewContact, segments: Sequence[str] = ("vip",)) -> None:
    with writing(store) as conn:
        add_contacts(conn, list(given), NOW, digest)
        conn.execute(segment_numbers.insert(), [
            {"name": name, "number": place, "version": "1", "source": "x", "made_at": NOW - 90 * DAY, "filled_at": NOW}
            for place, name in enumerate(segments)
        ])  # fmt: skip


def put(store: sa.Engine, bits: dict[str, int]) -> None:
    """Let these people stand in the segments of these bits."""
    with writing(store) as conn:
        conn.execute(standings.delete().where(standings.c.contact_id.in_(list(bits))))
        conn.execute(standings.insert(), [{"contact_id": id_, "block": 0, "bits": b} for id_, b in bits.items()])


def move(store: sa.Engine, *moves: tuple[str, str, bool, datetime]) -> None:
    with writing(store) as conn:
        conn.execute(segment_moves.insert(), [
            {"contact_id": id_, "segment": segment, "entered": entered, "at": at, "why": "paid"}
            for id_, segment, entered, at in moves
        ])  # fmt: skip


class Door:
    """A webhook door that keeps what it was given; `answers` are taken from the front, then all is taken."""

    name = "webhook"

    def __init__(self, *answers: Any) -> None:
        self.answers, self.heard = list(answers), list[Envelope]()

    def send(self, envelopes: Sequence[Envelope], intend: Intend) -> Iterator[Receipt]:
        for one in envelopes:
            assert one.key in intend([one.key])
            self.heard.append(one)
            answer = self.answers.pop(0) if self.answers else "sent"
            if isinstance(answer, BaseException):
                raise answer
            yield answer(one.key) if callable(answer) else Receipt(one.key, answer)

    def close(self) -> None:
        """Nothing is open."""
