"""Being asked to stop: SIGTERM and the first Ctrl-C let what is under way finish, a second one does not wait."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from engine.cli.session import Session

INTERRUPTED = 130
ONE_WISH = 1.0  # seconds in which signals are one wish: what starts us may pass on a Ctrl-C that we got ourselves


@contextmanager
def stopping(session: Session, says: str) -> Iterator[threading.Event]:
    """Give an event that is set when somebody wants this to end; `says` is then printed."""
    wanted = threading.Event()
    asked_at = 0.0
    if threading.current_thread() is not threading.main_thread():
        yield wanted  # signals belong to the main thread
        return

    def asked(number: int, _: FrameType | None) -> None:
        nonlocal asked_at
        if wanted.is_set() and number == signal.SIGINT and time.monotonic() - asked_at > ONE_WISH:
            os.write(2, b"ended at once; messages on the wire are in doubt until the next start\n")
            os._exit(INTERRUPTED)
        if not wanted.is_set():
            asked_at = time.monotonic()
            session.note(says)
        wanted.set()

    before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wanted
    finally:
        for number, was in before.items():
            signal.signal(number, was)
