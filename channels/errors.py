"""Errors of the doors, by whose turn it is.

ChannelError
  ChannelUnavailable     the world's: try again later
  ChannelMisconfigured   the operator's: the channel stops and says so; never retried
TemplateProblem          the author's: a template that cannot be read or rendered, with file and line
"""

from __future__ import annotations

from datetime import datetime


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


class TemplateProblem(Exception):
    """A template is wrong or a value it needs is missing; `says` is one sentence."""

    def __init__(self, file: str, line: int, says: str) -> None:
        super().__init__(f"{file}:{line}: {says}")
        self.file = file
        self.line = line
        self.says = says
