"""Surveys and preferences: a GET changes nothing; what people say of themselves is believed first; once per message."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.store.connect import reading, writing
from engine.store.profiles import Trust, Word, believe
from engine.store.tables import contacts, events
from engine.tokens import Tokens
from engine.web import questions
from engine.web.doors import Facts
from journeys.data_file import read_data
from journeys.page import Page
from journeys.project import Data, Topic
from journeys.reader import read

DATA = """\
contact:
  city: text
  tier: enum(basic, gold)
  likes: list
  born: date
  income: number private
events:
  survey_answered: {score: number}
sources: {crm: 1}
surveys:
  nps:
    title: How did we do?
    intro: Two questions.
    thanks: That helps.
    questions:
      - {property: score, kind: scale, text: "Would you <recommend> us?", low: Never, high: Surely, required: true}
      - {property: why, text: Why?}
      - {attribute: tier, text: Which do you want?, choices: {basic: The small one, gold: The large one}}
      - {attribute: income, text: What do you earn?}
preferences:
  - city
  - {attribute: likes, text: What do you like?, choices: [tea, jam]}
  - born
  - income
"""


def data_of(text: str) -> tuple[Data, list[str]]:
    page = Page("data.yaml", text)
    return read_data(page, read(page)), [f"{one.code} {one.line}: {one.says}" for one in page.problems]


@pytest.fixture(scope="module")
def data() -> Data:
    found, problems = data_of(DATA)
    assert problems == []
    return found


@pytest.fixture
def asking(store: sa.Engine, data: Data, opened: Any) -> Any:
    """A shop on either database, with a survey and preferences."""
    facts = Facts(
        "Acme", (), data.events, {"promo": Topic("Offers")}, timedelta(hours=24), "off",
        surveys=data.surveys, preferences=data.preferences, trust=Trust.of(data),
    )  # fmt: skip
    return opened(store, facts, {"city": "Rome", "income": 9})


def nps(shop: Any, survey: str = "nps") -> str:
    return f"/s/{survey}/{shop.tokens.survey(shop.key, 'nps')}"


def attributes(shop: Any) -> dict[str, object]:
    return next(row["attributes"] for row in shop.rows(contacts) if row["id"] == "ana")


def test_a_survey_is_shown_by_get_taken_by_post_and_counts_once(asking):
    client = asking.client()
    page = client.get(nps(asking) + "?score=9&why=%3Cb%3E")
    assert page.status_code == 200
    assert "Would you &lt;recommend&gt; us?" in page.text
    assert re.findall(r'value="(\d+)" required checked', page.text) == ["9"]
    assert "&lt;b&gt;</textarea>" in page.text
    assert (asking.events(), asking.woken) == ([], 0)

    form = {"a.score": "9", "a.why": "  quick ", "a.tier": "gold", "a.income": "41000.5"}
    done = client.post(nps(asking), data=form)
    assert (done.status_code, "That helps." in done.text, asking.woken) == (200, True, 1)
    assert attributes(asking) == {"city": "Rome", "tier": "gold", "income": 41000.5}
    [row] = asking.rows(events)
    assert (row["name"], row["contact_id"], row["source"]) == ("survey_answered", "ana", "survey")
    assert row["data"] == {"survey": "nps", "key": asking.key, "message": "email/hello", "journey": "welcome",
                           "state": "hello", "channel": "email", "score": 9, "why": "quick"}  # fmt: skip

    for again in (client.get(nps(asking)), client.post(nps(asking), data=form | {"a.tier": "basic"})):
        assert "You have answered this" in again.text
    assert len(asking.rows(events)) == 1
    assert attributes(asking)["tier"] == "gold"


def test_what_cannot_be_taken_is_marked_and_nothing_is_stored(asking):
    client = asking.client()
    for form, says in (
        ({}, "Please answer this question."),
        ({"a.score": "11"}, "Please choose one of these."),
        ({"a.score": "3", "a.tier": "platinum"}, "Please choose one of these."),
        ({"a.score": "3", "a.income": "lots"}, "Please write a number."),
        ({"a.score": "3", "a.why": "x" * 2001}, "at most 2,000 characters"),
    ):
        page = client.post(nps(asking), data=form)
        assert (page.status_code, says in page.text, 'aria-invalid="true"' in page.text) == (422, True, True), form
    assert (asking.events(), attributes(asking)) == ([], {"city": "Rome", "income": 9})
    assert client.post(nps(asking), content=b"x" * 70_000).status_code == 422


def test_a_token_is_for_one_survey_and_one_purpose(asking):
    client = asking.client()
    for path in (
        f"/s/nps/{asking.tokens.survey(asking.key, 'other')}",
        f"/s/nps/{asking.tokens.preferences(asking.key)}",
        f"/s/nps/{Tokens([b'somebody else']).survey(asking.key, 'nps')}",
        f"/p/{asking.tokens.survey(asking.key, 'nps')}",
        nps(asking, "other"),
    ):
        assert client.get(path).status_code == 404, path
        assert client.post(path, data={"a.score": "1"}).status_code in (404, 429), path
    gone = f"/s/gone/{asking.tokens.survey(asking.key, 'gone')}"
    assert client.get(gone).status_code == 410
    assert asking.events() == []


def test_somebody_who_is_not_here_any_more_is_answered_alike(asking):
    with writing(asking.store) as conn:
        conn.execute(contacts.delete())
    client = asking.client()
    assert "That helps." in client.post(nps(asking), data={"a.score": "9"}).text
    assert asking.rows(events) == []
    preferences = f"/p/{asking.tokens.preferences(asking.key)}"
    assert "Saved." in client.post(preferences, data={"topic": "promo", "a.city": "Oslo"}).text


def test_preferences_show_what_is_known_save_what_is_said_and_keep_what_is_private(asking):
    client, path = asking.client(), f"/p/{asking.tokens.preferences(asking.key)}"
    page = client.get(path)
    assert 'value="Rome"' in page.text
    assert not re.search(r'name="a.income"[^>]*value="9"', page.text)  # private: asked, never shown
    assert attributes(asking) == {"city": "Rome", "income": 9}

    form = {"topic": "promo", "a.city": "Oslo", "a.likes": ["", "jam", "tea"], "a.born": "1990-05-12", "a.income": ""}
    saved = client.post(path, data=form)
    assert (saved.status_code, "Saved." in saved.text, asking.woken) == (200, True, 1)
    told = {"city": "Oslo", "likes": ["tea", "jam"], "born": "1990-05-12", "income": 9}
    assert (attributes(asking), asking.consents()) == (told, "promo")

    client.post(path, data={"topic": "promo", "a.city": "", "a.likes": ""})
    assert attributes(asking) == {"city": "Rome", "born": "1990-05-12", "income": 9}  # what was said before holds again
    wrong = client.post(path, data={"a.born": "soon", "a.city": "Bern"})
    assert (wrong.status_code, "like 1990-05-12" in wrong.text, 'value="Bern"' in wrong.text) == (422, True, True)
    assert (attributes(asking)["city"], asking.consents()) == ("Rome", "promo")


def test_a_post_without_a_form_takes_no_attribute_away(asking):
    asking.client().post(f"/p/{asking.tokens.preferences(asking.key)}", content=b"")
    assert (attributes(asking), asking.consents()) == ({"city": "Rome", "income": 9}, "")


def test_people_are_believed_before_any_source_about_themselves(asking, data):
    asking.client().post(nps(asking), data={"a.score": "9", "a.tier": "gold"})
    with writing(asking.store) as conn:
        later = asking.now + timedelta(days=1)
        believe(conn, [Word("ana", "tier", "crm", "basic", later)], Trust.of(data), later)
    assert attributes(asking)["tier"] == "gold"
    ranked = Trust.of(replace(data, sources={"crm": 1, "survey": 2}))
    assert (Trust.of(data).ranks["survey"], ranked.ranks["survey"]) == (0, 2)


WRONG = [
    (
        "surveys: {nps: {title: x, questions: [{property: score, text: x, kind: scale, from: 5, to: 5}]}}",
        "2 to 11 steps",
    ),
    ("surveys: {nps: {title: x, questions: [{property: score, text: x, kind: choice}]}}", "needs `choices`"),
    ("surveys: {nps: {title: x, questions: [{text: x}]}}", "needs `attribute` or `property`"),
    ("surveys: {nps: {title: x, questions: [{attribute: tear, text: x}]}}", 'no attribute "tear"'),
    ("surveys: {nps: {title: x, questions: [{attribute: tier, text: x, kind: text}]}}", "`kind` is one of choice"),
    ("surveys: {nps: {title: x, questions: [{attribute: tier, text: x, choices: [gold, tin]}]}}", "one of basic, gold"),
    ("surveys: {nps: {title: x, questions: [{property: survey, text: x}]}}", "said of every answer"),
    ("surveys: {nps: {title: x, questions: [{property: a, text: x}, {property: a, text: y}]}}", "write the same"),
    ("surveys: {nps: {title: x}}", "needs `questions`"),
    ("surveys: {NPS: {title: x, questions: [{property: a, text: x}]}}", "is no name"),
    ("preferences: [likes]", "needs `choices`"),
    ("preferences: [{property: a, text: x}]", "a preference is about an attribute"),
    ("preferences: [towns]", 'no attribute "towns"'),
]


@pytest.mark.parametrize(("said", "says"), WRONG)
def test_what_is_wrong_in_data_yaml_is_said_with_its_line(said, says):
    _, problems = data_of(f"contact: {{tier: 'enum(basic, gold)', likes: list}}\n{said}\n")
    assert len(problems) == 1
    assert says in problems[0]
    assert " 2: " in problems[0]


def test_answers_are_declared_as_an_event(data):
    assert data.events["survey_answered"]["why"] == "text"
    assert "income" not in data.events["survey_answered"]


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([f"a.{n}" for n in ("score", "why", "tier", "income", "city", "likes", "born")]),
        st.lists(st.text(max_size=8) | st.sampled_from(["3", "gold", "tea", "", "1990-01-01"]), max_size=3),
    )
)
def test_whatever_a_form_says_only_values_of_their_types_come_of_it(data, form):
    asked = (*data.surveys["nps"].questions, *data.preferences)
    said = questions.read(form, asked)
    html = questions.fields(asked, said.said, said.wrong)
    assert html.count("aria-invalid") == sum(one.name in said.wrong for one in asked)
    for name, value in said.values.items():
        [kind, *_] = [one.kind for one in asked if one.name == name]
        kinds = {"scale": int, "choice": str, "many": list, "number": (int, float), "date": str, "text": str}
        assert isinstance(value, kinds[kind])


def test_two_answers_at_once_are_one(asking):
    client = asking.client()
    both = client.at_once([("POST", nps(asking), {"data": {"a.score": score}}) for score in ("1", "9")])
    assert sorted("That helps." in one.text for one in both) == [False, True]
    with reading(asking.store) as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(events)).scalar_one() == 1
