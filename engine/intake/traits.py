"""What others call people and things -> attributes and properties of data.yaml, of their declared types.

Rules
- A name is found as it is written, else in small letters with underscores: `firstName`, `First Name` -> `first_name`.
  What stands in an `address` or a `company` is found by its own name too.
- A value of another type is read where it can be ("64.90" is a number), and named as a problem where it cannot;
  the rest is taken.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from engine.reading import LONGEST, Unreadable, value_of
from journeys.project import Attribute

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z0-9]+")
_NESTED = ("address", "company")
_OTHER = {"zip": "postal_code", "postcode": "postal_code", "language": "locale", "time_zone": "timezone"}


def plain(name: str) -> str:
    """Return "order_placed" of "Order Placed", "orderPlaced" and "com.shop/Order-Placed"."""
    return "_".join(word.lower() for word in _WORDS.findall(name))


def by_name(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said by its plain names; what is nested in an address or a company does not hide the rest."""
    found: dict[str, Any] = {}
    for nest in _NESTED:
        inner = said.get(nest)
        if isinstance(inner, Mapping):
            found.update({plain(str(name)): value for name, value in inner.items() if not isinstance(value, Mapping)})
            found.update({f"{nest}_{plain(str(name))}": value for name, value in inner.items()})
    found.update({plain(str(name)): value for name, value in said.items()})
    found.update({str(name): value for name, value in said.items()})
    return {**{_OTHER[name]: value for name, value in found.items() if name in _OTHER}, **found}


def typed(value: Any, declared: Attribute | str) -> Any:
    """Return `value` as the declared type says; None stays None. Unreadable says what was expected."""
    kind = declared if isinstance(declared, str) else declared.type
    choices = () if isinstance(declared, str) else declared.choices
    if value is None or (kind == "flag" and isinstance(value, bool)):
        return value
    if kind == "list":
        return _listed(value)
    if isinstance(value, bool | Mapping | list):
        raise Unreadable(f"must be a {kind}, not {_said(value)}")
    if kind == "number" and isinstance(value, int | float):
        if not math.isfinite(value):
            raise Unreadable("is no number")
        return value
    return value_of(str(value), kind, choices)


def _listed(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, str):
        return list(value_of(value, "list"))
    raise Unreadable(f"must be a list, not {_said(value)}")


def _said(value: Any) -> str:
    return "true or false" if isinstance(value, bool) else "a list" if isinstance(value, list) else "an object"


def attributes_of(
    traits: Mapping[str, Any], declared: Mapping[str, Attribute]
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return the declared attributes that the traits name, and (name, what is wrong) of those that cannot be read.

    None = the trait was taken back.
    """
    named = by_name(traits)
    found: dict[str, Any] = {}
    wrong: list[tuple[str, str]] = []
    for name, attribute in declared.items():
        if name not in named:
            continue
        try:
            found[name] = typed(named[name], attribute)
        except Unreadable as error:
            wrong.append((name, str(error)))
    return found, wrong


def properties_of(said: Mapping[str, Any], declared: Mapping[str, str]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return the properties of an event, declared ones under their own name and of their type; and what is wrong."""
    found, wrong = dict(said), list[tuple[str, str]]()
    named = {plain(str(name)): value for name, value in said.items()}
    for name, kind in declared.items():
        value = said.get(name, named.get(name))
        if value is None:
            continue
        try:
            found[name] = typed(value, kind) if kind != "enum" else value
        except Unreadable as error:
            found.pop(name, None)
            wrong.append((name, str(error)))
    return found, wrong


def unknown(traits: Mapping[str, Any], declared: Mapping[str, Attribute]) -> list[str]:
    """Return the names of traits that data.yaml has no attribute for."""
    known = {*declared, *_NESTED}
    return sorted(
        name
        for name in map(str, traits)
        if name not in known and plain(name) not in known and _OTHER.get(plain(name)) not in known
    )[:50]


def text_of(value: Any, longest: int = 200) -> str | None:
    """Return an id: a text, or a whole number as one; None for what is neither, is empty or cannot be printed."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip() or not value.isprintable() or len(value) > min(longest, LONGEST):
        return None
    return value.strip()
