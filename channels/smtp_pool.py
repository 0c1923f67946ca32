"""The kept connections to one relay, and how many of them there are.

Rules
- As many as keep the sender busy: what the relay takes for a message against what we do for one. A near relay needs
  few, a far one all that the settings allow. Some are kept in any case, because ready lines share one commit of intent.
- A relay that refuses one more is believed: the limit falls to what it has let in, and rises again by one a minute.
- Lines that are no longer needed are closed between batches.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from channels.errors import ChannelError
from channels.smtp_line import Line, SmtpSettings, open_line

START = 16  # lines in any case, if the settings allow: with four a commit of intent is shared by three messages
LEAST = 8  # messages after which the measured times count
WEIGHT = 0.1  # of a new measurement in the running mean
PARDON = 60.0  # seconds after which a relay that refused a line may be asked for one more


class Pool:
    """Lines that are open or on their way."""

    def __init__(self, settings: SmtpSettings) -> None:
        self.settings = settings
        self.lines: list[Line] = []
        self._opener = ThreadPoolExecutor(settings.connections, thread_name_prefix=f"{settings.name}-open")
        self._opening: set[Future[Line]] = set()
        self._ceiling = settings.connections
        self._refused_at = 0.0
        self._messages = 0
        self.reply_seconds = 0.0  # that the relay takes for a message, running mean over all lines
        self.own_seconds = 0.0  # that we take for one

    @property
    def opening(self) -> int:
        return len(self._opening)

    @property
    def most(self) -> int:
        """Return how many lines the relay lets us have now."""
        if self._ceiling < self.settings.connections and time.monotonic() - self._refused_at > PARDON:
            self._ceiling += 1
            self._refused_at = time.monotonic()
        return self._ceiling

    @property
    def needed(self) -> int:
        """Return how many lines keep the sender busy."""
        enough = START
        if self._messages >= LEAST and self.own_seconds > 0:
            enough = max(START, math.ceil(self.reply_seconds / self.own_seconds) + 1)
        return min(enough, self.most)

    def measured(self, reply: float, own: float) -> None:
        """Take in what one message took: the relay's answers, and our own share, in seconds."""
        self._messages += 1
        weight = max(WEIGHT, 1 / self._messages)
        self.reply_seconds += weight * (reply - self.reply_seconds)
        self.own_seconds += weight * (own - self.own_seconds)

    def refused(self) -> None:
        """Take no more lines than there are: the relay does not want them."""
        self._ceiling = max(1, len(self.lines))
        self._refused_at = time.monotonic()

    def open(self, wanted: int) -> None:
        """Open lines in the background until `wanted`, or as many as are needed, are there or on their way."""
        for _ in range(min(wanted, self.needed) - len(self.lines) - len(self._opening)):
            self._opening.add(self._opener.submit(open_line, self.settings))

    def opened(self, *, swallow: bool = False) -> ChannelError | None:
        """Take over the lines that have been opened; give the error of one that could not be."""
        failure = None
        for future in [f for f in self._opening if f.done()]:
            self._opening.discard(future)
            if future.cancelled():
                continue
            error = future.exception()
            if error is None:
                self.lines.append(future.result())
            elif isinstance(error, ChannelError):
                failure = error
            elif not swallow:
                raise error
        if failure is not None and self.lines:
            self.refused()
        return failure

    def drop(self, line: Line) -> None:
        """Hang up and forget a line."""
        line.close()
        self.lines.remove(line)

    def trim(self) -> None:
        """Say goodbye on idle lines that nobody needs."""
        spare: Sequence[Line] = [line for line in self.lines if line.phase == "idle"][self.needed :]
        for line in spare:
            line.close(politely=True)
            self.lines.remove(line)

    def close(self) -> None:
        """Say goodbye on every line."""
        self._opener.shutdown(wait=True, cancel_futures=True)
        self.opened(swallow=True)
        for line in self.lines:
            line.close(politely=line.phase == "idle")
        self.lines.clear()
