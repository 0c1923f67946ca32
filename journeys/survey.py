"""What people may say of themselves on our pages: `surveys:` and `preferences:` of data.yaml.

Rules
- A question writes one attribute, or one property of the event `survey_answered`: its answer has that name.
  The event holds no attributes: a private one stays where it is sealed.
- How an attribute may be answered follows from its type; a property says its `kind`.
- A preference is a question about an attribute: its bare name is enough where the type says what may be chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from journeys.fields import ID, Fields, read_text
from journeys.node import Node
from journeys.page import Page
from journeys.project import Attribute, Data

ANSWERED = "survey_answered"
Kind = Literal["scale", "choice", "many", "flag", "text", "number", "date", "time", "timezone"]
KINDS = ("scale", "choice", "many", "flag", "text", "number", "date")
SENT = {"survey": "text", "key": "text", "message": "text", "journey": "text", "state": "text", "channel": "text"}
_BY_TYPE: Mapping[str, Kind] = {
    "enum": "choice", "list": "many", "flag": "flag", "number": "number", "date": "date", "time": "time",
    "timezone": "timezone", "text": "text",
}  # fmt: skip
_MAY: Mapping[str, tuple[str, ...]] = {  # type of the attribute -> kinds that give such a value
    "enum": ("choice",), "list": ("many",), "flag": ("flag",), "number": ("number", "scale"), "date": ("date",),
    "time": ("time",), "timezone": ("timezone",), "text": ("text", "choice"),
}  # fmt: skip
_OF_PROPERTY: Mapping[str, str] = {
    "scale": "number", "choice": "text", "many": "list", "flag": "flag", "text": "text", "number": "number",
    "date": "date",
}  # fmt: skip
_KEYS = ("attribute", "property", "text", "kind", "choices", "from", "to", "low", "high", "required")
WIDEST = 11


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `low` and `high` say what the ends of a scale mean."""

    name: str
    text: str
    kind: Kind
    attribute: bool = False  # else a property of the event
    private: bool = False  # what was answered before is not shown
    required: bool = False
    choices: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()  # what people read in the place of each
    span: tuple[int, int] = (0, 10)
    low: str = ""
    high: str = ""
    default: Any = None  # what counts for who has said nothing


@dataclass(frozen=True, slots=True)
class Survey:
    title: str
    questions: tuple[Question, ...]
    intro: str = ""
    thanks: str = ""


def read_said(top: Fields, data: Data) -> Data:
    """Return `data` with `surveys` and `preferences`, and the event that answers are."""
    surveys = {
        key.raw: survey
        for key, node in top.pairs("surveys")
        if _named(top.page, key) and (survey := _survey(top.page, node, data)) is not None
    }
    preferences = tuple(one for item in top.items("preferences") if (one := _preference(top.page, item, data)))
    if not surveys and "surveys" not in top:
        return replace(data, preferences=preferences)
    asked = {one.name: _OF_PROPERTY.get(one.kind, "text") for s in surveys.values()
             for one in s.questions if not one.attribute}  # fmt: skip
    events = {**data.events, ANSWERED: {**SENT, **asked, **data.events.get(ANSWERED, {})}}
    return replace(data, surveys=surveys, preferences=preferences, events=events)


def _named(page: Page, key: Node) -> bool:
    if ID.fullmatch(key.raw):
        return True
    page.add("S112", key, f'"{key.raw}" is no name: small letters, digits and _, starting with a letter')
    return False


def _survey(page: Page, node: Node, data: Data) -> Survey | None:
    fields = Fields(page, node, ("title", "intro", "thanks", "questions"), "a survey")
    if not fields.needs("title", "questions"):
        return None
    found = tuple(one for item in fields.items("questions") if (one := _question(page, item, data)) is not None)
    names = [one.name for one in found]
    if len(set(names)) < len(names):
        page.add("S112", fields.keys["questions"], "two questions write the same: each answer needs a name of its own")
        return None
    if not found:
        if fields.node_of("questions") and not fields.items("questions"):
            page.add("S112", fields.keys["questions"], "a survey asks at least one question")
        return None
    return Survey(fields.text("title") or "", found, fields.text("intro") or "", fields.text("thanks") or "")


def _preference(page: Page, node: Node, data: Data) -> Question | None:
    if node.kind == "map":
        found = _question(page, node, data)
        if found is not None and not found.attribute:
            page.add("S112", node, "a preference is about an attribute: write `attribute:`")
            return None
        return found
    name = read_text(page, node, "preferences")
    return None if name is None else _of_attribute(page, (node, node), data, Fields(page, None, (), "a question"))


def _question(page: Page, node: Node, data: Data) -> Question | None:
    fields = Fields(page, node, _KEYS, "a question")
    if fields.node is None or fields.node.kind != "map":
        return None
    attribute, prop = fields.node_of("attribute"), fields.node_of("property")
    if (attribute is None) == (prop is None):
        page.add("S113", node, "a question needs `attribute` or `property`: what its answer is written to")
        return None
    if attribute is not None:
        return _of_attribute(page, (attribute, node), data, fields)
    name, kind = fields.name("property"), fields.choice("kind", KINDS, "text")
    if name is None or not fields.needs("text"):
        return None
    if name in SENT:
        page.add("S112", cast("Node", prop), f'"{name}" is said of every answer; call the property otherwise')
        return None
    return _built(page, node, fields, Question(name, fields.text("text") or "", cast("Kind", kind)))


def _of_attribute(page: Page, where: tuple[Node, Node], data: Data, fields: Fields) -> Question | None:
    said, node = where
    declared = data.attributes.get(said.raw)
    if declared is None:
        page.unknown("S112", said, f'a contact has no attribute "{said.raw}"', data.attributes)
        return None
    kind = fields.choice("kind", _MAY[declared.type], _BY_TYPE[declared.type])
    usual = "Time zone" if declared.type == "timezone" else said.raw.replace("_", " ").capitalize()
    asked = Question(
        said.raw, fields.text("text") or usual, cast("Kind", kind), attribute=True,
        private=declared.private or declared.sensitive, choices=_enumerated(declared), default=declared.default,
    )  # fmt: skip
    return _built(page, node, fields, asked)


def _enumerated(declared: Attribute) -> tuple[str, ...]:
    return declared.choices if declared.type == "enum" else ()


def _offered(page: Page, fields: Fields) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return values and what people read in their place: a list says both at once, a mapping each."""
    node = fields.node_of("choices")
    if node is not None and node.kind == "map":
        some = [(key.raw, read_text(page, value, key.raw) or key.raw) for key, value in fields.pairs("choices")]
        return tuple(value for value, _ in some), tuple(label for _, label in some)
    found = tuple(text for item in fields.items("choices") if (text := read_text(page, item, "choices")))
    return found, found


def _built(page: Page, node: Node, fields: Fields, asked: Question) -> Question | None:
    """Return the question with the rest of what its mapping says."""
    choices, labels = _offered(page, fields)
    if asked.choices and any(one not in asked.choices for one in choices):
        page.add("S112", fields.keys["choices"], f"{asked.name} is one of {', '.join(asked.choices)}")
        return None
    choices, labels = (choices, labels) if choices else (asked.choices, asked.choices)
    if asked.kind in ("choice", "many") and len(choices) < 2:
        page.add("S113", node, f"{asked.name} needs `choices`: what people choose from, at least two")
        return None
    low, high = fields.whole("from", 0, 0, 100), fields.whole("to", 10, 1, 100)
    if asked.kind == "scale" and not 1 <= high - low < WIDEST:
        page.add("S112", fields.keys.get("to") or node, f"a scale has 2 to {WIDEST} steps: from 0 to 10, from 1 to 5")
        return None
    ends = (fields.text("low") or "", fields.text("high") or "")
    return replace(asked, choices=choices, labels=labels, span=(low, high), low=ends[0], high=ends[1],
                   required=fields.flag("required", default=False))  # fmt: skip
