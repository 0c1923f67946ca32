"""Mail that came back: read, believed only where our own token stands in the return path, settled, counted.

Rules
- Without a token of ours nothing is believed: a forged bounce would take anybody off our lists. Those are counted.
- A mail is settled before it is put away, and putting it away twice does nothing: each report counts once per message.
- A mail that says nothing to us (an absence, an answer by a person) is counted and put away like any other; it is
  never deleted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

import sqlalchemy as sa

from channels.feedback import Heard, Mailbox, heard
from engine.store import reporting
from engine.store.connect import writing
from engine.store.reporting import Report, Rules
from engine.tokens import Tokens

BATCH = 200  # mails of one transaction
PURPOSES = {"b": "bounce", "u": "leave"}
SPEAKING = frozenset({"failed", "delayed", "delivered", "complained", "unsubscribed"})


@dataclass(frozen=True, slots=True)
class Intake:
    """What became of mails. `forged`: they speak as bounces or complaints and carry no token of ours; `repeated`: said
    before, or of a message that is not known any more.
    """

    mails: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Intake) -> Intake:
        return Intake(self.mails + other.mails, dict(Counter(self.counts) + Counter(other.counts)))

    def __str__(self) -> str:
        said = " · ".join(f"{what.replace('_', ' ')} {n:,}" for what, n in sorted(self.counts.items()))
        return f"{self.mails:,} mail{'' if self.mails == 1 else 's'} came back" + (f": {said}" if said else "")


@dataclass(frozen=True, slots=True)
class Mailroom:
    """Where mail that came back is settled."""

    store: sa.Engine
    tokens: Tokens
    rules: Rules
    now: Callable[[], datetime]

    def take(self, mails: Iterable[bytes]) -> Intake:
        """Settle mails, BATCH in a transaction."""
        found, rest = Intake(), iter(mails)
        while batch := list(islice(rest, BATCH)):
            found = found + self._batch(batch)
        return found

    def _batch(self, mails: Sequence[bytes]) -> Intake:
        said = [heard(raw) for raw in mails]
        named = [(one, self._key(one)) for one in said]
        reports = list(dict.fromkeys(_report(one, key) for one, key in named if key and one.what in SPEAKING))
        now = self.now()
        with writing(self.store) as conn:
            settled = dict(reporting.settle(conn, reports, self.rules, now))
            counts = Counter(settled) + Counter(_unbelieved(named))
            speaking = sum(one.what in SPEAKING for one in said)
            counts["repeated"] = speaking - counts["forged"] - sum(n for w, n in settled.items() if w != "rests")
            reporting.count(conn, counts, now)
        return Intake(len(mails), {what: n for what, n in counts.items() if n})

    def _key(self, one: Heard) -> str | None:
        """Return the send key of the first mailbox that is really ours."""
        return next((key for box in one.mailboxes if (key := self._read(box))), None)

    def _read(self, box: Mailbox) -> str | None:
        return self.tokens.read_mailbox(PURPOSES[box.purpose], box.token)


def _report(one: Heard, key: str) -> Report:
    return Report(key, one.what, one.kind, one.status, one.detail)


def _unbelieved(named: Sequence[tuple[Heard, str | None]]) -> Iterator[str]:
    for one, key in named:
        if one.what not in SPEAKING:
            yield one.what
        elif key is None:
            yield "forged"
