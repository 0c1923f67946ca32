"""What a message asks to be told about its reader: recommendations, interests, segments, surveys.

Rules
- What is asked stands in the template as constants. So it is known before anybody is looked at: it is fetched once for
  a whole batch, and rendering only looks it up.
- Calls are looked up in plain data that somebody else has fetched. Nothing here reads anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlencode

from jinja2 import nodes

FUNCTIONS = ("recommend", "interest", "in_segment", "survey_url")
KNOWN = frozenset({*FUNCTIONS, "top_interest"})
CONTENT = "sojourn_content"
SURVEY = "survey_url"
MOST = 20
"""Most products that one call shows."""

_SPAN = re.compile(r"(\d{1,4})\s*(d|w)")


@dataclass(frozen=True, slots=True, order=True)
class Showing:
    """One recommend(...): how many, whether only products that are new to the person, days before one comes again."""

    count: int = 3
    new: bool = False
    repeat_after: int = 0

    @property
    def key(self) -> str:
        """Return the name under which the answer is kept."""
        return f"{self.count}{' new' if self.new else ''}{f' {self.repeat_after}d' if self.repeat_after else ''}"


@dataclass(frozen=True, slots=True)
class Asks:
    """All that the parts of a message ask for."""

    shows: frozenset[Showing] = frozenset()
    interests: bool = False
    segments: frozenset[str] = frozenset()
    surveys: frozenset[str] = frozenset()
    printed: frozenset[str] = frozenset()  # attributes of products that loops over them name

    def __or__(self, other: Asks) -> Asks:
        return Asks(
            self.shows | other.shows,
            self.interests or other.interests,
            self.segments | other.segments,
            self.surveys | other.surveys,
            self.printed | other.printed,
        )

    def __bool__(self) -> bool:
        return bool(self.shows or self.interests or self.segments or self.surveys)

    @property
    def personal(self) -> bool:
        """Return whether something about the reader has to be fetched."""
        return bool(self.shows or self.interests or self.segments)


NOTHING = Asks()


def asked(tree: nodes.Node) -> Asks:
    """Return what a tree asks for that has passed `objection`."""
    top = any(node.name == "top_interest" for node in tree.find_all(nodes.Name))
    named = {name for loop in tree.find_all(nodes.For) for name, _ in printed(loop)}
    found = Asks(interests=top, printed=frozenset(named))
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in FUNCTIONS:
            found |= _one(call.node.name, call)
    return found


def printed(loop: nodes.For) -> Iterator[tuple[str, int]]:
    """Yield the attributes that a loop over recommend(...) names of each product, with their lines."""
    calls = [loop.iter, *loop.iter.find_all(nodes.Call)]
    shows = any(isinstance(c, nodes.Call) and getattr(c.node, "name", "") == "recommend" for c in calls)
    if shows and isinstance(loop.target, nodes.Name):
        for node in loop.find_all(nodes.Getattr):
            if isinstance(node.node, nodes.Name) and node.node.name == loop.target.name:
                yield node.attr, node.lineno


def _one(name: str, call: nodes.Call) -> Asks:
    if name == "recommend":
        return Asks(shows=frozenset({showing(*_constants(call))}))
    if name == "interest":
        return Asks(interests=True)
    said = frozenset(str(arg.value) for arg in call.args if isinstance(arg, nodes.Const))
    return Asks(segments=said) if name == "in_segment" else Asks(surveys=said)


def _constants(call: nodes.Call) -> tuple[list[Any], dict[str, Any]]:
    given = [arg.value for arg in call.args if isinstance(arg, nodes.Const)]
    return given, {pair.key: pair.value.value for pair in call.kwargs if isinstance(pair.value, nodes.Const)}


def showing(given: list[Any], named: Mapping[str, Any]) -> Showing:
    """Return what a recommend(...) with these constants asks; ValueError says what is wrong with them."""
    count = given[0] if given else 3
    if len(given) > 1 or type(count) is not int or not 1 <= count <= MOST:
        raise ValueError(f"recommend takes how many, 1 to {MOST}: recommend(3)")
    for name in named:
        if name not in {"new", "repeat_after"}:
            raise ValueError(f'recommend has no "{name}"; it takes new=true and repeat_after="30d"')
    new = named.get("new", False)
    if not isinstance(new, bool):
        raise ValueError("new is true or false: recommend(3, new=true)")  # noqa: TRY004 - the author reads it
    return Showing(count, new, _days(named.get("repeat_after", 0)))


def _days(said: Any) -> int:
    found = _SPAN.fullmatch(said.strip()) if isinstance(said, str) else None
    if found:
        return int(found[1]) * (7 if found[2] == "w" else 1)
    if type(said) is int and 0 <= said < 10_000:
        return said
    raise ValueError('repeat_after is a length of time: repeat_after="30d"')


def objection(call: nodes.Call) -> str:
    """Return what is wrong with a call of a plain name, "" when it may stand."""
    name = call.node.name if isinstance(call.node, nodes.Name) else ""
    if name not in FUNCTIONS:
        close = get_close_matches(name, FUNCTIONS, 1)
        hint = f'did you mean "{close[0]}"?' if close else f"there are {', '.join(FUNCTIONS)}"
        return f"a template cannot call functions; use a filter ({hint})"
    values = call.args if name == "survey_url" else [*call.args, *(pair.value for pair in call.kwargs)]
    if call.dyn_args or call.dyn_kwargs or not all(isinstance(one, nodes.Const) for one in values):
        return f"{name} takes what is written out, not a value of the reader: it is fetched before anybody is looked at"
    given, named = _constants(call)
    if name == "recommend":
        try:
            showing(given, named)
        except ValueError as wrong:
            return str(wrong)
        return ""
    if len(given) != 1 or not isinstance(given[0], str) or (call.kwargs and name != "survey_url"):
        return {
            "interest": 'interest takes a topic in quotes: interest("shoes")',
            "in_segment": "in_segment takes the name of a segment: in_segment(gold)",
        }.get(name, 'survey_url takes the name of a survey in quotes: survey_url("nps")')
    return ""


def with_segments(tree: nodes.Template) -> nodes.Template:
    """Let a segment stand without quotes, as in journeys: in_segment(gold)."""
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name == "in_segment":
            call.args = [_quoted(one) for one in call.args]
    return tree


def _quoted(name: nodes.Expr) -> nodes.Expr:
    return nodes.Const(name.name, lineno=name.lineno) if isinstance(name, nodes.Name) else name


def answers(names: Mapping[str, Any]) -> dict[str, Any]:
    """Return the functions of a template: they look up what was fetched about one reader, plain data in `names`.

    CONTENT: recommend (Showing.key -> products), interests (topic -> share), top (the strongest), segments.
    """
    content: Mapping[str, Any] = names.get(CONTENT) or {}
    shown: Mapping[str, Any] = content.get("recommend", {})
    held: Mapping[str, float] = content.get("interests", {})
    inside = content.get("segments", ())
    return {
        "recommend": lambda *given, **named: shown.get(showing(list(given), named).key, []),
        "interest": lambda topic: held.get(topic, 0.0),
        "top_interest": content.get("top"),
        "in_segment": lambda name: name in inside,
        "survey_url": lambda name, **given: _with(names[page_of(name)], given),
    }


def sample(asks: Asks, page: str = "") -> dict[str, Any]:
    """Return answers for a reader whom nobody knows: invented products, no interests, no segments; `page`: surveys."""
    names = dict.fromkeys(asks.printed)
    invented = [
        {**names, "sku": f"A-{n}", "name": f"Product {n}", "family": "things", "department": "all", "price": 10.0 * n,
         "stock": 5, "url": f"https://example.test/product/{n}", "image": f"https://example.test/product/{n}.png"}
        for n in range(1, MOST + 1)
    ]  # fmt: skip
    shown = {one.key: invented[: one.count] for one in asks.shows}
    content: dict[str, Any] = {"recommend": shown, "interests": {}, "top": None, "segments": []}
    return {CONTENT: content, **{page_of(name): page for name in asks.surveys}}


def page_of(survey: str) -> str:
    """Return the name under which a template finds the address of a survey."""
    return f"{SURVEY}:{survey}"


def _with(url: str, given: Mapping[str, Any]) -> str:
    """Return an address with answers that the page then shows as chosen."""
    return f"{url}?{urlencode({name: str(value) for name, value in given.items()})}" if given else url
