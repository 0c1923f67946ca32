"""A channel that keeps what it is given and sends nothing: for simulations, previews and tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from channels.channel import Envelope, Intend, Receipt


@dataclass(slots=True)
class CapturedChannel:
    """Answers "sent" to everything; `envelopes` holds the last ones, `count` how many there were."""

    name: str
    keep: int = 10_000
    count: int = 0
    envelopes: list[Envelope] = field(default_factory=list)

    def send(self, envelopes: Sequence[Envelope], intend: Intend) -> Iterator[Receipt]:
        going = intend([envelope.key for envelope in envelopes])
        for envelope in envelopes:
            if envelope.key not in going:
                yield Receipt(envelope.key, "withheld")
                continue
            self.count += 1
            self.envelopes.append(envelope)
            del self.envelopes[: -self.keep]
            yield Receipt(envelope.key, "sent")

    def close(self) -> None:
        """Nothing is open."""
