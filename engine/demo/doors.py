"""The demo's channels: they note what was handed over, and from a given day on write the mails to a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from channels.channel import Channel, Envelope, Intend, Receipt
from engine.clock import Clock


@dataclass(slots=True)
class Noted:
    """A door that says "sent" to everything and keeps the keys until somebody asks."""

    name: str
    clock: Clock
    folder: Channel | None = None  # gets the messages from `kept_from` on
    kept_from: datetime | None = None
    kept: int = 0
    keys: list[str] = field(default_factory=list)

    def send(self, envelopes: Sequence[Envelope], intend: Intend) -> Iterator[Receipt]:
        for receipt in self._sent(envelopes, intend):
            if receipt.status == "sent":
                self.keys.append(receipt.key)
            yield receipt

    def _sent(self, envelopes: Sequence[Envelope], intend: Intend) -> Iterator[Receipt]:
        if self.folder is not None and not self.unread():
            for receipt in self.folder.send(envelopes, intend):
                self.kept += receipt.status == "sent"
                yield receipt
            return
        going = intend([envelope.key for envelope in envelopes])
        for envelope in envelopes:
            yield Receipt(envelope.key, "sent" if envelope.key in going else "withheld")

    def unread(self) -> bool:
        """Return whether the messages of now are only counted."""
        return self.folder is None or self.kept_from is None or self.clock.now() < self.kept_from

    def taken(self) -> list[str]:
        """Return the keys of messages handed over since the last call."""
        taken, self.keys = self.keys, []
        return taken

    def close(self) -> None:
        if self.folder is not None:
            self.folder.close()
