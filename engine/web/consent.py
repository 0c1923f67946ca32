"""Leaving and choosing: one-click unsubscribe (RFC 8058), and the list of topics with what people say of themselves.

Rules
- GET only shows a page: scanners follow every link, and none of them may unsubscribe anybody.
- A POST with a good token acts at once, with no question, cookie or login, and is committed before it is answered.
- A good token is answered alike whether or not we still know the person.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from engine.errors import StoreError
from engine.store.answering import Sent, sent, subscriptions
from engine.store.connect import reading, writing
from engine.store.intake import ConsentChange, NewEvent, change_consents, record
from engine.store.leaving import UNSUBSCRIBED, No, event_of
from engine.store.surveying import PREFERENCES, attributes_of, say
from engine.web import pages
from engine.web.doors import Doors
from engine.web.limits import Strikes, TooLarge, read_body
from engine.web.questions import Answered, fields, read, shown

log = logging.getLogger(__name__)

Known = tuple[frozenset[str], dict[str, Any]]  # topics, and the attributes that are asked


@dataclass(frozen=True, slots=True)
class Consents:
    """Answers `/u/{token}` and `/p/{token}`."""

    doors: Doors
    strikes: Strikes

    async def ask(self, request: Request) -> Response:
        """Show what unsubscribing would do; change nothing."""
        key = self.doors.tokens.read_unsubscribe(request.path_params["token"])
        if key is None:
            return self._refused(request)
        message = await run_in_threadpool(self._sent, key)
        return pages.ask(self.doors.facts.name, self._title(message))

    async def leave(self, request: Request) -> Response:
        """Withdraw the topic of the message, or every topic when the person says so."""
        key = self.doors.tokens.read_unsubscribe(request.path_params["token"])
        if key is None:
            return self._refused(request)
        try:
            everything = "all" in (await form_of(request)).get("scope", [])
            message = await run_in_threadpool(self._withdraw, key, everything)
        except StoreError:
            log.exception("an unsubscribe by the message %s could not be stored", key)
            return pages.trouble()
        self.doors.wake()
        return pages.done(self._title(message), everything)

    async def list_topics(self, request: Request) -> Response:
        """Show the topics one can choose, as they stand."""
        key = self.doors.tokens.read_preferences(request.path_params["token"])
        if key is None:
            return self._refused(request)
        words, values = await run_in_threadpool(self._known, key)
        return self._list(words, Answered(said=shown(self.doors.facts.preferences, values)), saved=False)

    async def choose_topics(self, request: Request) -> Response:
        """Store the choice of topics."""
        key = self.doors.tokens.read_preferences(request.path_params["token"])
        if key is None:
            return self._refused(request)
        form = await form_of(request)
        wanted, said = frozenset(form.get("topic", [])), read(form, self.doors.facts.preferences)
        if said.wrong:
            return self._list(wanted, said, saved=False)
        try:
            words, values = await run_in_threadpool(self._choose, key, wanted, said)
        except StoreError:
            log.exception("a choice of topics by the message %s could not be stored", key)
            return pages.trouble()
        self.doors.wake()
        return self._list(words, Answered(said=shown(self.doors.facts.preferences, values)), saved=True)

    def _refused(self, request: Request) -> Response:
        return pages.too_many() if self.strikes.strike(request) else pages.unknown()

    def _title(self, message: Sent | None) -> str | None:
        topic = None if message is None else self.doors.facts.topics.get(message.topic)
        return None if topic is None else topic.title

    def _list(self, words: frozenset[str], said: Answered, *, saved: bool) -> Response:
        topics = self.doors.facts.topics.items()
        rows = [(key, topic.title, key in words) for key, topic in topics if not topic.transactional]
        about = fields(self.doors.facts.preferences, said.said, said.wrong)
        return pages.choices(self.doors.facts.name, rows, saved, about, wrong=bool(said.wrong))

    def _sent(self, key: str) -> Sent | None:
        with reading(self.doors.store) as conn:
            return sent(conn, key)

    def _known(self, key: str) -> Known:
        with reading(self.doors.store) as conn:
            message = sent(conn, key)
            return (frozenset(), {}) if message is None else self._of(conn, message.contact_id)

    def _of(self, conn: sa.Connection, contact_id: str) -> Known:
        names = {one.name for one in self.doors.facts.preferences}
        return subscriptions(conn, contact_id), attributes_of(conn, contact_id, names) if names else {}

    def _withdraw(self, key: str, everything: bool) -> Sent | None:
        now = self.doors.now()
        with writing(self.doors.store) as conn:
            message = sent(conn, key)
            if message is None:
                return None
            topic = "" if everything else message.topic
            change_consents(
                conn, [ConsentChange(message.contact_id, topic, "", granted=False, source=f"link {key}")], now
            )
            record(conn, [self._event(message, topic)], now, self.doors.facts.skip_after)
            return message

    def _event(self, message: Sent, topic: str) -> NewEvent:
        return event_of(No(message, UNSUBSCRIBED, self.doors.now(), topic))

    def _choose(self, key: str, wanted: frozenset[str], said: Answered) -> Known:
        now = self.doors.now()
        with writing(self.doors.store) as conn:
            message = sent(conn, key)
            if message is None:
                return frozenset(), {}
            self._say(conn, message.contact_id, said, now)
            before = subscriptions(conn, message.contact_id)
            changed = [t for t, topic in self.doors.facts.topics.items()
                       if not topic.transactional and (t in wanted) != (t in before)]  # fmt: skip
            change_consents(conn, self._changes(message, changed, wanted), now)
            left = [self._event(message, topic) for topic in changed if topic not in wanted]
            record(conn, left, now, self.doors.facts.skip_after)
            return self._of(conn, message.contact_id)

    def _say(self, conn: sa.Connection, contact_id: str, said: Answered, now: datetime) -> None:
        """Take in what is otherwise than before; a field that was emptied takes its value back."""
        asked = self.doors.facts.preferences
        before = attributes_of(conn, contact_id, {one.name for one in asked}) if asked else {}
        usual = {one.name: one.default for one in asked}
        emptied = {one.name: None for one in asked if one.name in said.empty & before.keys() and not one.private}
        told = {name: value for name, value in said.values.items() if before.get(name, usual[name]) != value}
        told |= emptied
        if told:
            say(conn, contact_id, (PREFERENCES, told), self.doors.facts.trust, now)

    def _changes(self, message: Sent, topics: Sequence[str], wanted: frozenset[str]) -> list[ConsentChange]:
        source = f"topic list {message.key}"
        return [
            ConsentChange(message.contact_id, topic, "", granted=topic in wanted, source=source, proof=source)
            for topic in topics
        ]


async def form_of(request: Request) -> dict[str, list[str]]:
    """Return the fields of a form; what is no form has none, and still counts as a wish to leave."""
    try:
        return parse_qs((await read_body(request)).decode(), keep_blank_values=True, max_num_fields=200)
    except (TooLarge, ValueError):
        return {}
