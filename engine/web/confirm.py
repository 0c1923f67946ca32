"""Saying yes: the page behind the link of a mail that asks for a confirmation (double opt-in).

Rules
- GET only asks: scanners follow every link, and none of them may consent for anybody.
- A POST with a good token grants at once and is committed before it is answered; a second one changes nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from engine.errors import StoreError
from engine.store.confirming import Answer, confirm, topic_of
from engine.store.connect import reading, writing
from engine.web import pages
from engine.web.doors import Doors
from engine.web.limits import Strikes

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Confirmations:
    """Answers `/o/{token}`."""

    doors: Doors
    strikes: Strikes

    async def ask(self, request: Request) -> Response:
        """Show what saying yes would do; change nothing."""
        key = self.doors.tokens.read_confirm(request.path_params["token"])
        topic = None if key is None else await run_in_threadpool(self._topic, key)
        return self._refused(request) if topic is None else pages.ask_consent(self.doors.facts.name, self._title(topic))

    async def confirm(self, request: Request) -> Response:
        """Grant the topic."""
        key = self.doors.tokens.read_confirm(request.path_params["token"])
        topic = None if key is None else await run_in_threadpool(self._topic, key)
        if key is None or topic is None:
            return self._refused(request)
        try:
            answer = await run_in_threadpool(self._confirm, key)
        except StoreError:
            log.exception("a confirmation by the mail %s could not be stored", key)
            return pages.trouble()
        if answer in ("expired", "unknown"):
            return pages.too_late()
        self.doors.wake()
        return pages.consented(self._title(topic))

    def _refused(self, request: Request) -> Response:
        return pages.too_many() if self.strikes.strike(request) else pages.unknown()

    def _title(self, topic: str) -> str:
        found = self.doors.facts.topics.get(topic)
        return topic if found is None else found.title

    def _topic(self, key: str) -> str | None:
        with reading(self.doors.store) as conn:
            return topic_of(conn, key)

    def _confirm(self, key: str) -> Answer:
        with writing(self.doors.store) as conn:
            return confirm(conn, key, self.doors.now())
