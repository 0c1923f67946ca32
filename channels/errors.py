"""Errors of the doors, by whose turn it is.

ChannelError
  ChannelUnavailable     the world's: try again later
  ChannelMisconfigured   the operator's: the channel stops and says so; never retried
TemplateProblem          the author's: a template that cannot be read or rendered, with file and line
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal


class ChannelError(Exception):
    """A whole channel cannot go on; carries the channel's name."""

    def __init__(self, channel: str, says: str) -> None:
        super().__init__(f"{channel}: {says}")
        self.channel = channel
        self.says = says


class ChannelUnavailable(ChannelError):
    """The world does not answer; try again at `retry_at` (None: back off)."""

    def __init__(self, channel: str, says: str, retry_at: datetime | None = None) -> None:
        super().__init__(channel, says)
        self.retry_at = retry_at


class ChannelMisconfigured(ChannelError):
    """The operator must change a setting; `says` names it and the way out."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong at one place of a message file; columns count from 1, `end_col` exclusive, 0 = the whole line.

    `edits` (line, col, end_col, text) would repair it.
    """

    code: str
    severity: Literal["error", "warning"]
    file: str
    line: int
    says: str
    col: int = 0
    end_col: int = 0
    label: str = ""
    helps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    edits: tuple[tuple[int, int, int, str], ...] = ()


class TemplateProblem(Exception):
    """A template is wrong or a value it needs is missing; `says` is one sentence.

    `flaws` are what is known of it more exactly: at least one, the problem itself.
    """

    def __init__(self, file: str, line: int, says: str, flaws: Sequence[Flaw] = ()) -> None:
        super().__init__(f"{file}:{line}: {says}")
        self.file = file
        self.line = line
        self.says = says
        self.flaws = tuple(flaws) or (Flaw("T700", "error", file, line, says),)
