"""The JSON Schema of journey files for editors, made from the forms and from what this project declares.

Rules
- Draft-07, which the YAML language server speaks best. Nothing is refused that the reader accepts; what a schema can
  refuse, it refuses: two actions in one state, `nothing` as a baseline, shares above 100 %.
- What depends on the rest of the file (a state's name, the sum of shares, an expression) is left to lint.
- Everything stands in its place, without `$ref`: in draft-07 a reference would hide the description beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from journeys import entering, fields, limits
from journeys.dayparts import NOW
from journeys.forms import FRAGMENT, JOURNEY
from journeys.names import WEEKDAYS
from journeys.node import resolve
from journeys.project import Attribute, Definitions, Project
from journeys.shape import Choice, Either, Form, Key, Many, Shape, Table, Whole, Word
from journeys.span import SPAN

DIALECT = "http://json-schema.org/draft-07/schema#"
COMPUTED = "^=."
Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Around:
    """What there is to name: the project, its fragments, and the `vars` of its journeys."""

    project: Project
    fragments: Sequence[str] = ()
    vars: Sequence[str] = ()


def around(definitions: Definitions) -> Around | None:
    """Return what the files of a project name; None when its settings cannot be read."""
    project = definitions.project
    if project is None:
        return None
    fragments = sorted(path.stem for path in (project.root / "fragments").glob("*.yaml"))
    names = {name for journey in definitions.journeys.values() for name in journey.vars}
    return Around(project, fragments, sorted(names))


def journey_schema(known: Around) -> Schema:
    """Return the schema of journeys/*.yaml."""
    return {"$schema": DIALECT, "title": "sojourn journey", **_Maker(known).of(JOURNEY)}


def fragment_schema(known: Around) -> Schema:
    """Return the schema of fragments/*.yaml."""
    return {"$schema": DIALECT, "title": "sojourn fragment", **_Maker(known).of(FRAGMENT)}


class _Maker:
    """Shapes to schemas, with this project's names put in."""

    def __init__(self, known: Around) -> None:
        self.around = known
        self.names = _names(known)

    def of(self, shape: Shape) -> Schema:
        match shape:
            case Form():
                return self._form(shape)
            case Word():
                return self._word(shape)
            case Choice():
                return {"enum": list(shape.words)}
            case Whole():
                top = {} if shape.high is None else {"maximum": shape.high}
                return {"type": "integer", "minimum": shape.low, **top}
            case Many():
                return self._many(shape)
            case Table():
                return self._table(shape)
            case Either():
                return {"anyOf": [self.of(one) for one in shape.shapes]}

    def _form(self, form: Form) -> Schema:
        made: Schema = {
            "type": "object",
            "description": form.says,
            "properties": {key.name: self._key(key) for key in form.keys},
            "additionalProperties": False,
        }
        required = [key.name for key in form.keys if key.required]
        if required:
            made["required"] = required
        if form.one_of:
            made["anyOf"] = [{"required": [group[0]]} for group in form.one_of]
        if form.some:
            made["minProperties"] = 1
        needs = _needs(form)
        return {**made, "dependencies": needs} if needs else made

    def _key(self, key: Key) -> Schema:
        says = f"{key.says} Default: {key.default}." if key.default else key.says
        names = self.names.get(_kind(key.shape), "")
        return {**self.of(key.shape), "description": f"{says}\n\n{names}" if names else says}

    def _many(self, shape: Many) -> Schema:
        made: Schema = {"type": "array", "items": self.of(shape.of), "minItems": shape.least}
        if shape.most is not None:
            made["maxItems"] = shape.most
        return {"anyOf": [self.of(shape.of), made]} if shape.alone else made

    def _table(self, shape: Table) -> Schema:
        made: Schema = {"type": "object"}
        values = self.of(shape.values)
        names = self._listed(shape.keys)
        if shape.keys == Word("assigned"):
            made |= self._assigned()
        elif shape.keys == Word("attribute"):
            made |= {"properties": {name: {} for name in names}, "additionalProperties": False}
        elif names:
            made |= {"properties": dict.fromkeys(names, values), "additionalProperties": False}
        else:
            made |= {"propertyNames": self.of(shape.keys), "additionalProperties": values}
        if shape.least:
            made["minProperties"] = shape.least
        return made if shape.most is None else {**made, "maxProperties": shape.most}

    def _listed(self, shape: Shape) -> list[str]:
        """Return the keys that there can be, empty when they are the author's own."""
        if isinstance(shape, Either):
            return [name for one in shape.shapes for name in self._listed(one)]
        if isinstance(shape, Choice):
            return list(shape.words)
        lists = {"event", "channel", "topic", "message", "attribute"}
        return self._among(shape.kind) if isinstance(shape, Word) and shape.kind in lists else []

    def _assigned(self) -> Schema:
        """Return what `set` takes: each attribute with its type, and any `journey.x`."""
        known = self.around.project.data.attributes.items()
        own = {f"contact.{name}": _value(one) for name, one in known}
        return {"properties": own, "patternProperties": {r"^journey\..": {}}, "additionalProperties": False}

    def _word(self, word: Word) -> Schema:
        names = self._among(word.kind)
        if word.kind == "context":
            return {"anyOf": [{"enum": names}, {"type": ["string", "number"]}]}
        if word.kind == "daypart":
            return {"anyOf": [{"enum": names}, {"type": "string", "pattern": _PATTERNS["window"]}]}
        if names:
            return {"enum": names}
        if word.kind in _PATTERNS:
            return {"type": "string", "pattern": _PATTERNS[word.kind], "patternErrorMessage": _SAYS[word.kind]}
        return dict(_PLAIN.get(word.kind, {"type": "string"}))

    def _among(self, kind: str) -> list[str]:
        found = _AMONG.get(kind)
        return sorted(found(self.around)) if found else []


def _names(known: Around) -> Mapping[str, str]:
    """Return the sentence that names what an expression may speak of."""
    data = known.project.data
    contact = ", ".join(f"contact.{name}" for name in data.attributes)
    events = ", ".join(data.events)
    shared = f" Constants: {', '.join(f'vars.{name}' for name in known.vars)}." if known.vars else ""
    says = f"Attributes: {contact}. Events: {events}.{shared}"
    return {"condition": f"{says} Write `any EVENT`, `no EVENT within 5d`, `count(EVENT) >= 2`.", "value": says}


def _kind(shape: Shape) -> str:
    return shape.kind if isinstance(shape, Word) else ""


def _needs(form: Form) -> Schema:
    """Return which keys need others beside them, and which forbid those that come after them in their group."""
    needs: Schema = {group[0]: {"required": list(group[1:])} for group in form.one_of if group[1:]}
    needs |= {key: {"required": [other]} for key, other in form.with_}
    heads = tuple(group[0] for group in form.one_of)
    for group in [*form.at_most_one, heads]:
        for at, key in enumerate(group[:-1]):
            says = f"beside `{key}`: at most one of {', '.join(f'`{name}`' for name in group)}"
            apart = {"properties": dict.fromkeys(group[at + 1 :], False), "errorMessage": says}
            needs[key] = {**needs.get(key, {}), **apart}
    return needs


def _value(one: Attribute) -> Schema:
    """Return what may be written into an attribute: its type, nothing, or something computed."""
    if one.choices:
        return {"anyOf": [{"enum": [*_written(one.choices), None]}, {"type": "string", "pattern": COMPUTED}]}
    kinds = {"number": ["number"], "flag": ["boolean"]}.get(one.type)
    return {"anyOf": [{"type": [*kinds, "null"]}, {"type": "string", "pattern": COMPUTED}]} if kinds else {}


def _written(choices: Iterable[str]) -> list[Any]:
    """Return the values of an enum as YAML reads them: `1` without quotes is a number."""
    return list(dict.fromkeys(value for choice in choices for value in (choice, resolve(choice)[1])))


def _contexts(known: Around) -> list[str]:
    return [*(f"contact.{name}" for name in known.project.data.attributes), "now.hour", "now.weekday"]


_AMONG: dict[str, Callable[[Around], Iterable[str]]] = {
    "event": lambda a: a.project.data.events,
    "segment": lambda a: a.project.data.segments,
    "topic": lambda a: a.project.topics,
    "channel": lambda a: a.project.channels,
    "message": lambda a: [one for one in a.project.messages if one.partition("/")[0] in a.project.channels],
    "bare_message": lambda a: {one.partition("/")[2] for one in a.project.messages},
    "fragment": lambda a: a.fragments,
    "attribute": lambda a: a.project.data.attributes,
    "context": _contexts,
    "daypart": lambda a: [NOW, *a.project.decisions["dayparts"]],
}
_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]"
_PATTERNS = {
    "name": f"^{fields.ID.pattern}$",
    "target": f"^{fields.ID.pattern}$",
    "segment": f"^{fields.ID.pattern}$",
    "fragment": f"^{fields.ID.pattern}$",
    "channel": f"^{fields.ID.pattern}$",
    "message": "^[^/]+/.+$",
    "share": r"^(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)%$",
    "span": f"^{SPAN}$",
    "timing": f"^(=.+|{SPAN})$",
    "clock": f"^{_CLOCK}$",
    "window": rf"^(best|{_CLOCK}(\s*-\s*{_CLOCK})?)$",
    "check": f"^({entering.CHECK}|{SPAN})$",
    "schedule": f"^({entering.SCHEDULE}|{entering.CRON})$",
    "rate": r"^(?!0+/)[0-9]{1,9}/(min|hour|day)$",
    "cap": f"^{limits.RULE}$",
    "url": "^https?://.",
    "day": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "arm": "^(?!nothing$).",
}
_NAME = "a name is small letters, digits and _, starting with a letter"
_SAYS = {
    **dict.fromkeys(("name", "segment", "fragment", "channel"), _NAME),
    "target": "the name of a state, or exit",
    "message": "a message is written channel/name",
    "share": "a share is written like 10%, from 0% to 100%",
    "span": "a length of time is written like 45m, 2d or 1d 12h",
    "timing": "a length of time is written like 45m, 2d or 1d 12h; or =expression",
    "clock": 'a time of day is written like "09:00"',
    "window": 'a time of day or a window is written like "09:00" or "09:00-11:00"; or best',
    "check": "a rhythm is written like daily 06:00, hourly or 15m",
    "schedule": 'a schedule is written like "mon 09:00", "1st 10:00" or cron "0 9 * * 1"',
    "rate": "a rate is written like 400/day",
    "cap": "a cap is written like 3/day, 8/week or 3/7d",
    "url": "an address begins with https://",
    "day": "a date is written like 2026-12-31",
    "arm": "`nothing` cannot be the baseline: people who hear nothing are the holdout",
}
_SCALAR = ["string", "number", "boolean"]
_PLAIN: dict[str, Schema] = {
    "text": {"type": ["string", "number"]},
    "flag": {"type": "boolean"},
    "yes": {"const": True},
    "number": {"type": "number"},
    "condition": {"type": ["string", "boolean"]},
    "value": {"type": ["string", "number"]},
    "literal": {},
    "file": {"type": _SCALAR},
    "moment": {"type": "string"},
    "weekdays": {
        "anyOf": [
            {"enum": list(fields.DAY_WORDS)},
            {"type": "array", "minItems": 1, "items": {"enum": list(WEEKDAYS)}},
        ]
    },
}
