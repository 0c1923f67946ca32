"""Which names a message file asks for, and where: `contact.first_name` at line and column, with or without a fallback.

Read from the template's tree, so every use is found, also in a branch that nobody takes today. A name that the
template sets itself (`{% set entry = … %}`, a loop's own) is the template's business and is not reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import TemplateSyntaxError, nodes

from channels.asking import printed
from channels.errors import TemplateProblem
from channels.markup import cut
from channels.sandbox import Sandbox

READER = Sandbox(autoescape=False)


@dataclass(frozen=True, slots=True)
class Use:
    """`root.name` (or `root` alone, with an empty name) at [col, end_col) of `line`; columns count from 1.

    `guarded`: something else is printed, or nothing asked, when there is no value.
    """

    root: str
    name: str
    line: int
    col: int
    end_col: int
    guarded: bool


def uses(file: str, text: str) -> list[Use]:
    """Return every use of a name in a message file, front matter included; [] when it cannot be read."""
    try:
        source = cut(file, text)
        pieces = [(field.text, field.line) for field in source.fields.values()] + [(source.body, 1)]
        found = [use for piece, line in pieces for use in _of(piece, line)]
    except (TemplateProblem, TemplateSyntaxError, RecursionError):
        return []
    return _placed(found, text.split("\n"))


@dataclass(frozen=True, slots=True)
class Call:
    """What a message asks by name at [col, end_col) of `line`: a segment, a survey, an attribute of a product."""

    what: str  # in_segment, survey_url, product, recommend
    name: str
    line: int
    col: int
    end_col: int


def calls(file: str, text: str) -> list[Call]:
    """Return what a message file asks for by name; [] when it cannot be read."""
    try:
        source = cut(file, text)
        pieces = [(field.text, field.line) for field in source.fields.values()] + [(source.body, 1)]
        found = [one for piece, line in pieces for one in _calls(piece, line)]
    except (TemplateProblem, TemplateSyntaxError, RecursionError):
        return []
    lines = text.split("\n")
    return [_seen(one, lines) for one in sorted(set(found), key=lambda one: (one.line, one.what, one.name))]


def _calls(text: str, first: int) -> Iterator[Call]:
    tree = READER.parse(text)
    for call in tree.find_all(nodes.Call):
        said = call.args[0].value if call.args and isinstance(call.args[0], nodes.Const) else ""
        if isinstance(call.node, nodes.Name) and call.node.name in {"in_segment", "survey_url", "recommend"}:
            yield Call(call.node.name, str(said), call.lineno + first - 1, 0, 0)
    for loop in tree.find_all(nodes.For):
        for name, line in printed(loop):
            yield Call("product", name, line + first - 1, 0, 0)


def _seen(one: Call, lines: list[str]) -> Call:
    before = {"product": r"\.\s*", "recommend": r"\brecommend\s*\(\s*"}.get(one.what, rf"\b{one.what}\s*\(\s*[\"']?")
    line = lines[one.line - 1] if one.line <= len(lines) else ""
    found = re.search(rf"{before}({re.escape(one.name)})", line)
    return one if found is None else Call(one.what, one.name, one.line, found.start(1) + 1, found.end(1) + 1)


def _of(text: str, first: int) -> Iterator[Use]:
    tree = READER.parse(text)
    own = {node.name for node in tree.find_all(nodes.Name) if node.ctx == "store"}
    for node, guarded in _walk(tree, guarded=False):
        match node:
            case nodes.Getattr(node=nodes.Name(name=root), attr=name) if root not in own:
                yield Use(root, name, node.lineno + first - 1, 0, 0, guarded)
            case nodes.Getitem(node=nodes.Name(name=root), arg=nodes.Const(value=str(name))) if root not in own:
                yield Use(root, name, node.lineno + first - 1, 0, 0, guarded)


def _walk(node: nodes.Node, *, guarded: bool) -> Iterator[tuple[nodes.Node, bool]]:
    """Yield every node with whether a missing value is provided for there."""
    yield node, guarded
    for child in node.iter_child_nodes():
        yield from _walk(child, guarded=guarded or _guards(node, child))


def _guards(parent: nodes.Node, child: nodes.Node) -> bool:
    match parent:
        case nodes.Or(left=left):
            return child is left
        case nodes.If(test=test) | nodes.CondExpr(test=test):
            return child is test or isinstance(parent, nodes.If) or child is parent.expr1
        case nodes.Filter(name="default", node=given):
            return child is given
        case nodes.Test() | nodes.Compare() | nodes.And() | nodes.Not():
            return True
    return False


def _placed(found: list[Use], lines: list[str]) -> list[Use]:
    """Return the uses with their columns; the tree knows lines only, so each is looked for in its line in turn."""
    behind: dict[tuple[int, str, str], int] = {}
    placed = []
    for use in found:
        key = use.line, use.root, use.name
        pattern = rf"\b{re.escape(use.root)}\s*(?:\.\s*|\[\s*[\"'])({re.escape(use.name)})\b"
        line = lines[use.line - 1] if use.line <= len(lines) else ""
        at = re.compile(pattern).search(line, behind.get(key, 0))
        if at is None:
            placed.append(use)
            continue
        behind[key] = at.end()
        placed.append(Use(use.root, use.name, use.line, at.start(1) + 1, at.end(1) + 1, use.guarded))
    return sorted(set(placed), key=lambda one: (one.line, one.col))
