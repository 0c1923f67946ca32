"""The picture in a message: whoever consents to it is known to have read on a day, and of nobody else is anything kept.

Rules
- The picture is answered alike for everybody, a wrong token included: it says nothing to whoever loads it.
- Written is the day alone, over the one before; only with `tracking.opens: date_only`, and only while the person
  consents to `tracking` - now, not when the message went out.
- Machines that load pictures before people do are not people; that Gmail's proxy loads it when it is read is known.
"""

from __future__ import annotations

import logging
from base64 import b64decode
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from engine.errors import StoreError
from engine.store.answering import sent, subscriptions
from engine.store.connect import writing
from engine.store.consenting import may_track
from engine.store.law_tables import opens
from engine.store.sets import upsert
from engine.web import pages
from engine.web.doors import Doors

log = logging.getLogger(__name__)
_PICTURE = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_PREFETCH = frozenset({"", "Mozilla/5.0"})  # Apple's proxy loads every picture under the second


@dataclass(frozen=True, slots=True)
class Opens:
    """Answers `/i/{token}`."""

    doors: Doors

    async def show(self, request: Request) -> Response:
        """Give the picture; note the day where that is allowed."""
        key = self.doors.tokens.read_opened(request.path_params["token"])
        read = request.method == "GET" and request.headers.get("user-agent", "").strip() not in _PREFETCH
        if key is not None and read and self.doors.facts.opens == "date_only":
            try:
                await run_in_threadpool(self._note, key)
            except StoreError:
                log.warning("an open of %s could not be noted", key)
        return Response(_PICTURE, media_type="image/gif", headers=pages.QUIET_HEADERS)

    def _note(self, key: str) -> None:
        day = self.doors.now().replace(hour=0, minute=0, second=0, microsecond=0)
        with writing(self.doors.store) as conn:
            message = sent(conn, key)
            if message is not None and may_track(subscriptions(conn, message.contact_id)):
                statement = upsert(conn.dialect.name, opens).values(contact_id=message.contact_id, day=day)
                conn.execute(statement.on_conflict_do_update(index_elements=["contact_id"], set_={"day": day}))
