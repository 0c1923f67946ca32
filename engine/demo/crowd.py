"""The invented people before the engine: what they do is fed in when the shop hears of it, what they get they answer.

Rules
- The engine is told what happened and never what is true; the world is told what was sent and never why.
- Whoever leaves or complains, and an address that bounces, takes the same way as on the web pages.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from engine.demo.doors import Noted
from engine.simulate import STEP, Virtual
from engine.store.answering import Sent as Said
from engine.store.connect import reading, writing
from engine.store.intake import NewEvent, record
from engine.store.leaving import BOUNCED, COMPLAINED, UNSUBSCRIBED, No, take_no
from engine.store.people import NewContact, add_contacts
from engine.store.sets import any_of
from engine.store.tables import deliveries
from engine.world import Happening, Sent, World

Coming = tuple[datetime, str, int, Happening]
"""When, which, a number that keeps them apart, and what."""

NOES = frozenset({UNSUBSCRIBED, COMPLAINED, BOUNCED})

d = deliveries.c
_HANDED = (
    sa.select(d.key, d.contact_id, d.message, d.channel, d.sent_at, d.journey, d.state, d.topic)
    .where(any_of(d.key, "keys"))
    .order_by(d.key)
)


@dataclass(frozen=True, slots=True)
class Memory:
    """Topics of messages by key, and when each person was written to."""

    topics: dict[str, str]
    heard: dict[int, list[datetime]]


@dataclass(slots=True)
class Crowd:
    """The people of a world, living with an engine; of `parts`, those of one. `learn` False: nobody learns yet."""

    world: World
    virtual: Virtual
    doors: Sequence[Noted]
    part: int = 0
    parts: int = 1
    learn: bool = False
    coming: list[Coming] = field(default_factory=list)
    _count: int = 0
    _topics: dict[str, str] = field(default_factory=dict)

    @property
    def memory(self) -> Memory:
        return Memory(self._topics, self.world.heard)

    def recall(self, coming: Sequence[Coming], memory: Memory) -> None:
        """Go on where others have stopped."""
        self.coming = [(at, id_, n, h) for n, (at, id_, _, h) in enumerate(coming)]
        heapq.heapify(self.coming)
        self._count = len(self.coming)
        self._topics.update(memory.topics)
        self.world.recall(memory.heard)

    def _mine(self, contact_id: str) -> bool:
        return self.parts == 1 or self.world.people.index(contact_id) % self.parts == self.part

    def move_in(self) -> None:
        """Add everybody with what they ordered in the year before."""
        now, people = self.virtual.clock.now(), self.world.people.all
        store, digest = self.virtual.engine.store, self.virtual.engine.post.terms.digest
        new = [NewContact(p.id, p.attributes, p.addresses, p.consents, "demo") for p in people if self._mine(p.id)]
        orders = [_event(h) for h in self.world.earlier_orders() if self._mine(h.contact_id)]
        with writing(store) as conn:
            add_contacts(conn, new, now, digest)
            record(conn, orders, now, self.virtual.engine.post.skip_after)

    def live(self, until: datetime, after: Callable[[datetime], None] | None = None) -> None:
        """Go on in steps of STEP until `until`; `after` is told each step."""
        now = self.virtual.clock.now()
        while now < until:
            then = min(now + STEP, until)
            self.virtual.clock.jump(then)
            self._feed(self._due(now, then))
            self.virtual.act(learn=self.learn)
            self._answer()
            if after is not None:
                after(then)
            now = then

    def _due(self, since: datetime, until: datetime) -> list[Happening]:
        """Return what the shop hears of in [since, until), in the order of hearing."""
        found = [h for h in self.world.happenings(since, until) if self._mine(h.contact_id)]
        while self.coming and self.coming[0][0] < until:
            found.append(heapq.heappop(self.coming)[-1])
        return sorted(found, key=lambda h: (h.heard_at, h.id))

    def _feed(self, due: Sequence[Happening]) -> None:
        if not due:
            return
        engine, now = self.virtual.engine, self.virtual.clock.now()
        with writing(engine.store) as conn:
            record(conn, [_event(h) for h in due if h.name not in NOES], now, engine.post.skip_after)
            noes = [self._no(h) for h in due if h.name in NOES]
            if noes:
                take_no(conn, noes, engine.post.terms.digest, now, engine.post.skip_after)

    def _no(self, h: Happening) -> No:
        said = h.data
        topic = self._topics[h.key]
        message = Said(h.key, h.contact_id, said["message"], said["journey"], said["state"], topic, "sent", None)
        return No(message, h.name, h.at, topic if h.name == UNSUBSCRIBED else "")

    def _answer(self) -> None:
        """Let the people react to what was handed over since the last time."""
        keys = [key for door in self.doors for key in door.taken()]
        if not keys:
            return
        with reading(self.virtual.engine.store) as conn:
            rows = conn.execute(_HANDED, {"keys": keys}).all()
        self._topics.update((row.key, row.topic) for row in rows)
        for h in self.world.reactions(Sent(*row[:7]) for row in rows):
            self._count += 1
            heapq.heappush(self.coming, (h.heard_at, h.id, self._count, h))


def _event(h: Happening) -> NewEvent:
    return NewEvent(h.id, h.contact_id, h.name, h.at, h.data, "demo")
