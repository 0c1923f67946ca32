"""Mail into a folder instead of the world: one .eml file per message, readable by any mail program."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from channels.channel import Envelope, Intend, Receipt
from channels.errors import ChannelMisconfigured

SAFE = re.compile(r"[^A-Za-z0-9_-]+")


class MaildirChannel:
    """Writes to `folder` as a Maildir: tmp first, then new. The same key again replaces its file.

    Files are named by microseconds since 1970, then the key; a simulation gives its own `clock`.
    """

    name = "maildir"

    def __init__(self, folder: Path, clock: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        self._folder = folder
        self._clock = clock
        self._places: dict[str, Path] | None = None

    def send(self, envelopes: Sequence[Envelope], intend: Intend) -> Iterator[Receipt]:
        """Write every message that may go."""
        places = self._ready()
        going = intend([envelope.key for envelope in envelopes])
        for envelope in envelopes:
            if envelope.key in going:
                yield self._write(envelope, places)
            else:
                yield Receipt(envelope.key, "withheld")

    def close(self) -> None:
        """Nothing is kept open."""

    def _ready(self) -> dict[str, Path]:
        """Make the folders, and learn once which keys are there."""
        if self._places is None:
            try:
                for part in ("tmp", "new", "cur"):
                    (self._folder / part).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                says = f"cannot write to {self._folder}: {error.strerror}; set channels.email.folder"
                raise ChannelMisconfigured(self.name, says) from None
            self._places = {p.name.split(".")[-2]: p for p in (self._folder / "new").glob("*.eml")}
        return self._places

    def _write(self, envelope: Envelope, places: dict[str, Path]) -> Receipt:
        mark = file_key(envelope.key)
        place = places.get(mark) or self._folder / "new" / f"{self._clock()}.{mark}.eml"
        draft = self._folder / "tmp" / place.name
        try:
            draft.write_bytes(envelope.body)
            draft.replace(place)
        except OSError as error:
            return Receipt(envelope.key, "deferred", detail=f"{place}: {error.strerror}")
        places[mark] = place
        return Receipt(envelope.key, "sent", detail=f"written to {place.name}", provider_id=place.name)


def file_key(key: str) -> str:
    """A key as part of a file name; what a file system may not hold is replaced, and a hash keeps keys apart."""
    plain = SAFE.sub("-", key)
    return plain if plain == key and len(key) <= 80 else f"{plain[:40]}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
