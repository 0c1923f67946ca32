"""What people allow and what they do not: the ledger of consents, what it adds up to, and the suppression list."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from engine.store.alarms import hold
from engine.store.campaign_tables import audiences, reservations
from engine.store.law_tables import opens
from engine.store.membership import look_again
from engine.store.sets import insert_missing, one_of
from engine.store.tables import addresses, consents, contacts, suppressions
from engine.store.value_tables import traits

Digest = Callable[[str, str], str]
"""(channel, address) -> keyed hash of the normalised address."""


PENDING = "pending"
PROFILING, ADS, TRACKING = "profiling", "ads", "tracking"
_SEEN = ("", TRACKING)
PURPOSES = (PROFILING, ADS, TRACKING)
"""Topics that are no mailing: what is worked out about a person, who else learns of them, whether opens are noted.

Profiling is allowed until somebody says no, and that is the word "-profiling"; the others need a grant.
"""


@dataclass(frozen=True, slots=True)
class ConsentChange:
    """topic "" = every topic, channel "" = every channel. `pending`: a wish that nobody has confirmed yet.

    `text` is the sha256 of the words that were agreed to, `proof` how we know, `ip` where it was said, if kept.
    """

    contact_id: str
    topic: str
    channel: str
    granted: bool
    source: str
    text: str = ""
    proof: str = ""
    ip: str = ""
    pending: bool = False

    @property
    def state(self) -> str:
        return PENDING if self.pending else "granted" if self.granted else "withdrawn"


@dataclass(frozen=True, slots=True)
class Suppression:
    channel: str
    address: str
    reason: str  # hard, complaint, gone, manual


def change_consents(conn: sa.Connection, changes: Sequence[ConsentChange], now: datetime) -> tuple[str, ...]:
    """Write the ledger and what it adds up to; return the ids of contacts that do not exist."""
    ids = {change.contact_id for change in changes}
    hold(conn, ids)
    query = sa.select(contacts.c.id, contacts.c.consents).where(one_of(contacts.c.id, ids)).with_for_update()
    before: dict[str, str] = {row[0]: row[1] for row in conn.execute(query)}
    words = {contact_id: set(said.split()) for contact_id, said in before.items()}
    known = [change for change in changes if change.contact_id in words]
    for change in known:
        _apply(words[change.contact_id], change)
    _write_ledger(conn, known, now)
    after = {contact_id: " ".join(sorted(said)) for contact_id, said in words.items()}
    _write_words(conn, {id_: said for id_, said in after.items() if said != before[id_]}, now)
    unprofiled = [change.contact_id for change in known if change.topic == PROFILING and not change.granted]
    if unprofiled:  # what was worked out about them goes with their consent
        conn.execute(sa.delete(traits).where(one_of(traits.c.contact_id, unprofiled)))
        conn.execute(sa.delete(reservations).where(one_of(reservations.c.contact_id, unprofiled)))
        conn.execute(sa.update(audiences).where(one_of(audiences.c.contact_id, unprofiled)).values(reasons=[]))
        look_again(conn, unprofiled, now)
    untracked = [c.contact_id for c in known if not c.granted and not c.pending and not c.channel and c.topic in _SEEN]
    if untracked:
        conn.execute(sa.delete(opens).where(one_of(opens.c.contact_id, untracked)))
    return tuple(sorted(ids.difference(words)))


def _apply(words: set[str], change: ConsentChange) -> None:
    """A topic's word is its grant; "topic-channel", "-channel" and "-profiling" are opt-outs."""
    if change.pending:
        return
    if change.topic == PROFILING:
        (words.discard if change.granted else words.add)(f"-{PROFILING}")
        return
    if not change.topic and not change.channel:
        if not change.granted:
            words.difference_update([word for word in words if "-" not in word])
        return
    word = f"{change.topic}-{change.channel}" if change.channel else change.topic
    if change.granted != bool(change.channel):
        words.add(word)
    else:
        words.discard(word)


def may_profile(words: Collection[str]) -> bool:
    """Return whether interests, value and the like may be worked out about somebody with these words."""
    return f"-{PROFILING}" not in words


def may_advertise(words: Collection[str]) -> bool:
    """Return whether somebody with these words may be named to an ad platform, even as a hash."""
    return ADS in words


def may_track(words: Collection[str]) -> bool:
    """Return whether it may be noted when somebody with these words opens a message."""
    return TRACKING in words


def summed(changes: Sequence[ConsentChange]) -> frozenset[str]:
    """Return what these changes, oldest first, add up to: the words of model.Contact.consents."""
    words: set[str] = set()
    for change in changes:
        _apply(words, change)
    return frozenset(words)


def _write_ledger(conn: sa.Connection, changes: Sequence[ConsentChange], now: datetime) -> None:
    rows = [
        {"contact_id": c.contact_id, "topic": c.topic, "channel": c.channel, "granted": c.granted and not c.pending,
         "source": c.source[:200], "at": now, "state": c.state, "text": c.text or None, "ip": c.ip or None,
         "proof": c.proof[:200] or None}
        for c in changes
    ]  # fmt: skip
    if rows:
        conn.execute(consents.insert(), rows)


def _write_words(conn: sa.Connection, words: Mapping[str, str], now: datetime) -> None:
    if words:
        update = contacts.update().where(contacts.c.id == sa.bindparam("contact_id"))
        rows = [{"contact_id": contact_id, "consents": said, "updated_at": now} for contact_id, said in words.items()]
        conn.execute(update, rows)


def suppress(conn: sa.Connection, entries: Sequence[Suppression], digest: Digest, now: datetime) -> None:
    """Never use these addresses again, whoever has them now or brings them back later; the first reason stays."""
    insert_missing(
        conn,
        suppressions,
        [
            {
                "digest": digest(entry.channel, entry.address),
                "channel": entry.channel,
                "reason": entry.reason,
                "at": now,
            }
            for entry in entries
        ],
    )
    rows = [
        {"on": entry.channel, "to": entry.address, "suppressed": entry.reason, "suppressed_at": now}
        for entry in entries
    ]
    if rows:
        same = (addresses.c.channel == sa.bindparam("on")) & (addresses.c.address == sa.bindparam("to"))
        conn.execute(addresses.update().where(same & addresses.c.suppressed.is_(None)), rows)
