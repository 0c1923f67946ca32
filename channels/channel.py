"""The values at the world's doors, and the one thing a channel can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol, runtime_checkable

Kind = Literal["", "hard", "soft", "policy", "content", "gone", "config", "render"]
Block = Literal["", "maybe", "sure"]
"""Whether it is us who were refused, so that the next message to the same provider would fare alike."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One rendered message, ready for its channel.

    For e-mail `body` is the whole MIME message as bytes and `sender` the envelope sender (MAIL FROM); for push it is
    the JSON payload; for a webhook the JSON body. `to` is the address: a mailbox, a subscription JSON, a URL.
    """

    key: str
    to: str
    body: bytes
    sender: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)  # push: ttl, topic, urgency; webhook: HTTP headers
    timeout: float = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the world answered at once (reliability.md 2.3, 2.4).

    sent: accepted. deferred: refused for now, safe to try again (at `retry_at`, or after `retry_in`, when the world
    said so).
    failed: refused for good; `kind` says what that means for the address. unknown: in doubt, it may have arrived.
    withheld: `intend` said no, nothing was sent.
    """

    key: str
    status: Literal["sent", "deferred", "failed", "unknown", "withheld"]
    kind: Kind = ""
    detail: str = ""
    provider_id: str = ""
    retry_at: datetime | None = None
    retry_in: timedelta | None = None
    block: Block = ""


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a channel hears later. Names: delivered, clicked, opened, bounced, complained, unsubscribed, replied."""

    key: str
    name: str
    at: datetime
    detail: Mapping[str, object] = field(default_factory=dict)


Intend = Callable[[Sequence[str]], frozenset[str]]
"""Write `sending` for these keys in one commit; return the keys that may go (the others were withdrawn).

Asked with no keys, now and then during a long wait, it only keeps the claim alive.
"""


class Channel(Protocol):
    """A door. `send` calls `intend` after the world has accepted the address and before the message itself goes
    (SMTP: after RCPT, before DATA), and yields exactly one receipt per envelope, as the answers come.

    It never raises for one message; ChannelUnavailable/ChannelMisconfigured before the first yield stop the batch.
    """

    name: str

    def send(self, envelopes: Sequence[Envelope], intend: Intend) -> Iterator[Receipt]: ...
    def close(self) -> None: ...


@runtime_checkable
class Unread(Protocol):
    """A door of a simulation where nobody reads what is handed over: it says when a body need not be written."""

    def unread(self) -> bool: ...


@runtime_checkable
class Withholding(Protocol):
    """A door that can be told, in the middle of a batch, not to begin these messages: each is `withheld`."""

    def withhold(self, keys: frozenset[str]) -> None: ...
