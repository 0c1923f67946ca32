"""The types of values in expressions, what may be compared with what, and how a value is read from stored data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Kind:
    """A type: its name, what an author calls the value ("tier"), and the choices of an enum."""

    name: str  # flag, number, text, date, time, duration, list, any, none
    called: str = ""
    choices: tuple[str, ...] = ()
    maybe: bool = False  # may be missing

    def __str__(self) -> str:
        said = f"one of {', '.join(self.choices)}" if self.choices else ARTICLES.get(self.name, self.name)
        return f"{self.called} ({said})" if self.called else said


ARTICLES = {
    "flag": "true or false",
    "number": "a number",
    "text": "text",
    "date": "a date",
    "time": "a time of day",
    "duration": "a length of time",
    "list": "a list",
    "any": "anything",
    "none": "none",
}

FLAG, NUMBER, TEXT = Kind("flag"), Kind("number"), Kind("text")
DATE, TIME, DURATION, LIST, ANY, NONE = (
    Kind("date"),
    Kind("time"),
    Kind("duration"),
    Kind("list"),
    Kind("any"),
    Kind("none"),
)

_OF_TYPE = {"enum": "text", "timezone": "text"}


def kind_of(type_name: str, called: str = "", choices: tuple[str, ...] = (), maybe: bool = False) -> Kind:
    """Return the kind of an attribute or property type of data.yaml."""
    name = type_name.partition("(")[0].strip()
    return Kind(_OF_TYPE.get(name, name if name in ARTICLES else "any"), called, choices, maybe)


def kind_of_value(value: Any, called: str = "") -> Kind:
    """Return the kind of a constant of `vars` or `params`."""
    if isinstance(value, bool):
        return Kind("flag", called)
    if isinstance(value, int | float):
        return Kind("number", called)
    if isinstance(value, str):
        return Kind("text", called)
    if isinstance(value, list | tuple):
        return Kind("list", called)
    return Kind("duration" if type(value).__name__ == "timedelta" else "any", called)


def comparable(one: Kind, two: Kind, op: str) -> bool:
    """Return whether `one op two` can ever mean something."""
    if "any" in (one.name, two.name):
        return True
    if "none" in (one.name, two.name):
        return op in ("==", "!=")
    if {one.name, two.name} == {"date", "text"} or {one.name, two.name} == {"time", "text"}:
        return True
    if one.name != two.name:
        return False
    return op in ("==", "!=") or (one.name in ("number", "text", "date", "time", "duration") and not one.choices)


@lru_cache(maxsize=4096)
def _date(text: str) -> date | datetime | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def _time(text: str) -> time | None:
    try:
        return time.fromisoformat(text)
    except ValueError:
        return None


def as_date(value: Any) -> Any:
    """Return a stored date as a date (or instant); None when it is none."""
    if isinstance(value, str):
        return _date(value)
    return value if isinstance(value, date) else None


def as_time(value: Any) -> Any:
    if isinstance(value, str):
        return _time(value)
    return value if isinstance(value, time) else None


READERS: dict[str, Callable[[Any], Any]] = {"date": as_date, "time": as_time}
