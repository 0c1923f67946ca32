"""Who is the same person: which contact each call is about, and which contacts turn out to be one. Pure.

Rules
- A user id is a person who is known; a browser or an app that nobody has signed in to is an anonymous one.
- An anonymous person becomes the known one when a call names both (`identify`, `alias`). What they did goes along.
- Two known people are never made one here: who shares a tablet is not the same person. They are proposed.
- Of an anonymous id that several people used, the first keeps what is done without a user id.
- Whom somebody has taken apart by hand is only proposed again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

Key = tuple[str, str]
"""(kind, value): ("user", "42"), ("anonymous", "f3a1...")."""

ANONYMOUS = "anon:"


@dataclass(frozen=True, slots=True)
class Who:
    """Whom a call names. `joins`: it says that its ids are one person's; `previous` is what they were called before."""

    user: str | None = None
    anonymous: str | None = None
    previous: str | None = None
    joins: bool = False

    @property
    def keys(self) -> list[Key]:
        """Return the identities that this call makes, where they are not there."""
        said = [("user", self.user), ("anonymous", self.anonymous), ("anonymous", self.previous)]
        return [(kind, value) for kind, value in said if value]

    @property
    def key(self) -> Key:
        """Return whom the call is about: the user where one is named."""
        return ("user", self.user) if self.user else ("anonymous", self.anonymous or "")


@dataclass(frozen=True, slots=True)
class Join:
    """`gone` is the same person as `kept`."""

    kept: str
    gone: str
    why: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Two known contacts that may be one person."""

    contact_id: str
    other: str
    why: str
    source: str = ""


def proposal(one: str, other: str, why: str, source: str) -> Proposal:
    """Return the proposal, whichever of the two is named first."""
    return Proposal(min(one, other), max(one, other), why, source)


@dataclass(slots=True)
class Assigned:
    """`contacts`: whom each call is about, in the order of the calls."""

    contacts: list[str] = field(default_factory=list)
    joins: list[Join] = field(default_factory=list)
    proposals: list[Proposal] = field(default_factory=list)


def is_anonymous(contact_id: str) -> bool:
    return contact_id.startswith(ANONYMOUS)


def contact_of(key: Key) -> str:
    """Return the id of the contact that an identity makes: a user's own id, "anon:" and the anonymous one."""
    kind, value = key
    return value if kind == "user" else f"{ANONYMOUS}{value}"


def assign(
    calls: Sequence[tuple[Who, str]], owners: Mapping[Key, str], apart: Collection[tuple[str, str]] = ()
) -> Assigned:
    """Return whom each call (who, source) is about, and who becomes one with whom.

    `owners` has every identity of the calls, and known users called like a `previous`; `apart` are pairs (kept, gone)
    that somebody has taken apart.
    """
    found, same = Assigned(), dict[str, str]()
    for who, source in calls:
        if not who.joins or not who.user:
            continue
        kept = owners["user", who.user]
        for key in _others(who, owners):
            gone = same.get(owners[key], owners[key])
            if gone == kept:
                continue
            if is_anonymous(gone) and (kept, gone) not in apart:
                same[gone] = kept
                found.joins.append(Join(kept, gone, "alias" if who.previous else "identify", source))
            else:
                found.proposals.append(proposal(kept, gone, f"{' '.join(key)} was used by both", source))
    found.contacts = [same.get(owners[who.key], owners[who.key]) for who, _ in calls]
    return found


def _others(who: Who, owners: Mapping[Key, str]) -> list[Key]:
    """Return the identities that a call says are its user's too."""
    keys: list[Key] = []
    if who.anonymous:
        keys.append(("anonymous", who.anonymous))
    if who.previous:
        known = ("user", who.previous)
        keys.append(known if known in owners else ("anonymous", who.previous))
    return keys
