"""S131: what data.yaml calls private or sensitive is not told to a model: a decision is kept with what it saw.

Rules
- `context` of a decision and of the project; what nobody names is left out of the usual context without a word.
- A segment that a context asks for is looked into, too.
"""

from __future__ import annotations

from collections.abc import Iterator

from journeys.expression import Expression
from journeys.node import Node
from journeys.page import Page
from journeys.project import Attribute, Data


def tellable(attribute: Attribute) -> bool:
    """Return whether a model may see this attribute."""
    return not attribute.private and not attribute.sensitive


def refuse_private(page: Page, node: Node, said: Expression | None, data: Data) -> None:
    """Report what this part of a context must not look at."""
    for name in sorted(set(_named(said, data, frozenset()))) if said is not None else ():
        attribute = data.attributes.get(name)
        if attribute is not None and not tellable(attribute):
            word = "private" if attribute.private else "sensitive"
            says = f'"{name}" is {word}: no model is told of it'
            page.add("S131", node, says, helps=("leave it out; data.yaml says what is private or sensitive",))


def _named(said: Expression, data: Data, seen: frozenset[str]) -> Iterator[str]:
    yield from said.attributes
    for segment in said.segments - seen:
        if segment in data.segments:
            yield from _named(data.segments[segment], data, seen | said.segments)
