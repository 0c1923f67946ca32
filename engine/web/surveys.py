"""Surveys: the page behind `survey_url("...")`, answered once for each message.

Rules
- GET shows questions and changes nothing: scanners follow every link. What the address says (`?score=9`) is shown as
  chosen and counts when the person sends it.
- A POST with a good token is committed before it is answered, and is answered alike whether or not we know the person.
- A token is for one survey and one message; it can neither unsubscribe nor show anything.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from engine.errors import StoreError
from engine.store import surveying
from engine.store.answering import sent
from engine.store.connect import reading, writing
from engine.web import pages, questions
from engine.web.consent import form_of
from engine.web.doors import Doors
from engine.web.limits import Strikes
from engine.web.questions import PREFIX, Answered
from journeys.survey import Survey

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Surveys:
    """Answers `/s/{survey}/{token}`."""

    doors: Doors
    strikes: Strikes

    async def ask(self, request: Request) -> Response:
        """Show the questions; change nothing."""
        key = self._key(request)
        if key is None:
            return self._refused(request)
        name, survey = self._survey(request)
        if survey is None:
            return pages.survey_over()
        if await run_in_threadpool(self._answered, name, key):
            return pages.answered_before()
        given = {PREFIX + n: request.query_params.getlist(n) for n in request.query_params}
        return _page(survey, questions.read(given, survey.questions).said, {})

    async def answer(self, request: Request) -> Response:
        """Take the answers in."""
        key = self._key(request)
        if key is None:
            return self._refused(request)
        name, survey = self._survey(request)
        if survey is None:
            return pages.survey_over()
        said = questions.read(await form_of(request), survey.questions)
        if said.wrong or not said.values:
            why = "Please look at what is marked below." if said.wrong else "Please answer at least one question."
            return _page(survey, said.said, said.wrong, why)
        try:
            taken = await run_in_threadpool(self._take, (name, survey), key, said)
        except StoreError:
            log.exception("an answer to the survey %s by the message %s could not be stored", name, key)
            return pages.trouble()
        if not taken:
            return pages.answered_before()
        self.doors.wake()
        return pages.answered(survey.thanks)

    def _key(self, request: Request) -> str | None:
        return self.doors.tokens.read_survey(request.path_params["token"], request.path_params["survey"])

    def _survey(self, request: Request) -> tuple[str, Survey | None]:
        name = request.path_params["survey"]
        return name, self.doors.facts.surveys.get(name)

    def _refused(self, request: Request) -> Response:
        return pages.too_many() if self.strikes.strike(request) else pages.unknown()

    def _answered(self, name: str, key: str) -> bool:
        with reading(self.doors.store) as conn:
            return surveying.is_answered(conn, name, key)

    def _take(self, survey: tuple[str, Survey], key: str, said: Answered) -> bool:
        own = {one.name for one in survey[1].questions if one.attribute}
        parts = (
            {name: value for name, value in said.values.items() if name in own},
            {name: value for name, value in said.values.items() if name not in own},
        )
        facts = self.doors.facts
        with writing(self.doors.store) as conn:
            message = sent(conn, key)
            if message is None:
                return True
            times = (self.doors.now(), facts.skip_after)
            return surveying.answer(conn, message, (survey[0], *parts), facts.trust, times)


def _page(survey: Survey, said: Mapping[str, Sequence[str]], wrong: Mapping[str, str], why: str = "") -> Response:
    return pages.survey(survey.title, survey.intro, questions.fields(survey.questions, said, wrong), why)
