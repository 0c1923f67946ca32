"""Mail over SMTP: one thread, kept connections, and one commit of intent for all that are ready.

Rules. Each line asks (MAIL, RCPT), is ready, asks DATA, writes the body; its phase decides what a lost connection
means. Lines that are ready wait for each other up to 2 ms, because one intent written for many costs little more
than one for one. A stalled line has its own deadline and stops nobody. There is no retry here but one: a kept
connection that turns out dead before the address was accepted is opened anew, once per message.
"""

from __future__ import annotations

import selectors
import time
from collections import deque
from collections.abc import Iterator, Sequence

from channels.channel import Envelope, Intend, Receipt
from channels.errors import ChannelError
from channels.mime import AddressRefused, address
from channels.smtp_answers import Reply, receipt
from channels.smtp_line import Line, SmtpSettings
from channels.smtp_pool import Pool

GATHER = 0.002  # seconds that ready lines wait for each other
POLL = 0.01  # seconds between looks at connections being opened
PULSE = 20.0  # seconds between two signs of life to whoever holds the claim


class SmtpChannel:
    """The relay's door; connections stay open between calls."""

    def __init__(self, settings: SmtpSettings) -> None:
        self.name = settings.name
        self.pool = Pool(settings)
        self._exchange: Exchange | None = None

    def send(self, envelopes: Sequence[Envelope], intend: Intend) -> Iterator[Receipt]:
        """Send each message once; one receipt each, as the answers come."""
        self._exchange = exchange = Exchange(self.pool, envelopes, intend)
        try:
            yield from exchange.receipts()
        finally:
            exchange.stop()

    def withhold(self, keys: frozenset[str]) -> None:
        """Leave these messages of the batch under way out, as far as they wait for a line."""
        if self._exchange is not None:
            self._exchange.withhold(keys)

    def close(self) -> None:
        """Say goodbye on every connection."""
        self.pool.close()

    @property
    def lines(self) -> Sequence[Line]:
        return self.pool.lines

    @property
    def settings(self) -> SmtpSettings:
        return self.pool.settings


class Exchange:
    """One batch over the pool's lines."""

    def __init__(self, pool: Pool, envelopes: Sequence[Envelope], intend: Intend) -> None:
        self._pool = pool
        self._intend = intend
        self._timeouts = pool.settings.timeouts
        self._waiting = deque(envelopes)
        self._done: deque[Receipt] = deque()
        self._reopened: set[str] = set()
        self._selector = selectors.DefaultSelector()
        self._gather_until = 0.0
        self._failure: ChannelError | None = None
        self._yielded = False
        self._idle = 0.0  # seconds in which there was nothing to do but wait
        self._counted_at = time.monotonic()
        self._pulse_at = self._counted_at + PULSE

    def receipts(self) -> Iterator[Receipt]:
        """Run the batch to its end."""
        while self._waiting or self._busy():
            self._assign()
            self._listen()
            self._let_go()
            self._expire()
            while self._done:
                self._yielded = True
                yield self._done.popleft()

    def stop(self) -> None:
        """Drop what is in the middle of something; idle lines stay for the next batch."""
        for line in self._busy():
            self._pool.drop(line)
        self._selector.close()
        self._pool.trim()

    def withhold(self, keys: frozenset[str]) -> None:
        """Leave these out that wait for a line."""
        left = [envelope for envelope in self._waiting if envelope.key in keys]
        self._waiting = deque(envelope for envelope in self._waiting if envelope.key not in keys)
        self._done.extend(Receipt(envelope.key, "withheld") for envelope in left)

    def _busy(self) -> list[Line]:
        return [line for line in self._pool.lines if line.phase != "idle"]

    def _assign(self) -> None:
        """Give waiting messages to idle lines, and have lines opened for the rest."""
        failure = self._pool.opened()
        if failure is not None and not self._pool.lines:  # one line less than wanted is no failure
            self._failure = failure
        for line in [line for line in self._pool.lines if line.phase == "idle"]:
            if self._waiting:
                self._ask(line, self._waiting.popleft())
        if self._waiting and self._failure is None:
            self._pool.open(len(self._busy()) + len(self._waiting))
        if self._waiting and not self._pool.lines and not self._pool.opening and self._failure:
            self._give_up(self._failure)

    def _give_up(self, failure: ChannelError) -> None:
        """No line is left and none can be opened."""
        if not self._yielded and not self._done:
            raise failure
        while self._waiting:
            self._done.append(Receipt(self._waiting.popleft().key, "deferred", detail=failure.says))

    def _ask(self, line: Line, envelope: Envelope) -> None:
        try:
            to = address(envelope.to)
        except AddressRefused as error:
            self._done.append(Receipt(envelope.key, "failed", "hard", str(error)))
            return
        try:
            sender = address(envelope.sender) if envelope.sender else ""
        except AddressRefused as error:
            self._done.append(Receipt(envelope.key, "deferred", "config", f"sender: {error}"))
            return
        self._deadline(line, self._timeouts.reply)
        try:
            line.ask(envelope, sender, to)
        except OSError as error:
            self._lost(line, str(error))
        self._watch(line)

    def _deadline(self, line: Line, seconds: float) -> None:
        line.asked_at = time.monotonic()
        line.deadline = line.asked_at + seconds

    def _watch(self, line: Line) -> None:
        """Tell the selector what this line waits for."""
        if line.sock.fileno() < 0:
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if line.out else 0)
        known = self._selector.get_map().get(line.sock)
        if known is None:
            self._selector.register(line.sock, events, line)
        elif known.events != events:
            self._selector.modify(line.sock, events, line)

    def _drop(self, line: Line) -> None:
        if line.sock.fileno() >= 0 and line.sock in self._selector.get_map():
            self._selector.unregister(line.sock)
        self._pool.drop(line)

    def _listen(self) -> None:
        """Wait until something can be read, written, let go or given up."""
        began = time.monotonic()
        found_now = self._selector.select(min(self._patience(), PULSE))
        now = time.monotonic()
        self._idle += now - began
        if now >= self._pulse_at:
            self._pulse_at = now + PULSE
            self._intend(())
        for found, events in found_now:
            line: Line = found.data
            try:
                if events & selectors.EVENT_WRITE:
                    self._write(line)
                if events & selectors.EVENT_READ:
                    self._read(line)
            except OSError as error:
                self._lost(line, str(error) or type(error).__name__)

    def _patience(self) -> float:
        if self._done:
            return 0
        busy = self._busy()
        if self._pool.opening and self._waiting:
            return POLL
        now = time.monotonic()
        if any(line.phase == "ready" for line in busy):
            return max(0.0, self._gather_until - now)
        return max(0.0, min((line.deadline for line in busy), default=now) - now)

    def _write(self, line: Line) -> None:
        line.flush()
        if line.phase == "body":
            self._deadline(line, self._timeouts.write if line.out else self._timeouts.after_dot)
        self._watch(line)

    def _read(self, line: Line) -> None:
        for reply in line.replies():
            line.waited += time.monotonic() - line.asked_at
            self._answered(line, reply)
            if line not in self._pool.lines:
                return
        if line.ended:
            self._lost(line, "the server closed the connection")
        self._watch(line)

    def _answered(self, line: Line, reply: Reply) -> None:
        if line.phase == "asking":
            if line.answered(reply):
                self._asked(line)
            else:
                self._deadline(line, self._timeouts.reply)
        elif line.phase == "data" and reply.code == 354 and not line.ended:
            self._deadline(line, self._timeouts.write)
            line.body()
            self._write(line)
        elif line.phase == "data" and reply.code >= 400:
            self._finish(line, receipt(_key(line), "data", reply), reply, dirty=True)
        elif line.phase == "body" and (reply.code >= 400 or not line.out):
            self._finish(line, receipt(_key(line), "dot", reply), reply, dirty=False)
        else:
            self._lost(line, f"an answer to no question: {reply}")

    def _asked(self, line: Line) -> None:
        """The server has said yes or no to the address."""
        if line.refusal is None:
            if not any(other.phase == "ready" for other in self._pool.lines):
                self._gather_until = time.monotonic() + GATHER
            line.phase = "ready"
            return
        stage, reply = line.refusal
        stale = line.reused and (reply.code == 421 or (line.after_reset and reply.code == 550 and not reply.enhanced))
        if stale and self._again(line):
            return
        self._finish(line, receipt(_key(line), stage, reply), reply, dirty=True)

    def _finish(self, line: Line, answer: Receipt, reply: Reply, *, dirty: bool) -> None:
        self._done.append(answer)
        unsent = bool(line.out)
        self._measure(line)
        line.rest(dirty=dirty)
        if reply.code == 421 or unsent:
            self._drop(line)

    def _measure(self, line: Line) -> None:
        """Note what this message took the relay, and what passed since the last one without our waiting."""
        now = time.monotonic()
        self._pool.measured(line.waited, max(0.0, now - self._counted_at - self._idle))
        self._counted_at, self._idle = now, 0.0

    def _again(self, line: Line) -> bool:
        """Put the message of a dead kept connection back to the front, once."""
        envelope = line.envelope
        if envelope is None or envelope.key in self._reopened:
            return False
        self._reopened.add(envelope.key)
        self._waiting.appendleft(envelope)
        self._drop(line)
        return True

    def _lost(self, line: Line, why: str, *, hung_up: bool = True) -> None:
        """Judge a lost connection by its phase."""
        if line not in self._pool.lines:
            return
        if line.phase == "asking" and line.reused and hung_up and self._again(line):
            return
        phase, envelope, in_doubt = line.phase, line.envelope, line.in_doubt
        self._drop(line)
        if envelope is None or phase == "idle":
            return
        detail = f"{why} ({_where(phase)})"
        self._done.append(Receipt(envelope.key, "unknown" if in_doubt else "deferred", detail=detail))

    def _let_go(self) -> None:
        """Write the intent of all ready lines at once, and ask DATA on those that may."""
        ready = [line for line in self._pool.lines if line.phase == "ready"]
        others = any(line.phase == "asking" for line in self._pool.lines)
        if not ready or (others and time.monotonic() < self._gather_until):
            return
        going = self._intend([_key(line) for line in ready])
        for line in ready:
            if _key(line) in going:
                self._ask_data(line)
            else:
                self._done.append(Receipt(_key(line), "withheld"))
                line.rest(dirty=True)

    def _ask_data(self, line: Line) -> None:
        self._deadline(line, self._timeouts.data)
        try:
            line.data()
        except OSError as error:
            self._lost(line, str(error))
        else:
            self._watch(line)

    def _expire(self) -> None:
        now = time.monotonic()
        for line in self._busy():
            if line.phase != "ready" and line.deadline <= now:
                self._lost(line, "the server did not answer in time", hung_up=False)


def _key(line: Line) -> str:
    return line.envelope.key if line.envelope else ""


def _where(phase: str) -> str:
    places = {"asking": "before the address was accepted", "ready": "before DATA", "data": "before the message"}
    return places.get(phase, "after the message began: it may have arrived")
