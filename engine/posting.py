"""Delivering: claim what is due, render it, hand it to its channel, write down what the world said.

Rules
- Three short transactions around the slow world: claim; intend with the answers so far; the last answers.
- A message that cannot be rendered ends as failed(render): nobody else waits for it.
- `owner` names one claim and is never used twice, so a worker that slept cannot write over its successor.
- The claim is renewed as long as its worker lives: a relay may take ten minutes for one answer.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import sqlalchemy as sa

from channels.channel import Channel, Envelope, Receipt, Unread, Withholding
from channels.errors import ChannelError, ChannelUnavailable
from channels.providers import provider_of
from channels.templates import Library
from engine import content
from engine.clock import Clock
from engine.content import Content
from engine.core.actions import ANSWER
from engine.letters import Letters, Made
from engine.pacing import Pacing, Place, Turns
from engine.pacing import write as write_turns
from engine.sent_log import SentLog
from engine.store import delivering, intake, restoring
from engine.store.connect import persist, writing
from engine.store.delivering import Delivery, Draft, Lease, Terms
from engine.store.pacing import Later, put_back

GROUP = 50
"""Most answers kept in memory before they are written: what a crash can put in doubt beyond what is on the wire."""

AGAIN = timedelta(minutes=1)
"""When a channel that does not answer, or is set up wrongly, is tried again."""


class Pace(Protocol):
    """What deliver needs of the engine's limits."""

    @property
    def messages(self) -> int: ...
    @property
    def lease(self) -> timedelta: ...


@dataclass(frozen=True, slots=True)
class Posted:
    """What one deliver did: messages claimed, and how they stand now, by status."""

    claimed: int = 0
    statuses: Mapping[str, int] = field(default_factory=dict)
    channels: Mapping[str, int] = field(default_factory=dict)  # sent, by channel
    troubles: tuple[str, ...] = ()  # channels that stopped, in the operator's words

    @property
    def sent(self) -> int:
        return self.statuses.get("sent", 0)

    def __add__(self, other: Posted) -> Posted:
        return Posted(
            self.claimed + other.claimed,
            Counter(self.statuses) + Counter(other.statuses),
            Counter(self.channels) + Counter(other.channels),
            tuple(dict.fromkeys((*self.troubles, *other.troubles))),
        )


@dataclass(slots=True)
class Post:
    """The channels with what they need to be used."""

    channels: Mapping[str, Channel]
    letters: Letters
    terms: Terms
    pacing: Pacing = field(default_factory=Pacing)
    skip_after: timedelta = timedelta(hours=24)
    content: Content | None = None  # what templates may ask for; None: nothing
    log: SentLog | None = None  # of what leaves this machine; None: nothing leaves it
    halted: str | None = None  # why nothing may be sent
    room: Callable[[], str | None] = lambda: None  # why what would be sent could not be written down
    restored: bool = False  # the store was restored: some of what it will queue has been sent
    _claims: Iterator[int] = field(default_factory=itertools.count)
    known: set[str] = field(default_factory=set)  # template versions whose links are in the store

    @property
    def library(self) -> Library:
        return self.letters.library

    def deliver(self, store: sa.Engine, clock: Clock, limits: Pace) -> Posted:
        """Send at most `limits.messages` per channel."""
        if stopped := self.halted or self.room():
            return Posted(troubles=(stopped,))
        now = clock.now()
        owner = f"{socket.gethostname()[:40]}-{os.getpid()}-{next(self._claims)}-{now.timestamp():.6f}"
        with writing(store) as conn:
            delivering.recover(conn, now, self.terms.resend)
            delivering.expire(conn, now)
            if self.restored:
                restoring.settle(conn)
            lease = Lease(owner, limits.lease)
            claimed = self._claimed(conn, now, lease, limits.messages)
            going = self._going(conn, claimed, lease, now) if claimed else []
        waiting = Posted(len(claimed) - len(going), Counter(queued=len(claimed) - len(going)))
        return waiting + _Batch(self, store, clock, lease, now).send(self.told(store, going, now)) if going else waiting

    def told(self, store: sa.Engine, going: Sequence[Delivery], now: datetime) -> Sequence[Delivery]:
        """Return the messages with what their templates ask to be told, where somebody reads them."""
        if self.content is None or not going or all(_unread(self.channels.get(one.channel)) for one in going):
            return going
        return self.content.told(store, going, self.library, now)

    def _claimed(self, conn: sa.Connection, now: datetime, lease: Lease, most: int) -> list[Delivery]:
        """Claim for the channels without a rate together, for each other one what its rate allows by now."""
        budgets = self.pacing.budgets(conn, now)
        free = [name for name in self.channels if name not in budgets]
        found = delivering.claim(conn, now, lease, free, most) if free else []
        for name, budget in budgets.items():
            if name in self.channels and budget:
                found += delivering.claim(conn, now, lease, [name], min(most, budget))
        return found

    def _going(self, conn: sa.Connection, claimed: list[Delivery], lease: Lease, now: datetime) -> list[Delivery]:
        """Put back what pace or a breaker lets not go yet; return the rest."""
        late = self.pacing.hold(conn, claimed, now)
        put_back(conn, lease.owner, late)
        waiting = {one.key for one in late}
        going = [one for one in claimed if one.key not in waiting] if late else claimed
        self.pacing.spend(conn, Counter(one.channel for one in going), now)
        return going

    def close(self) -> None:
        for channel in self.channels.values():
            channel.close()
        if self.letters.renderer:
            self.letters.renderer.close()
        if self.log:
            self.log.close()


def _unread(channel: Channel | None) -> bool:
    return isinstance(channel, Unread) and channel.unread()


@dataclass(slots=True)
class _Batch:
    """One claim on its way: what was rendered, and the answers that are not written yet."""

    post: Post
    store: sa.Engine
    clock: Clock
    lease: Lease
    renewed_at: datetime
    answers: list[Receipt] = field(default_factory=list)
    drafts: dict[str, Draft] = field(default_factory=dict)
    channel_of: dict[str, str] = field(default_factory=dict)
    place_of: dict[str, Place] = field(default_factory=dict)  # channel and provider, of mail
    statuses: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    calls: dict[str, Delivery] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        return self.lease.owner

    def send(self, claimed: Sequence[Delivery]) -> Posted:
        by_channel: dict[str, list[Envelope]] = {}
        unread = {
            name for name, channel in self.post.channels.items() if isinstance(channel, Unread) and channel.unread()
        }
        now = self.clock.now()
        self.channel_of.update((delivery.key, delivery.channel) for delivery in claimed)
        try:
            for delivery, made in self.post.letters.envelopes(claimed, now, unread):
                self._made(delivery, made, by_channel)
                self._intend(())  # a template may take its time, a hundred of them more than the claim lasts
        except ChannelError as error:
            self._give_back(error)
            return Posted(len(claimed), self.statuses, self.sent, (str(error),))
        self._remember(claimed, now)
        troubles = [said for name, some in by_channel.items() if (said := self._through(name, some))]
        self._write()
        return Posted(len(claimed), self.statuses, self.sent, tuple(troubles))

    def _made(self, delivery: Delivery, made: Made, by_channel: dict[str, list[Envelope]]) -> None:
        if isinstance(made, Receipt):
            self.answers.append(made)
            return
        envelope, draft = made
        if delivery.channel == delivering.WEBHOOK:
            self.calls[delivery.key] = delivery
        if draft is not None:
            self.drafts[delivery.key] = draft
        if provider := provider_of(envelope.to):
            self.place_of[delivery.key] = delivery.channel, provider
        by_channel.setdefault(delivery.channel, []).append(envelope)

    def _remember(self, claimed: Sequence[Delivery], now: datetime) -> None:
        """Note what was rendered, and the links of template versions that are new to this process."""
        if not self.drafts:
            return
        fresh = {key for key, draft in self.drafts.items() if draft.template not in self.post.known}
        new = {delivery.message for delivery in claimed if delivery.key in fresh}
        fresh_templates = [(message, self.post.library[message]) for message in sorted(new)]

        def write(conn: sa.Connection) -> None:
            delivering.prepare(conn, list(self.drafts.values()), self.owner)
            content.remember(conn, [one for one in claimed if one.key in self.drafts], now)
            for message, template in fresh_templates:
                last = max(template.static_links, default=0)
                links = [template.static_links.get(n) for n in range(last + 1)]
                delivering.remember_template(conn, template.version, message, links, now)

        persist(self.store, write)
        self.post.known.update(template.version for _, template in fresh_templates)

    def _through(self, name: str, envelopes: Sequence[Envelope]) -> str | None:
        """Send through one channel; a channel that stops gives back what it has not begun."""
        try:
            for receipt in self.post.channels[name].send(envelopes, self._intend):
                self.answers.append(receipt)
                if len(self.answers) >= GROUP or receipt.block:
                    self._write()
        except ChannelError as error:
            self._give_back(error)
            return str(error)
        return None

    def _give_back(self, error: ChannelError) -> None:
        """Put back what is still claimed; the ledger knows what was begun, and recovery settles that."""
        at = error.retry_at if isinstance(error, ChannelUnavailable) and error.retry_at else self.clock.now() + AGAIN
        self._write()
        self.statuses["queued"] += persist(self.store, lambda conn: delivering.release(conn, self.owner, at))

    def _intend(self, keys: Sequence[str]) -> frozenset[str]:
        """Write `sending`, with the answers that have come so far, in one commit; without keys only live on."""
        now = self.clock.now()
        stale = now - self.renewed_at > self.lease.span / 3
        if not keys and not stale:
            return frozenset()
        going = self._persist(now, keys, renew=stale)
        self.renewed_at = now if stale else self.renewed_at
        self.statuses["withheld"] += len(keys) - len(going)
        return going

    def _write(self) -> None:
        if self.answers:
            self._persist(self.clock.now())

    def _persist(self, now: datetime, keys: Sequence[str] = (), *, renew: bool = False) -> frozenset[str]:
        """Write what the world said, and forget it only when that is committed: the server may be begun anew meanwhile.

        `keys`: messages that are to go next; return those that may.
        """
        answers = list(self.answers)
        turns = self.post.pacing.heard([(self.place_of[r.key], r) for r in answers if r.key in self.place_of], now)
        waiting = self._stopped(turns)
        if self.post.log:
            self.post.log.add((r.key for r in answers if r.status == "sent"), now)

        def write(conn: sa.Connection) -> tuple[Mapping[str, int], frozenset[str]]:
            if renew:
                delivering.renew(conn, self.lease, now)
            counts = self._settle(conn, [turns.softened(r) for r in answers], now) if answers else {}
            write_turns(conn, turns)
            put_back(conn, self.owner, waiting)
            return counts, delivering.intend(conn, keys, self.owner, now) if keys else frozenset()

        counts, going = persist(self.store, write)
        self._withhold(waiting)
        del self.answers[: len(answers)]
        self.statuses.update(counts)
        self.sent.update(self.channel_of[r.key] for r in answers if r.status == "sent")
        return going

    def _stopped(self, turns: Turns) -> list[Later]:
        """Return the messages of this claim that wait for a breaker which opened now; those that have begun go on."""
        until = {(one.channel, one.provider): one.until for one in turns.opened}
        return [Later(key, until[place]) for key, place in self.place_of.items() if place in until] if until else []

    def _withhold(self, waiting: Sequence[Later]) -> None:
        """Tell the door, where it listens, not to ask for messages that went back to the queue."""
        for name in {self.channel_of[one.key] for one in waiting}:
            door = self.post.channels[name]
            if isinstance(door, Withholding):
                door.withhold(frozenset(one.key for one in waiting))

    def _settle(self, conn: sa.Connection, answers: Sequence[Receipt], now: datetime) -> Mapping[str, int]:
        counts = delivering.commit(conn, answers, self.owner, now, self.post.terms)
        if self.calls:
            _answered(conn, [(self.calls[r.key], r) for r in answers if r.key in self.calls], now)
        return counts


def _answered(conn: sa.Connection, answers: Sequence[tuple[Delivery, Receipt]], now: datetime) -> None:
    """Tell the journey what the webhook said: an event of its own, once the call has ended."""
    ended = [(d, r) for d, r in answers if r.status in ("sent", "failed") and d.request.get("save_as")]
    intake.record(conn, [_answer(d, r, now) for d, r in ended], now)


def _answer(delivery: Delivery, receipt: Receipt, now: datetime) -> intake.NewEvent:
    data: dict[str, Any] = {"key": delivery.key, "status": receipt.status, "body": _body(receipt.detail)}
    return intake.NewEvent(f"{delivery.key}:answer", delivery.contact_id, ANSWER, now, data, "webhook")


def _body(detail: str) -> Any:
    """Return what the webhook said after its status code: JSON as values, anything else as text."""
    _, _, said = detail.partition(" ")
    try:
        return json.loads(said)
    except ValueError:
        return said
