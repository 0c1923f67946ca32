"""The editor's schema and the reader agree: nothing that can be read is refused, and slips are refused by both."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest
import yaml
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit_copy import KIT, kit, project, read

from journeys import choosing, forms_choose, project_file, reference
from journeys.forms import JOURNEY
from journeys.forms_state import SEND, WAIT_FOR
from journeys.load import load
from journeys.page import Page
from journeys.reader import read as nodes
from journeys.schema import Around, around, fragment_schema, journey_schema
from journeys.shape import Choice, Either, Form, Many, Shape, Table, Whole, Word
from journeys.starters import STARTER, starters

ROOTS = [KIT, *(STARTER / name for name in starters())]
Judge = Callable[[Any], None]


def judge(known: Around) -> Judge:
    return fastjsonschema.compile(journey_schema(known))


def data(text: str) -> Any:
    node = nodes(Page("journeys/j.yaml", text))
    assert node is not None
    return node.data()


@pytest.fixture(scope="module")
def accepts() -> Callable[[str], bool]:
    known = around(kit())
    assert known is not None
    judged = judge(known)

    def accepted(text: str) -> bool:
        try:
            judged(data(text))
        except fastjsonschema.JsonSchemaException:
            return False
        return True

    return accepted


@pytest.mark.parametrize("root", ROOTS, ids=lambda root: root.name)
def test_every_journey_and_fragment_that_is_good_is_accepted(root: Path):
    known = around(load(root, {}))
    assert known is not None
    for folder, schema in (("journeys", journey_schema(known)), ("fragments", fragment_schema(known))):
        judged = fastjsonschema.compile(schema)
        for path in sorted((root / folder).glob("*.yaml")):
            judged(data(path.read_text("utf-8")))


@pytest.mark.parametrize(
    "states",
    [
        "a: {send: email/cart_plain, exit: done}",
        "a: {send: email/cart_plain, choose: {arms: [email/cart_plain, nothing], reward: goal}}",
        "a: {after: 1d, until: contact.birthday}",
        "a: {after: 1d, with: {x: 1}}",
        "a: {afer: 1d}",
        "a: {after: 2 days}",
        "a: {after: 48}",
        "a: {at: 9am}",
        'a: {at: "25:00"}',
        "a: {days: mon}",
        "a: {days: [mon, tues]}",
        "a: {send: cart_plain}",
        "a: {send: email/cart_plan}",
        "a: {wait_for: {event: clicked}}",
        "a: {wait_for: {within: 1d}}",
        "a: {wait_for: {event: clicked, segment: lapsed_90d, within: 1d}}",
        "a: {wait_for: {event: clickd, within: 1d}}",
        "a: {wait_for: {segment: lapsed90, within: 1d}}",
        "a: {emit: {event: order_place}}",
        "a: {run: npss}",
        "a: {set: {contact.teir: gold}}",
        "a: {set: {contact.tier: gld}}",
        "a: {set: {tier: gold}}",
        "a: {call: {url: crm}}",
        "a: {split: {b: 50, c: 50%}}\nb: {after: 1d}\nc: {after: 1d}",
        "a: {split: {b: 150%, c: 50%}}\nb: {after: 1d}\nc: {after: 1d}",
        "a: {branch: [{then: b}]}\nb: {after: 1d}",
        "a: {max_visits: 0}",
        "a: [b]",
        "A-b: {after: 1d}",
        "a: {choose: {arms: [email/cart_plain, nothing], reward: {within: 1d, score: {clicked: 1}}, baseline: {arm: nothing, share: 10%}}}",
        "a: {choose: {arms: [email/cart_plain, nothing], messages: [cart_plain], channels: [email], reward: {within: 1d, score: {clicked: 1}}}}",
        "a: {choose: {messages: [cart_plain], reward: {within: 1d, score: {clicked: 1}}}}",
        "a: {choose: {arms: [email/cart_plain, nothing], reward: {within: 1d, score: {clickd: 1}}}}",
        "a: {choose: {arms: [email/cart_plain, nothing], reward: {score: {clicked: 1}}}}",
        "a: {choose: {arms: [email/cart_plain, nothing]}}",
        "a: {choose: {arms: [email/cart_plain, nothing], reward: {within: 1d, score: {clicked: 1}}, explore: {policy: magic}}}",
        "a: {choose: {arms: [email/cart_plain, nothing], reward: {within: 1d, score: {clicked: 1}}, explore: {min_share: 120%}}}",
    ],
)
def test_a_slip_in_a_state_is_refused_by_both(accepts, states):
    text = f"journey: j\nenter: {{event: cart_abandoned}}\nstates:\n{textwrap.indent(states, '  ')}\n"
    assert not accepts(text)
    assert read(text).codes


@pytest.mark.parametrize(
    "top",
    [
        "enter: {event: cart_abandonned}",
        "enter: [cart_abandoned]",
        "enter: {segment: lapsed_90d, check: often}",
        "enter: {schedule: monday}",
        "enter: {event: cart_abandoned, limit: 0/day}",
        "enter: {manual: false}",
        "enter: {event: cart_abandoned, check: hourly}",
        "reenter: sometimes",
        "reenter: {after: 3 days}",
        "goal: {within: 3d}",
        "goal: {event: order_placed, within: 3}",
        "holdout: 10",
        "holdout: 110%",
        "priority: 101",
        "topic: promotion",
        "exit_when: [{}]",
        "exit_when: {event: order_placed}",
        "jump_when: [{event: order_placed}]",
        "quiet_hours: {from: 21, to: 8}",
        "caps: {all: [3 a day]}",
        "caps: {channels: {mail: [1/day]}}",
        "transactional: yes",
        "vars: [a]",
        "stats: {}",
    ],
)
def test_a_slip_in_the_file_is_refused_by_both(accepts, top):
    enter = "" if top.startswith("enter") else "enter: {event: cart_abandoned}\n"
    text = f"journey: j\n{enter}{top}\nstates:\n  a: {{send: email/cart_plain}}\n"
    assert not accepts(text)
    assert read(text).codes


# What can be read is accepted: texts are drawn from the forms themselves, and from slips of them.

SAMPLES: dict[str, list[Any]] = {
    "name": ["a", "b", "nudge"], "text": ["text", "a b", 2025], "flag": [True, False, "yes"],
    "share": ["10%", "0.5%", "100%", "100.0%", 10], "span": ["45m", "2d", "1d 12h", "1.5h", "2 days"],
    "timing": ["45m", "=entry.value", 3], "window": ["09:00", "09:00-11:00", "09:00 - 11:00", "best", "9am"],
    "weekdays": ["weekdays", "any", ["mon", "tue"], []], "condition": ["contact.open_ticket", True, 1, "entry.value > 3"],
    "value": ["entry.value", 3, 0.5], "literal": [1, "x", "=entry.value", None, [1], {"a": 1}],
    "event": ["order_placed", "clicked", "order_place"], "segment": ["lapsed_90d", "lapsed"],
    "topic": ["promo", "general", "x"], "channel": ["email", "push", "sms"],
    "message": ["email/cart_plain", "push/cart_nudge", "email/none", "cart_plain"],
    "bare_message": ["cart_plain", "welcome_tips"], "target": ["a", "b", "exit", "c"], "zone": ["Europe/Paris", "X"],
    "file": ["shared/x.yaml"], "rate": ["400/day", "5/min", "0/day"], "check": ["hourly", "daily 06:00", "15m", "x"],
    "schedule": ["mon 09:00", "1st 10:00", 'cron "0 9 * * 1"', "x"], "cap": ["3/day", "1/24h", "3"],
    "clock": ["21:30", "8:00"], "fragment": ["nps", "none"], "daypart": ["now", "morning", "18:00-20:30", "dawn"],
    "url": ["https://crm.acme.test/x", "crm"], "moment": ["2026-01-12T20:00"], "context": ["contact.tier", "now.hour"],
    "number": [1, -2.5], "attribute": ["tier", "can_push"], "assigned": ["contact.tier", "journey.x", "contact.x"],
    "day": ["2026-03-01", "1 March"], "yes": [True], "arm": ["email/cart_plain", "nothing"],
}  # fmt: skip


def drawn(shape: Shape) -> st.SearchStrategy[Any]:
    match shape:
        case Word():
            return st.sampled_from(SAMPLES[shape.kind])
        case Choice():
            return st.sampled_from([*shape.words, "none_of_them"])
        case Whole():
            return st.sampled_from([shape.low, shape.low + 1, shape.high or 7, -1])
        case Many():
            several = st.lists(drawn(shape.of), min_size=shape.least, max_size=2)
            return several | drawn(shape.of) if shape.alone else several
        case Table():
            keys = drawn(shape.keys).filter(lambda key: isinstance(key, str))
            return st.dictionaries(keys, drawn(shape.values), min_size=shape.least, max_size=2)
        case Either():
            return st.one_of([drawn(one) for one in shape.shapes])
        case Form():
            return mapped(shape)


def mapped(form: Form) -> st.SearchStrategy[dict[str, Any]]:
    @st.composite
    def draw(choose: Any) -> dict[str, Any]:
        needed = [key for key in form.keys if key.required]
        others = [key for key in form.keys if not key.required]
        more = choose(st.lists(st.sampled_from(others), max_size=3, unique=True)) if others else []
        return {key.name: choose(drawn(key.shape)) for key in [*needed, *more]}

    return draw()


def written(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)


@settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_what_the_reader_accepts_the_schema_accepts(accepts, data):
    made = {
        "journey": "j", "enter": {"event": "cart_abandoned"},
        **{key.name: data.draw(drawn(key.shape)) for key in data.draw(st.lists(st.sampled_from(JOURNEY.keys[1:]), max_size=3, unique=True)) if key.name not in ("states", "use")},
    }  # fmt: skip
    state = JOURNEY.key("states").shape
    assert isinstance(state, Table)
    made["states"] = {"a": data.draw(drawn(state.values)), "b": {"send": "email/cart_plain"}}
    text = written(made)
    if not read(text).codes:
        assert accepts(text), text


def test_what_is_drawn_is_often_good_and_often_not():
    """The property above would hold of nothing, if nothing could be read."""
    good = [{"send": {"message": "email/cart_plain"}}, {"wait_for": {"event": "clicked", "within": "2d"}}]
    for state in good:
        text = written({"journey": "j", "enter": {"event": "cart_abandoned"}, "states": {"a": state}})
        assert read(text).journey is not None, text
    assert SEND.key("message").required
    assert WAIT_FOR.key("within").required


# one truth


def test_the_words_of_the_forms_are_those_of_the_reader():
    assert forms_choose.EXPLORE.words("policy") == project_file.POLICIES
    assert forms_choose.STOP_ARM_IF.names == (*choosing.STOP, "after")


def every(shape: Shape) -> list[Form]:
    match shape:
        case Form():
            return [shape, *(form for key in shape.keys for form in every(key.shape))]
        case Many():
            return every(shape.of)
        case Table():
            return [*every(shape.keys), *every(shape.values)]
        case Either():
            return [form for one in shape.shapes for form in every(one)]
        case _:
            return []


def test_every_key_says_what_it_means_and_every_part_is_in_the_reference():
    forms = list(dict.fromkeys(every(JOURNEY)))
    assert set(forms) <= set(reference.PARTS)
    for form in forms:
        assert len(form.names) == len(set(form.names))
        for key in form.keys:
            assert key.says[0].isupper() or key.says[0] == "`", (form.name, key.name)
            assert key.says.endswith("."), (form.name, key.name)


def test_the_field_reference_is_the_one_that_is_made():
    page = Path(__file__).parents[2] / "docs" / "reference.md"
    assert page.read_text("utf-8") == reference.reference(), (
        "docs/reference.md is behind the forms: run `make reference`"
    )


def test_the_names_of_this_project_are_in_its_schema():
    known = around(kit())
    assert known is not None
    made = journey_schema(known)["properties"]
    assert made["topic"]["enum"] == sorted(project().topics)
    state = made["states"]["additionalProperties"]["properties"]
    assert "email/cart_plain" in state["send"]["anyOf"][0]["enum"]
    assert state["emit"]["properties"]["event"]["enum"] == sorted(project().data.events)
    assert state["run"]["enum"] == ["nps"]
    assert "contact.tier" in state["choose"]["properties"]["context"]["items"]["anyOf"][0]["enum"]
    assert "vars.min_cart" in state["if"]["description"]
