"""What the engine says while it runs: lines for people, or one JSON object a line for machines (`--log json`).

Rules
- What libraries and rooms say goes through `logging`; here it gets its form. Nothing personal is said: addresses and
  secrets are taken out before anything is written.
- Everything goes to stderr; stdout is for answers.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from engine.cli.session import Session
from engine.errors import EngineError
from engine.redacting import redacted

Say = Callable[[str, Mapping[str, object]], None]
"""Says one event with its figures: `say("tick", {"due": 3})`."""


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
    _replace(_Lines(session))


def structured() -> Say:
    """Have everything printed as JSON, one object a line; return what says the events of `serve`."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _instant,
        structlog.processors.format_exc_info,
        _redacted,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(sort_keys=False),
            ],
        )
    )
    _replace(handler)
    logger = logging.getLogger("sojourn.serve")
    logger.setLevel(logging.INFO)

    def say(event: str, figures: Mapping[str, object]) -> None:
        logger.info(event, extra={"figures": dict(figures)})

    return say


def _instant(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {"at": datetime.now(UTC).isoformat().replace("+00:00", "Z"), **event}


def _redacted(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    record: Any = event.get("_record")
    figures = getattr(record, "figures", {}) if record is not None else {}
    return {name: redacted(value) if isinstance(value, str) else value for name, value in {**event, **figures}.items()}


def _replace(handler: logging.Handler) -> None:
    root = logging.getLogger()
    ours = (_Lines, logging.StreamHandler)
    root.handlers = [one for one in root.handlers if type(one) not in ours]
    root.addHandler(handler)
