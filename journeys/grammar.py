"""The grammar of expressions, and plain words for what does not fit it."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lark import Lark, Token, Tree

    Leaf = Tree[Token]

GRAMMAR = r"""
?start: or_
?or_: and_ ("or" and_)*
?and_: not_ ("and" not_)*
?not_: "not" not_ -> negation
    | cmp
?cmp: sum
    | sum OP sum -> comparison
    | sum "in" sum -> within_list
    | sum "not" "in" sum -> outside_list
    | sum "contains" sum -> contains
    | sum "starts" sum -> starts
    | sum "ends" sum -> ends
?sum: term
    | sum "+" term -> add
    | sum "-" term -> sub
?term: factor
    | term "*" factor -> mul
    | term "/" factor -> div
?factor: "none" -> none
    | "-" factor -> minus
    | DURATION -> duration
    | NUMBER -> number
    | TEXT -> text
    | "true" -> true
    | "false" -> false
    | path
    | call
    | happened
    | "(" or_ ")"
    | "[" or_ ("," or_)* "]" -> listed
    | "[" "]" -> listed
path: NAME ("." NAME)*
call: NAME "(" [arg ("," arg)*] ")" ["." NAME]
arg: or_ where? (since | span)?
happened: QUANTIFIER NAME where? (since | span)?
where: "where" cmp
span: "within" (DURATION | path)
since: "since" NAME

QUANTIFIER.2: /(any|no)(?=\s+[a-z_])/
OP: "==" | "!=" | "<=" | ">=" | "<" | ">"
DURATION.2: /\d+(\.\d+)?[smhdw](?![a-z0-9_])(\s+\d+(\.\d+)?[smhdw](?![a-z0-9_]))*/
NUMBER: /\d+(\.\d+)?/
TEXT: /"(\\.|[^"\\])*"|'[^']*'/
NAME: /[a-zA-Z_][a-zA-Z0-9_]*/
%ignore /[ \t\r\n]+/
"""

LONGEST, DEEPEST, SIGNS = 2000, 30, 60

_SINGLE = re.compile(r"(?<![=!<>])=(?!=)")
_TEXT = re.compile(r'"(\\.|[^"\\])*"|' + r"'[^']*'")
_SAID = {
    "$END": "the end",
    "OP": "a comparison",
    "NUMBER": "a number",
    "DURATION": "a length of time",
    "TEXT": "a text in quotes",
    "NAME": "a name",
    "QUANTIFIER": "any/no",
    "LPAR": "(",
    "RPAR": ")",
    "LSQB": "[",
    "RSQB": "]",
}
_INSTEAD = {"&&": "and", "||": "or", "!": "not", "<>": "!=", "===": "=="}


@cache
def _parser() -> Lark:
    from lark import Lark  # noqa: PLC0415 - a tenth of a second that only readers of journeys pay

    return Lark(GRAMMAR, parser="lalr", propagate_positions=True, maybe_placeholders=False)


class Misfit(Exception):
    """The text is no expression: code, from, to, and what to say and suggest."""

    def __init__(self, code: str, start: int, end: int, says: str, label: str = "") -> None:
        super().__init__(says)
        self.code, self.start, self.end, self.says, self.label = code, start, end, says, label


def tree(source: str) -> Leaf:
    """Return the tree of `source` with positions; raise Misfit where it does not fit."""
    from lark.exceptions import UnexpectedInput  # noqa: PLC0415 - see _parser

    if _too_much(source):
        raise Misfit(
            "X300", 0, 1, "this expression is too long or too deep", "split it over several states or segments"
        )
    single = _SINGLE.search(_TEXT.sub(lambda found: "_" * len(found.group()), source))
    if single:
        raise Misfit("X303", single.start(), single.end(), "a single `=` does not compare", "write ==")
    try:
        return _parser().parse(source)
    except UnexpectedInput as error:
        raise _misfit(source, error) from None


def _too_much(source: str) -> bool:
    """Return whether the text is longer or deeper than anything an author means (and a stack bears)."""
    bare = _TEXT.sub("", source)
    deep = most = 0
    for letter in bare:
        deep += (letter in "([") - (letter in ")]")
        most = max(most, deep)
    signs = sum(map(bare.count, "+-*/")) + bare.count("not ") + bare.count("where")
    return len(source) > LONGEST or most > DEEPEST or signs > SIGNS


def _misfit(source: str, error: object) -> Misfit:
    start = getattr(error, "pos_in_stream", None)
    token = getattr(error, "token", None)
    ended = token is not None and token.type == "$END"
    if start is None or start < 0 or ended:
        start = len(source.rstrip())
    found = "" if ended else str(token or source[start : start + 1])
    for theirs, ours in _INSTEAD.items():
        if source.startswith(theirs, start):
            return Misfit("X300", start, start + len(theirs), f"`{theirs}` is not known here", f"write `{ours}`")
    awaited = sorted({_SAID.get(name, name.lower()) for name in _accepted(error)})
    says = f"cannot read on at `{found}`" if found else "this expression ends too early"
    label = "expected " + " or ".join(awaited) if 0 < len(awaited) <= 4 else ""
    return Misfit("X300", start, start + max(1, len(found)), says, label)


def _accepted(error: object) -> set[str]:
    return set(getattr(error, "accepts", None) or getattr(error, "expected", None) or ())
