"""Slips that YAML itself would misread or explain badly: found on the text, before it is parsed."""

from __future__ import annotations

import re

from journeys.page import Page
from journeys.problem import Edit

MASK = "\ue000"  # stands for what was reported; a scalar that holds it becomes a broken node

FIXED = "message names are fixed so that they can be checked; pick between messages with `branch:` or `choose:`"

_SUSPECT = re.compile("[\"'[]|\\{\\{")  # a line without any of these holds no slip but a tab
_TAB = re.compile(r"[ ]*\t[ \t]*(?=[^\s#])")
_BRACES = re.compile(r"\{\{.*?(?:\}\}|$)")
_QUOTED = re.compile(
    r"(?:^|[{,\s])(?:if|until|value|cost):[ ]+(?P<quote>\"[^\"]*\"|'[^']*')(?P<rest>[ ]+[^\s,}\]#].*)$"
)
# `{if: contact.tier in ["a", "b"], then: x}`: in braces, a value without quotes cannot hold brackets.
_BRACKETS = re.compile(
    r"[{,]\s*(?P<key>if|until|value|cost):[ ]+"
    r"(?P<whole>(?=[^\s\"'])[^,{}\[\]]+\[[^\[\]{}]*\](?:[^,{}\[\]]*\[[^\[\]{}]*\])*[^,{}\[\]]*)"
)


def code(line: str) -> str:
    """Return the line without its comment."""
    quote = ""
    for i, letter in enumerate(line):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'" and (i == 0 or line[i - 1] in " [{,:"):
            quote = letter
        elif letter == "#" and (i == 0 or line[i - 1] in " \t"):
            return line[:i]
    return line


def mask(page: Page) -> str | None:
    """Report the slips and return the text with each masked, or None when its indentation cannot be trusted."""
    tabs = [number for number, line in enumerate(page.lines, 1) if "\t" in line and _tab(page, number, line)]
    if tabs:
        return None
    lines = []
    for number, line in enumerate(page.lines, 1):
        told = line if page.full or not _SUSPECT.search(line) else _told(page, number, line)
        lines.append(told)
    return "\n".join(lines)


def _told(page: Page, number: int, line: str) -> str:
    return _brackets(page, number, _condition(page, number, _braces(page, number, line)))


def _tab(page: Page, number: int, line: str) -> bool:
    found = _TAB.match(line)
    if found is None:
        return False
    if page.full:
        return True
    col = line.index("\t") + 1
    above = next((page.line(i) for i in range(number - 1, 0, -1) if page.line(i).strip()), "")
    indent = len(above) - len(above.lstrip()) + (2 if code(above).rstrip().endswith(":") else 0)
    spaces = " " * max(indent, 2) if above else ""
    fix = (Edit(number, 1, found.end() + 1, spaces),)
    page.add(
        "Y001",
        (number, col, col + 1),
        "tab used for indentation",
        label="use two spaces",
        helps=("fix: run `sojourn lint --fix`",),
        fix=fix,
    )
    return True


def _braces(page: Page, number: int, line: str) -> str:
    if "{{" not in line:
        return line
    end = len(code(line))
    for found in _BRACES.finditer(line[:end]):
        page.add(
            "Y002",
            (number, found.start() + 1, found.start() + 1 + len(found.group().rstrip())),
            "`{{ … }}` is template syntax and cannot be used in a journey",
            helps=(FIXED,),
            notes=("keep {{ … }} for files under templates/",),
        )
    return _BRACES.sub(lambda found: MASK * len(found.group()), line[:end]) + line[end:]


def _condition(page: Page, number: int, line: str) -> str:
    text = code(line)
    found = _QUOTED.search(text)
    if found is None:
        return line
    start, rest = found.start("quote"), found.group("rest")
    inside = "{" in text[:start]
    tail = re.match(r"[^,}]*", rest) if inside else re.match(r".*\S", rest)
    end = found.start("rest") + len(tail.group().rstrip() if tail else "")
    whole = text[start:end]
    quoted = "'" + whole.replace("'", "''") + "'"
    page.add(
        "Y005",
        (number, start + 1, start + 1 + len(found.group("quote"))),
        f"the condition starts with a quote, so YAML reads only {found.group('quote')} as its value",
        helps=(f"quote the whole condition: `if: {quoted}`",),
        fix=(Edit(number, start + 1, end + 1, quoted),),
    )
    return line[:start] + MASK * (end - start) + line[end:]


def _brackets(page: Page, number: int, line: str) -> str:
    found = _BRACKETS.search(code(line))
    if found is None or _quotes_open(line[: found.start("key")]):
        return line
    whole = found["whole"].rstrip()
    start, end = found.start("whole"), found.start("whole") + len(whole)
    quoted = "'" + whole.replace("'", "''") + "'"
    page.add(
        "Y004",
        (number, found.start("key") + 1, found.start("whole") + found["whole"].index("[") + 1),
        "a bracket inside { } ends the condition here",
        helps=(
            f"put the condition in single quotes: `{found['key']}: {quoted}`",
            "or write the state on several lines",
        ),
        fix=(Edit(number, start + 1, end + 1, quoted),),
    )
    return _brackets(page, number, line[:start] + MASK * (end - start) + line[end:])


def _quotes_open(text: str) -> bool:
    return text.count('"') % 2 == 1 or text.count("'") % 2 == 1
