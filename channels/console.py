"""One line per message, on a stream: to see what would leave."""

from __future__ import annotations

import email
import email.policy
import sys
from collections.abc import Iterator, Sequence
from typing import TextIO

from channels.channel import Envelope, Intend, Receipt


class ConsoleChannel:
    """Prints key, address and subject."""

    def __init__(self, name: str = "console", stream: TextIO | None = None) -> None:
        self.name = name
        self._stream = stream

    def send(self, envelopes: Sequence[Envelope], intend: Intend) -> Iterator[Receipt]:
        """Print what may go."""
        going = intend([envelope.key for envelope in envelopes])
        for envelope in envelopes:
            if envelope.key not in going:
                yield Receipt(envelope.key, "withheld")
                continue
            line = f"{self.name}  {envelope.key}  {_short(envelope.to)}  {_subject(envelope.body)}"
            (self._stream or sys.stdout).write("".join(c if c.isprintable() else "?" for c in line) + "\n")
            yield Receipt(envelope.key, "sent", detail="printed")

    def close(self) -> None:
        """The stream is not ours."""


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def _subject(body: bytes) -> str:
    if body[:1] in {b"{", b"["}:
        return _short(body.decode("utf-8", "replace"))
    return str(email.message_from_bytes(body, policy=email.policy.default)["Subject"] or "")
