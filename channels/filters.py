"""The filters a template may use: an allow-list, each bounded in what it can make."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jinja2 import Undefined, pass_context
from jinja2.filters import FILTERS
from jinja2.runtime import Context
from markupsafe import Markup, escape

TEXT_LIMIT = 64 * 1024
ITEM_LIMIT = 10_000
PLAIN_FILTERS = (
    "abs capitalize count d default dictsort e escape first float int items last length list lower map max min reject "
    "rejectattr reverse select selectattr sort striptags sum title trim truncate unique upper urlencode wordcount"
)
SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "CHF": "CHF", "SEK": "kr", "PLN": "zł"}
SYMBOL_FIRST = ("en", "ja", "zh")
MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
}
DATE_PATTERN = re.compile(r"(?:%[aAbBdmYyHMSIpj%]|[^%]){1,64}")


class TooLarge(ValueError):
    """A template makes more than a message may hold."""


def bounded(value: Any) -> Any:
    """Pass a text or a list through unless it has outgrown what a message can hold."""
    if isinstance(value, str) and len(value) > TEXT_LIMIT:
        raise TooLarge(f"a text grew past {TEXT_LIMIT} characters")
    if isinstance(value, (list, tuple)) and len(value) > ITEM_LIMIT:
        raise TooLarge(f"a list grew past {ITEM_LIMIT} items")
    return value


def scalar(value: Any) -> Any:
    """Pass what may stand in a text; None prints as nothing, a list or an object is a mistake."""
    if value is None:
        return ""
    if isinstance(value, (str, int, float, dt.date, Undefined)) or hasattr(value, "quantize"):
        return value
    raise TypeError(f"a {type(value).__name__} cannot be printed; print its items, or use tojson")


def joined(value: Iterable[Any], d: str = "", attribute: str | None = None) -> str:
    """Join plain values; the result is text, escaped where it is printed."""
    items = [item[attribute] if attribute else item for item in value]
    texts = [str(scalar(item)) for item in bounded(items)]
    if sum(map(len, texts)) + len(d) * len(texts) > TEXT_LIMIT:
        raise TooLarge(f"a text grew past {TEXT_LIMIT} characters")
    return d.join(texts)


def replaced(value: Any, old: str, new: str, count: int = -1) -> str:
    text, old, new = str(scalar(value)), str(old), str(new)
    if len(text) + (text.count(old) * max(0, len(new) - len(old))) > TEXT_LIMIT:
        raise TooLarge(f"a text grew past {TEXT_LIMIT} characters")
    return text.replace(old, new, count)


def rounded(value: Any, precision: int = 0, method: str = "common") -> float:
    """Round to at most twelve places on either side of the point: more is a bomb."""
    if abs(precision) > 12:
        raise TooLarge(f"numbers are rounded to at most 12 places, not {precision}")
    return float(FILTERS["round"](value, precision, method))


def as_text(value: Any) -> str:
    return str(scalar(value))


def as_json(value: Any) -> Markup:
    """JSON that is safe inside HTML; only plain data has a JSON form."""
    text = json.dumps(value, ensure_ascii=True)
    bounded(text)
    for sign, code in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("'", "\\u0027")):
        text = text.replace(sign, code)
    return Markup(text)  # noqa: S704 - every character that HTML could read is escaped above


def language(context: Context) -> str:
    contact = context.get("contact")
    locale = contact.get("locale") if isinstance(contact, Mapping) else None
    return str(locale or "en")[:2].lower()


@pass_context
def money(context: Context, value: Any, currency: str | None = None) -> str:
    """80 -> "€80.00" or "80,00 €", by the contact's language."""
    if value is None:
        return ""
    code = str(currency or context.get("currency") or "EUR").upper()
    symbol, speech = SYMBOLS.get(code, code), language(context)
    text = f"{float(value):,.2f}"
    if code == "JPY":
        text = f"{float(value):,.0f}"
    if speech in SYMBOL_FIRST:
        return f"{symbol}{text}" if len(symbol) == 1 else f"{symbol} {text}"
    thousands = "\u00a0" if speech == "fr" else "."
    return text.translate(str.maketrans(",.", f"{thousands},")) + f"\u00a0{symbol}"


@pass_context
def date(context: Context, value: Any, pattern: str | None = None) -> str:
    """An ISO text, date or datetime -> "12 May 2026" in the contact's language, or by a strftime pattern."""
    if value is None or value == "":
        return ""
    moment = value if isinstance(value, dt.date) else dt.datetime.fromisoformat(str(value))
    if pattern is not None:
        if DATE_PATTERN.fullmatch(pattern) is None:
            raise ValueError(f"{pattern[:64]!r} is not a date pattern; use %d %m %Y %B %H %M")
        return moment.strftime(pattern)
    names = MONTHS.get(language(context), MONTHS["en"]).split()
    dot = "." if language(context) == "de" else ""
    return f"{moment.day}{dot} {names[moment.month - 1]} {moment.year}"


def plural(count: Any, one: str, many: str | None = None) -> str:
    """The word that goes with the number: 1 item, 2 items."""
    return str(one) if count == 1 else str(many if many is not None else f"{one}s")


def allowed() -> dict[str, Callable[..., Any]]:
    """Every filter by name."""
    kept = {name: FILTERS[name] for name in PLAIN_FILTERS.split()}
    own = {
        "bounded": bounded, "join": joined, "replace": replaced, "string": as_text, "round": rounded, "tojson": as_json,
        "money": money, "date": date, "plural": plural,
    }  # fmt: skip
    return {**kept, **own, "e": escape, "escape": escape}
