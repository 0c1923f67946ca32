"""Who keeps the process that writes messages: asks ahead, and begins it anew when it came to an end.

Rules
- It is begun with the first message, lives as long as we do, and goes on to the next batch.
- The message that it died of is refused with the reason; those asked after it are asked again of a new one.
- A process that ends again and again without having begun a message is the machine's trouble: nobody is refused.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from channels.errors import ChannelUnavailable
from engine.rendering import wire
from engine.rendering.asked import Answer, Asked, Bounds, Refused
from engine.rendering.line import Ended, Line

AHEAD: Final = 64  # messages that are asked before the first is answered
TRIES: Final = 3  # processes that may end without having begun a message


class RenderProcess:
    """The Renderer of `serve`: `files` are the files of every message, `bounds` what one may cost."""

    def __init__(self, files: Mapping[str, Sequence[Path]], bounds: Bounds | None = None) -> None:
        self._files = files
        self.bounds = bounds or Bounds()
        self.begun = 0  # processes so far
        self._line: Line | None = None
        self._turn = threading.Lock()

    def rendered(self, asked: Iterable[Asked]) -> Iterator[Answer]:
        """Give the answers in the order of asking; ChannelUnavailable when no process comes up."""
        with self._turn:
            course = _Course(self, iter(asked))
            try:
                yield from course.answers()
            finally:
                if course.waiting:  # nobody hears the rest: its answers must not be taken for others
                    self.end()

    def line(self) -> Line:
        """Return the process, begun if there is none."""
        if self._line is None:
            self._line = Line(self._files, self.bounds)
            self.begun += 1
        return self._line

    def end(self) -> None:
        """Kill the process; the next message begins another."""
        if self._line is not None:
            self._line.kill()
        self._line = None

    def close(self) -> None:
        """End the process."""
        self.end()


@dataclass(slots=True)
class _Course:
    """One batch on its way: `waiting` was asked and is not answered, `doomed` will never be."""

    process: RenderProcess
    asked: Iterator[Asked]
    waiting: deque[tuple[int, Asked]] = field(default_factory=deque)
    doomed: dict[int, Refused] = field(default_factory=dict)
    vain: int = 0

    def answers(self) -> Iterator[Answer]:
        while True:
            self._ask()
            if not self.waiting:
                return
            answer = self._next()
            self.waiting.popleft()
            yield answer

    def _ask(self) -> None:
        """Ask ahead, many at a time."""
        if len(self.waiting) > AHEAD // 2:
            return
        line = self.process.line()
        for asked in self.asked:
            number = line.number()
            try:
                line.ask(wire.asking(number, asked))
            except (TypeError, ValueError) as odd:
                self.doomed[number] = Refused(str(odd))
            self.waiting.append((number, asked))
            if len(self.waiting) >= AHEAD:
                break
        line.push()

    def _next(self) -> Answer:
        while True:
            number, asked = self.waiting[0]
            if number in self.doomed:
                return self.doomed.pop(number)
            line = self.process.line()
            try:
                told, answer = line.hear()
            except (Ended, wire.Garbled) as end:
                self._again(line.working_on(), str(end))
                continue
            if told == number:
                self.vain = 0
                return _linked(answer, asked, line.nonce)
            self._again(line.working_on(), f"answered {told} when {number} was asked")

    def _again(self, number: int, why: str) -> None:
        """Doom the message that the process died of, and ask a new process for the others."""
        self.process.end()
        if any(number == waiting for waiting, _ in self.waiting):
            self.doomed[number] = Refused(why)
        else:
            self.vain += 1
            if self.vain >= TRIES:
                raise ChannelUnavailable("templates", f"the process that renders them does not live: {why}")
        line = self.process.line()
        asked = list(self.waiting)
        self.waiting.clear()
        for old, one in asked:
            new = line.number()
            if old in self.doomed:
                self.doomed[new] = self.doomed.pop(old)
            else:
                line.ask(wire.asking(new, one))
            self.waiting.append((new, one))


def _linked(answer: Answer, asked: Asked, nonce: str) -> Answer:
    """Put this person's own links in place of their marks."""
    if isinstance(answer, Refused) or not answer.personal_links:
        return answer
    return replace(
        answer,
        html=wire.with_links(answer.html, nonce, asked.own, escaped=True),
        text=wire.with_links(answer.text, nonce, asked.own),
        push={name: wire.with_links(said, nonce, asked.own) for name, said in answer.push.items()},
    )
