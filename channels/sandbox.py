"""The room where templates run: plain data in, bounded text out, nothing else within reach.

Rules. Three walls, each enough for the common attack: the tree of a template may hold only listed kinds of nodes;
attributes are looked up only on mappings (and a few listed names on text, dates and `loop`); every way of making
something large (loops, `*`, `+`, `~`, join, replace) is counted. What is refused at load names its line.
"""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from channels import asking, filters
from channels.filters import ITEM_LIMIT, TooLarge, bounded

OWN = "sojourn_"  # names the templates' own machinery uses inside compiled templates
TEXT_METHODS = frozenset(
    {"upper", "lower", "title", "capitalize", "strip", "lstrip", "rstrip", "startswith", "endswith", "split"}
)
MAPPING_METHODS = frozenset({"items", "keys", "values", "get"})
LOOP_NAMES = frozenset({"index", "index0", "first", "last", "length", "revindex", "revindex0", "previtem", "nextitem"})
DATE_NAMES = frozenset({"year", "month", "day", "hour", "minute"})
TESTS = (
    "defined undefined none number string mapping sequence iterable even odd divisibleby boolean integer float true "
    "false lower upper in eq ne lt le gt ge equalto == != < <= > >= greaterthan lessthan"
)
KINDS = (
    "Template Output TemplateData Name Const Assign AssignBlock If For With Getattr Getitem Slice Filter Test Compare "
    "Operand And Or Not Neg Pos Add Sub Mul Div FloorDiv Mod CondExpr Concat List Tuple Dict Pair Call Keyword"
)
ALLOWED = tuple(getattr(nodes, kind) for kind in KINDS.split())
NAMES_REFUSED = frozenset({"self", "super", "caller", "varargs", "kwargs"})
NUMBER_LIMIT = 10**18
OPERATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "//": operator.floordiv, "%": operator.mod,
}  # fmt: skip


class Unknown(StrictUndefined):
    """A name that was not declared; says which, and what may have been meant."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        name = str(self._undefined_name)
        if self._undefined_hint:
            return str(self._undefined_hint)
        if isinstance(self._undefined_obj, Mapping):
            close = get_close_matches(name, [str(key) for key in self._undefined_obj], 1)
            return f'there is no "{name}" here' + (f'; did you mean "{close[0]}"?' if close else "")
        return f'"{name}" is not known'


class Sandbox(ImmutableSandboxedEnvironment):
    """A Jinja environment without globals, loaders or attributes of objects."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(
            autoescape=autoescape,
            undefined=Unknown,
            finalize=filters.scalar,
            keep_trailing_newline=True,
            trim_blocks=not autoescape,
            lstrip_blocks=not autoescape,
        )
        self.globals.clear()
        self.filters = filters.allowed()
        self.tests = {name: self.tests[name] for name in TESTS.split()}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return asking.with_segments(super()._parse(source, name, filename))

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Look a name up: in data first, then among the few listed attributes of its kind."""
        if isinstance(obj, (dict, Mapping)):  # a dict is told at once, any other mapping after a search
            if attribute in obj:
                return obj[attribute]
            return getattr(obj, attribute) if attribute in MAPPING_METHODS else self.undefined(obj=obj, name=attribute)
        if isinstance(obj, Undefined):
            return getattr(obj, attribute)  # raises, naming the first unknown
        for kind, names in ((str, TEXT_METHODS), (LoopContext, LOOP_NAMES), (dt.date, DATE_NAMES)):
            if isinstance(obj, kind) and attribute in names and hasattr(obj, attribute):
                return getattr(obj, attribute)
        return self.undefined(f'a {_kind(obj)} has no "{attribute}"', obj=obj, name=attribute, exc=SecurityError)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Index a mapping by name, or a text or list by number."""
        if isinstance(obj, Mapping):
            return obj[argument] if argument in obj else self.undefined(obj=obj, name=argument)
        if isinstance(obj, (str, list, tuple)) and isinstance(argument, (int, slice)):
            try:
                return obj[argument]
            except IndexError:
                return self.undefined(f"there is no item {argument} among {len(obj)}", obj=obj, name=str(argument))
        return self.undefined(f"a {_kind(obj)} has no {argument!r}", obj=obj, name=str(argument), exc=SecurityError)

    def is_safe_callable(self, obj: Any) -> bool:
        """Only what the tree check has let through is ever called."""
        return True

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Calculate with numbers; `+` also joins texts and lists, up to the bound."""
        if _number(left) and _number(right) and operator in OPERATIONS:
            result = OPERATIONS[operator](left, right)
            if abs(result) > NUMBER_LIMIT:
                raise TooLarge("a number grew past 10^18")
            return result
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return bounded(left + right)
        if operator == "+" and isinstance(left, list) and isinstance(right, list):
            return bounded([*left, *right])
        for side in (left, right):
            if isinstance(side, Undefined):
                str(side)  # raises, naming the unknown
        raise TypeError(f"{_kind(left)} {operator} {_kind(right)} cannot be calculated")


def _kind(value: Any) -> str:
    names = {str: "text", int: "number", float: "number", bool: "flag", type(None): "missing value"}
    return names.get(type(value), type(value).__name__)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) or hasattr(value, "quantize")


class Turns:
    """Count the turns of every loop of one rendering."""

    def __init__(self) -> None:
        self.left = ITEM_LIMIT

    def __call__(self, items: Iterable[Any]) -> Any:
        """Hand the items to a loop, once all its turns are paid for."""
        if isinstance(items, Undefined):
            return items  # raises in the loop, naming the unknown
        known = items if isinstance(items, (list, tuple, str, Mapping)) else list(items)
        self.left -= len(known)
        if self.left < 0:
            raise TooLarge(f"the loops of a message may turn {ITEM_LIMIT} times in all")
        return known


def checked(tree: nodes.Template, *, own: bool = False) -> nodes.Template:
    """Refuse what a template may not hold; `own` allows the names the compiler itself put in."""
    for node in _walk(tree):
        says = _objection(node, own=own)
        if says:
            inner = (child.lineno for child in node.find_all(nodes.Node) if child.lineno)
            raise TemplateSyntaxError(says, node.lineno or next(inner, 1))
    return tree


def counted(tree: nodes.Template) -> nodes.Template:
    """Make every loop pay for its turns, and every `~` stay within bounds."""
    for node in list(tree.find_all(nodes.For)):
        node.iter = nodes.Call(nodes.Name(f"{OWN}turns", "load"), [node.iter], [], None, None).set_lineno(node.lineno)
    _bound_joins(tree)
    return tree


def _bound_joins(node: nodes.Node) -> None:
    for name, value in list(node.iter_fields()):
        if isinstance(value, list):
            setattr(node, name, [_wrapped(item) for item in value])
        elif isinstance(value, nodes.Node):
            setattr(node, name, _wrapped(value))


def _wrapped(value: Any) -> Any:
    if not isinstance(value, nodes.Node):
        return value
    _bound_joins(value)
    if isinstance(value, nodes.Concat):
        return nodes.Filter(value, "bounded", [], [], None, None).set_lineno(value.lineno)
    return value


def _walk(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _walk(child)


def _objection(node: nodes.Node, *, own: bool) -> str:
    if not isinstance(node, ALLOWED):
        return f"a template cannot use {type(node).__name__.lower()} here"
    if isinstance(node, nodes.Name):
        hidden = node.name.startswith("_") or (node.name.startswith(OWN) and not own)
        if node.ctx != "load" and node.name in asking.KNOWN:
            return f'"{node.name}" is what a template asks by; call yours otherwise'
        return f'"{node.name}" cannot be used in a template' if hidden or node.name in NAMES_REFUSED else ""
    if isinstance(node, nodes.Getattr):
        return f'"{node.attr}" cannot be reached from a template' if node.attr.startswith("_") else ""
    if isinstance(node, nodes.Call):
        return _call_objection(node)
    if isinstance(node, nodes.For) and node.recursive:
        return "a loop in a template cannot be recursive"
    if isinstance(node, nodes.AssignBlock):
        return "a {% set %} block cannot hold a loop or a filter" if node.filter or node.find(nodes.For) else ""
    if isinstance(node, nodes.Assign):
        return _literal_objection(node)
    return ""


def _call_objection(node: nodes.Call) -> str:
    method = node.node
    if isinstance(method, nodes.Name) and method.name.startswith(OWN):
        return ""
    if isinstance(method, nodes.Getattr) and method.attr in TEXT_METHODS | MAPPING_METHODS:
        return ""
    if isinstance(method, nodes.Name):
        return asking.objection(node)
    return "a template cannot call functions; use a filter"


def _literal_objection(node: nodes.Assign) -> str:
    """Lists made of lists made of lists double with every line; literals in {% set %} stay constant."""
    for literal in node.find_all((nodes.List, nodes.Tuple, nodes.Dict)):
        if next(literal.find_all((nodes.Name, nodes.Call)), None) and not _is_target(node, literal):
            return "a list in {% set %} can hold only constants"
    return ""


def _is_target(node: nodes.Assign, literal: nodes.Node) -> bool:
    return any(literal is inner for inner in _walk(node.target))
