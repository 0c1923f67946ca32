"""Questions as fields of a page, and what comes back as values of their types.

Rules
- Plain fields that every browser and screen reader knows; the question is the label, what is wrong stands beside it.
- A value that is not among what was offered, or not of its type, is never stored.
- What is private is asked and never shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from html import escape
from typing import Any
from zoneinfo import available_timezones

from journeys.survey import Question

LONGEST = 2000  # characters of a text
PREFIX = "a."
_CHOICES = {"choice", "scale", "flag", "many"}
_FLAGS = {"true": "Yes", "false": "No"}
_INPUTS: Mapping[str, str] = {
    "number": 'type="number" step="any" inputmode="decimal"', "date": 'type="date"', "time": 'type="time"',
    "timezone": 'type="text" list="zones" autocomplete="off" spellcheck="false"',
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answered:
    """What a form said: values by question, fields that came empty, and what cannot be taken."""

    values: Mapping[str, Any] = field(default_factory=dict)
    empty: frozenset[str] = frozenset()
    wrong: Mapping[str, str] = field(default_factory=dict)
    said: Mapping[str, Sequence[str]] = field(default_factory=dict)  # as it came, to be shown again


def read(form: Mapping[str, Sequence[str]], questions: Sequence[Question]) -> Answered:
    """Return what a form says about these questions."""
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    said: dict[str, Sequence[str]] = {}
    empty: set[str] = set()
    for one in questions:
        given = [part.strip() for part in form.get(PREFIX + one.name, ()) if part.strip()]
        said[one.name] = given
        if not given:
            empty |= {one.name} if PREFIX + one.name in form else set()
            if one.required:
                wrong[one.name] = "Please answer this question."
            continue
        try:
            values[one.name] = _value(one, given)
        except ValueError as error:
            wrong[one.name] = str(error)
    return Answered(values, frozenset(empty), wrong, said)


def _value(one: Question, given: Sequence[str]) -> Any:
    """Return an answer as a value; ValueError says to its author what is wrong."""
    first = given[0]
    if one.kind in ("choice", "many"):
        if any(part not in one.choices for part in given):
            raise ValueError("Please choose one of these.")
        return first if one.kind == "choice" else [part for part in one.choices if part in given]
    if one.kind == "scale":
        if first not in _steps(one):
            raise ValueError("Please choose one of these.")
        return int(first)
    if one.kind == "flag":
        if first not in _FLAGS:
            raise ValueError("Please choose one of these.")
        return first == "true"
    return _typed(one.kind, first)


def _typed(kind: str, said: str) -> Any:
    if kind == "number":
        number = _number(said)
        if number is None:
            raise ValueError("Please write a number.")
        return number
    if kind in ("date", "time"):
        try:
            return (date if kind == "date" else time).fromisoformat(said).isoformat()[: 10 if kind == "date" else 5]
        except ValueError:
            raise ValueError(f"Please write a {kind}, like {'1990-05-12' if kind == 'date' else '09:30'}.") from None
    if kind == "timezone" and said not in available_timezones():
        raise ValueError("Please choose a time zone from the list, like Europe/Paris.")
    if len(said) > LONGEST:
        raise ValueError(f"Please write at most {LONGEST:,} characters; these are {len(said):,}.")
    return said.replace("\0", "")


def _number(said: str) -> float | int | None:
    try:
        found = float(said.replace(",", "."))
    except ValueError:
        return None
    if not math.isfinite(found) or abs(found) > 1e15:
        return None
    return int(found) if found.is_integer() else found


def shown(questions: Sequence[Question], values: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """Return values as a form shows them; what is private is left out."""
    found: dict[str, Sequence[str]] = {}
    for one in questions:
        value = values.get(one.name, one.default)
        if value is None or one.private:
            continue
        several = value if isinstance(value, list) else [value]
        found[one.name] = [str(part).lower() if isinstance(part, bool) else str(part) for part in several]
    return found


def fields(questions: Sequence[Question], said: Mapping[str, Sequence[str]], wrong: Mapping[str, str]) -> str:
    """Return the questions as HTML."""
    zones = ""
    if any(one.kind == "timezone" for one in questions):
        options = "".join(f'<option value="{zone}">' for zone in sorted(available_timezones()))
        zones = f'<datalist id="zones">{options}</datalist>'
    return "".join(_field(one, said.get(one.name, ()), wrong.get(one.name, "")) for one in questions) + zones


def _field(one: Question, said: Sequence[str], wrong: str) -> str:
    name = escape(PREFIX + one.name)
    needed = ' <span class="soft">(required)</span>' if one.required else ""
    about = f' aria-invalid="true" aria-describedby="{name}-wrong"' if wrong else ""
    note = f'<p class="wrong" id="{name}-wrong">{escape(wrong)}</p>' if wrong else ""
    text = f"{escape(one.text)}{needed}"
    if one.kind in _CHOICES:
        return f'<fieldset class="ask"{about}><legend>{text}</legend>{note}{_options(one, name, said)}</fieldset>'
    value, must = escape(said[0]) if said else "", " required" if one.required else ""
    common = f'id="{name}" name="{name}"{must}{about}'
    if one.kind == "text" and not one.attribute:
        area = f'<textarea {common} rows="4" maxlength="{LONGEST}">{value}</textarea>'
        return f'<div class="ask"><label for="{name}">{text}</label>{note}{area}</div>'
    how = _INPUTS.get(one.kind, f'type="text" maxlength="{LONGEST}"')
    return f'<div class="ask"><label for="{name}">{text}</label>{note}<input {common} {how} value="{value}"></div>'


def _options(one: Question, name: str, said: Sequence[str]) -> str:
    kind = "checkbox" if one.kind == "many" else "radio"
    must = " required" if one.required and kind == "radio" else ""
    offered = _steps(one) if one.kind == "scale" else _FLAGS if one.kind == "flag" else _labelled(one)
    boxes = "".join(
        f'<label><input type="{kind}" name="{name}" value="{escape(value)}"{must}{" checked" if value in said else ""}>'
        f"<span>{escape(label or value)}</span></label>"
        for value, label in offered.items()
    )
    if one.kind == "many":
        return f'<input type="hidden" name="{name}" value="">{boxes}'  # so that nothing chosen comes, too
    if one.kind != "scale":
        return boxes
    ends = f"<p class='ends'><span>{escape(one.low)}</span><span>{escape(one.high)}</span></p>"
    return f'<div class="scale">{boxes}</div>{ends if one.low or one.high else ""}'


def _labelled(one: Question) -> dict[str, str]:
    return dict(zip(one.choices, one.labels or one.choices, strict=True))


def _steps(one: Question) -> dict[str, str]:
    return {str(n): str(n) for n in range(one.span[0], one.span[1] + 1)}
