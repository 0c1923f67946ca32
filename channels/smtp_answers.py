"""What a server's words mean for the message and for the address (a table, in code)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from channels.channel import Receipt

Kind = Literal["", "hard", "soft", "policy", "content", "gone", "config", "render"]
Stage = Literal["mail", "rcpt", "data", "dot"]
ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
NO_SUCH_MAILBOX = re.compile(
    r"(?:user|mailbox|recipient|address|account)\b.{0,40}\b(?:unknown|not found|does not exist|no longer|disabled)"
    r"|(?:unknown|no such|invalid|inactive) (?:user|mailbox|recipient|address|account)",
    re.IGNORECASE,
)
TRY_AGAIN = re.compile(r"(?:in|after|for)\s+(\d{1,5})\s*(s|sec|m|min|h|hour)", re.IGNORECASE)
HARD = frozenset({"1.1", "1.2", "1.3", "1.6", "1.10", "2.1"})
FULL = frozenset({"2.2"})
TOO_LARGE = frozenset({"2.3", "3.4"})
AUTH_CODES = frozenset({530, 534, 535, 538})


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of a server."""

    code: int
    text: str

    @property
    def enhanced(self) -> str:
        """The last two parts of the enhanced status code: "1.1" of 5.1.1."""
        found = ENHANCED.search(self.text)
        return f"{found[2]}.{found[3]}" if found else ""

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


def receipt(key: str, stage: Stage, reply: Reply) -> Receipt:
    """Judge an answer; a server that answered has decided, so nothing here is in doubt."""
    if reply.code < 400:
        return Receipt(key, "sent", detail=str(reply))
    if reply.code in AUTH_CODES:
        return Receipt(key, "deferred", "config", str(reply))
    if reply.code < 500:
        soft: Kind = "soft" if reply.enhanced in FULL else ""
        return Receipt(key, "deferred", soft, str(reply), retry_at=_retry_at(reply.text))
    return Receipt(key, "failed", _kind(stage, reply), str(reply))


def _kind(stage: Stage, reply: Reply) -> Kind:
    enhanced = reply.enhanced
    if enhanced.startswith("7."):
        return "policy"  # our reputation or signature: never the person's fault
    if enhanced in HARD or (stage == "dot" and enhanced.startswith("1.")):
        return "hard"
    if enhanced in FULL or (stage == "rcpt" and reply.code == 552):
        return "soft"
    if stage == "mail":
        return "policy"
    if stage in {"data", "dot"} or enhanced in TOO_LARGE:
        return "content"
    return "hard" if not enhanced and NO_SUCH_MAILBOX.search(reply.text) else "soft"


def _retry_at(text: str) -> datetime | None:
    found = TRY_AGAIN.search(text)
    if found is None:
        return None
    unit = {"s": "seconds", "m": "minutes", "h": "hours"}[found[2][0].lower()]
    return datetime.now(UTC) + timedelta(**{unit: int(found[1])})
