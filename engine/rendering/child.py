"""The process that writes messages: it knows the template files and what it is asked, and nothing else.

Rules
- It begins without our environment, without secrets and without a connection, and may not write files.
- The clock of each message is set before it is begun and ends the process when it runs out, whatever it does then.
- Which message is being written stands in shared memory, so that its parent knows whose fault an end was.
- Answers go out together when there is nothing more to do, or now and then: a switch of processes for each would cost
  more than the message.
"""

from __future__ import annotations

import gc
import json
import mmap
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from channels.errors import TemplateProblem
from channels.templates import Library, Template
from engine.rendering import wire
from engine.rendering.asked import COMPILING, Refused

FLUSH_PARTS: Final = 96  # three of a message
SLACK: Final = 0.1  # of the seconds of a message, by which its clock may be late
FLUSH_SECONDS: Final = 0.02
READ_BYTES: Final = 256 * 1024


class Clock:
    """Ends the process when a message takes longer than it may."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = 0.0

    def start(self, times: float = 1) -> None:
        """Begin the time of a message; setting the clock costs, so one that has hardly run down is left as it is."""
        now = time.monotonic()
        if times > 1 or self._until - now < self.seconds:
            span = times * self.seconds * (1 + SLACK)
            self._until = now + span
            signal.setitimer(signal.ITIMER_REAL, span)

    def stop(self) -> None:
        """Let time be nobody's."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._until = 0.0


@dataclass(slots=True)
class Pipes:
    """Where frames come from and go to. Buffers stay: giving memory back and taking it again cost more than reading."""

    asked: int
    out: int
    clock: Clock
    _came: bytearray = field(default_factory=bytearray)
    _read: bytearray = field(default_factory=lambda: bytearray(READ_BYTES))
    _waiting: list[bytes] = field(default_factory=list)
    _sent_at: float = field(default_factory=time.monotonic)

    def frames(self) -> Iterator[bytes]:
        """Give the JSON of every frame until there are no more; what is answered is sent before it waits."""
        while True:
            while (said := self._frame()) is None:
                self.flush()
                count = os.readv(self.asked, [self._read])
                if not count:
                    return
                self._came += memoryview(self._read)[:count]
            yield said

    def _frame(self) -> bytes | None:
        if len(self._came) < wire.HEAD.size:
            return None
        end = wire.HEAD.size + wire.HEAD.unpack_from(self._came)[0]
        if len(self._came) < end:
            return None
        said = bytes(memoryview(self._came)[wire.HEAD.size : end])
        del self._came[:end]
        return said

    def answer(self, parts: Sequence[bytes]) -> None:
        """Send a frame, soon."""
        self._waiting += parts
        if len(self._waiting) > FLUSH_PARTS or time.monotonic() - self._sent_at > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Send what waits; the time that the parent takes to read it is nobody's."""
        self.clock.stop()
        wire.write_all(self.out, self._waiting)
        self._waiting.clear()
        self._sent_at = time.monotonic()


@dataclass(slots=True)
class Writer:
    """Writes one message after the other within its bounds."""

    library: Library
    clock: Clock
    nonce: str
    known: dict[str, Template] = field(default_factory=dict)

    def answer(self, said: bytes) -> list[bytes]:
        """Return the frame that answers an asking."""
        number, message = said_number(said), ""
        try:
            self.clock.start()
            _, message, version, variables, links = wire.read_asking(said)
            template = self._template(message, version)
            if template is None:
                return wire.refusing(number, Refused("its files were changed while it was written", stale=True))
            rendered = template.render(variables, lambda n: links.get(str(n)) or wire.mark(self.nonce, n))
            return wire.answering(number, rendered)
        except (TemplateProblem, ValueError) as problem:
            return wire.refusing(number, Refused(str(problem)))
        except MemoryError:
            return wire.refusing(number, Refused("it needs more memory than a message may"))
        except KeyError:
            return wire.refusing(number, Refused(f"there is no template for {message}"))

    def _template(self, message: str, version: str) -> Template | None:
        """Return this version of a template, None when its files say another by now."""
        known = self.known.get(message)
        if known is None or known.version != version:
            self.clock.start(COMPILING)
            known = self.known[message] = self.library[message]
            self.clock.stop()
            self.clock.start()
        return known if known.version == version else None


def main(progress: int) -> None:
    """Answer until nobody asks any more."""
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)  # our parent ends first, and then nobody asks
    clock = Clock(0)
    pipes = Pipes(0, os.dup(1), clock)
    os.dup2(2, 1)  # whatever is printed is no answer
    frames = pipes.frames()
    setup = json.loads(next(frames))
    library = Library({name: [Path(file) for file in files] for name, files in setup["messages"].items()})
    clock.seconds = setup["seconds"]
    writer = Writer(library, clock, setup["nonce"])
    _confine(setup["memory"])
    with mmap.mmap(progress, wire.NUMBER.size) as shared:
        os.close(progress)
        for said in frames:
            shared[:] = wire.NUMBER.pack(said_number(said))
            pipes.answer(writer.answer(said))


def said_number(said: bytes) -> int:
    """Return the number of an asking, `[17,...`, whatever else it holds."""
    return int(said[1 : said.index(b",")])


def _confine(memory: int) -> None:
    """Allow this much memory beyond what there is now, no files to be written, no processes."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0]) if Path("/proc/self/statm").exists() else 0
    limits = {"CORE": 0, "FSIZE": 0, "NOFILE": 64}
    if pages:
        limits["AS"] = pages * resource.getpagesize() + memory
    for name, limit in limits.items():
        which = getattr(resource, f"RLIMIT_{name}")
        resource.setrlimit(which, (limit, limit))
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    main(int(sys.argv[1]))
