"""A door to nowhere: keeps what it is handed, or only counts it. For simulation and tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from channels.channel import Envelope, Intend, Receipt


class CapturedChannel:
    """Accepts everything that may go."""

    def __init__(self, name: str = "captured", *, keep: bool = True) -> None:
        self.name = name
        self.count = 0
        self.envelopes: list[Envelope] = []
        self._keep = keep

    def send(self, envelopes: Sequence[Envelope], intend: Intend) -> Iterator[Receipt]:
        """Keep what may go."""
        going = intend([envelope.key for envelope in envelopes])
        for envelope in envelopes:
            if envelope.key not in going:
                yield Receipt(envelope.key, "withheld")
                continue
            self.count += 1
            if self._keep:
                self.envelopes.append(envelope)
            yield Receipt(envelope.key, "sent", detail="captured")

    def close(self) -> None:
        """Nothing is kept open."""
