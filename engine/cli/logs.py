"""Warnings of the engine as lines on stderr: one line each, the traceback only with -v."""

from __future__ import annotations

import logging

from engine.cli.session import Session
from engine.errors import EngineError
from engine.redacting import redacted


class _Lines(logging.Handler):
    def __init__(self, session: Session) -> None:
        super().__init__(logging.WARNING)
        self._session = session

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            said += f": {error}" if isinstance(error, EngineError) else f": {type(error).__name__}: {error}"
        self._session.warn(f"{_time(record)} warn   {redacted(said)}")
        if record.exc_info and self._session.flags.verbose:
            self._session.warn(redacted(logging.Formatter().formatException(record.exc_info)))


def _time(record: logging.LogRecord) -> str:
    return logging.Formatter().formatTime(record, "%H:%M:%S")


def show_warnings(session: Session) -> None:
    """Have warnings printed as lines."""
    root = logging.getLogger()
    root.handlers = [one for one in root.handlers if not isinstance(one, _Lines)]
    root.addHandler(_Lines(session))
