"""Taking in what was said: who it is about, what happened, what is true of them now; all in one transaction.

Rules
- The order of locks: identities, companies, alarms, contacts, each in the order of its keys. Ticks and imports take
  alarms before contacts as well, so nobody waits in a circle.
- What was taken in before (the same source and message) changes nothing any more.
- A fixed number of statements for any number of calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from engine.audience.identity import Assigned, Key, Proposal, assign, contact_of, is_anonymous, proposal
from engine.intake.calls import EMAIL, Call
from engine.store.alarms import ring
from engine.store.companies import Belongs, Firms, claim_companies, join_companies
from engine.store.consenting import Digest
from engine.store.forgetting import forgotten
from engine.store.identities import claim_identities, propose, taken_apart
from engine.store.intake import NewEvent, keep
from engine.store.merging import merge
from engine.store.people import NewContact, add_contacts
from engine.store.problems import Trouble, note_problems
from engine.store.profiles import Trust, Word, believe
from engine.store.sets import one_of
from engine.store.tables import addresses
from journeys.project import Data, Project

FORGOTTEN = "is about somebody who asked to be forgotten; nothing of it was kept"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a project says about intake: which events and attributes there are, who is believed, what is too old."""

    data: Data
    trust: Trust
    digest: Digest
    skip_after: timedelta | None = None

    @classmethod
    def of(cls, project: Project, digest: Digest) -> Terms:
        return cls(project.data, Trust.of(project.data), digest, project.limits.skip_after)


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of it: `accepted` are new, `duplicates` were known; `merged` contacts became others."""

    accepted: int = 0
    duplicates: int = 0
    refused: int = 0
    merged: int = 0


def take(conn: sa.Connection, said: Sequence[Call | Trouble], terms: Terms, now: datetime) -> Taken:
    """Take in calls, and note those that were refused."""
    calls, refused = _remembered(conn, said, terms.digest)
    note_problems(conn, [*refused, *(trouble for call in calls for trouble in call.troubles)], now)
    if not calls:
        return Taken(refused=len(refused))
    assigned, firms = _claimed(conn, calls, now)
    recorded = keep(conn, _events(calls, assigned), now, terms.skip_after, create=True)
    merged = merge(conn, assigned.joins, terms.trust, now)
    fresh = [(call, id_) for call, id_ in zip(calls, assigned.contacts, strict=True) if call.id in recorded.ids]
    _believe(conn, fresh, terms, now)
    belongs = [Belongs(id_, call.company, call.firm, call.at) for call, id_ in fresh if call.company is not None]
    join_companies(conn, firms, belongs, terms.trust, now)
    propose(conn, [*assigned.proposals, *_reachable(conn, fresh, terms, now)], now)
    return Taken(recorded.accepted, recorded.duplicates, len(refused), len(merged))


def _remembered(
    conn: sa.Connection, said: Sequence[Call | Trouble], digest: Digest
) -> tuple[list[Call], list[Trouble]]:
    """Return the calls that are taken, and what is refused: nothing is kept of people who asked to be forgotten."""
    calls = [one for one in said if isinstance(one, Call)]
    named = {call.id: {contact_of(key): call.email for key in call.who.keys} for call in calls}
    people: dict[str, dict[str, str]] = {}
    for ids in named.values():
        people.update({id_: {EMAIL: email} if email else people.get(id_, {}) for id_, email in ids.items()})
    gone = forgotten(conn, people, digest)
    lost = {call.id for call in calls if gone & named[call.id].keys()}
    refused = [one for one in said if isinstance(one, Trouble)]
    refused += [Trouble(call.source, "", FORGOTTEN) for call in calls if call.id in lost]
    return [call for call in calls if call.id not in lost], refused


def _claimed(conn: sa.Connection, calls: Sequence[Call], now: datetime) -> tuple[Assigned, Firms]:
    """Lock whom these calls are about, and say who they are."""
    keys = {key for call in calls for key in call.who.keys}
    also: set[Key] = {("user", call.who.previous) for call in calls if call.who.previous}
    owners = claim_identities(conn, keys, also, now, calls[0].source)
    firms = claim_companies(conn, [(call.company, call.firm) for call in calls if call.company is not None], now)
    joining = any(call.who.joins for call in calls)
    apart = taken_apart(conn, [id_ for id_ in owners.values() if is_anonymous(id_)]) if joining else set()
    assigned = assign([(call.who, call.source) for call in calls], owners, apart)
    ring(conn, {*assigned.contacts, *(join.gone for join in assigned.joins), *firms.people}, now)
    return assigned, firms


def _events(calls: Sequence[Call], assigned: Assigned) -> list[NewEvent]:
    return [
        NewEvent(call.id, id_, call.name, call.at, call.data, call.source[:64])
        for call, id_ in zip(calls, assigned.contacts, strict=True)
    ]


def _believe(conn: sa.Connection, fresh: Iterable[tuple[Call, str]], terms: Terms, now: datetime) -> None:
    words = [Word(id_, name, call.source, value, call.at) for call, id_ in fresh for name, value in call.traits.items()]
    believe(conn, words, terms.trust, now)


def _reachable(conn: sa.Connection, fresh: Sequence[tuple[Call, str]], terms: Terms, now: datetime) -> list[Proposal]:
    """Give people the mailboxes that they said; propose that whoever has the same one is the same person."""
    said = {id_: call for call, id_ in fresh if call.email is not None}
    if not said:
        return []
    people = [NewContact(id_, {}, {EMAIL: call.email or ""}) for id_, call in said.items()]
    add_contacts(conn, people, now, terms.digest)
    a = addresses.c
    query = sa.select(a.contact_id, a.address).where(a.channel == EMAIL, one_of(a.address, _mailboxes(said.values())))
    whose: dict[str, set[str]] = {}
    for id_, mailbox in conn.execute(query):
        whose.setdefault(mailbox, set()).add(id_)
    return [
        proposal(id_, other, "both have the same e-mail address", call.source)
        for id_, call in said.items()
        for other in sorted(whose.get(call.email or "", set()) - {id_})
        if not is_anonymous(id_) and not is_anonymous(other)
    ]


def _mailboxes(calls: Iterable[Call]) -> list[str]:
    return sorted({call.email for call in calls if call.email is not None})
