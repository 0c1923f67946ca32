"""Files as nobody would write them: those of the starters, with bytes, words, lines and whole pieces changed.

Rules
- Case number N is always the same file.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from journeys.starters import STARTER

STARTERS = ("shop", "saas")

WORDS = (
    "{{ vars.x }}", "!tag", "&a", "*a", "<<: *a", "0x1F", "1_000", "10:30", "on", "no", "null", "~", "NaN", ".inf",
    "-", "- -", "? x", "%YAML 1.1", "---", "...", "|", ">", "'", '"', "''", "{", "}", "[", "]", "{}", "[]", "[[]]",
    "{a: {}}", ",", ":", ": :", "#", "=", "=vars.x", "=1+1", "=contact.tier", "\t", "\r", "\u0085", "\u2028",
    "\ufeff", "\u202e", "\u0000", "\u0007", "😀", "é" * 40, "9" * 40, "-1", "1e309", "0.5%", "101%",
    "99999999999999999999d", "1d 12h", "2 days", "exit", "goal", "nothing", "start", "any", "email/", "/x",
    "../../etc/passwd", "fragments/../x", "contact.", "event.x", "not not", "((((", "))))", "a and", "or b",
    "count()", "count(clicked within)", "sum(order_placed.total)", "last(x).y", "contact.tier == ",
    'contact.tier in ["a"', "no clicked since", "next(contact.birthday)", "${HOME}", "${", "\\", "\\u0000", "23:60",
    "25:00", "24:00-00:00", "mon 09:00", 'cron "* * * * *"', "2025-02-30", "9999-12-31", "0001-01-01", "- x\n  - y",
    "{% for i in range(999) %}x{% endfor %}", "{% if %}", "{{ contact.first_name | nofilter }}", "<mj-", "</mjml>",
    "<!--", "-->",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """One file of a starter, as it was changed."""

    number: int
    starter: str
    file: str
    content: bytes


@cache
def texts() -> tuple[tuple[str, str, bytes], ...]:
    """Return starter, file and content of everything that an author may write; journeys more often."""
    found = []
    for starter in STARTERS:
        root = STARTER / starter
        for path in sorted(root.rglob("*")):
            if path.is_file():
                file = path.relative_to(root).as_posix()
                often = 1 if file.startswith("templates/") else 3 if "/" not in file else 6
                found += [(starter, file, path.read_bytes())] * often
    return tuple(found)


def case(number: int) -> Case:
    """Return case `number`."""
    chance = random.Random(number)
    starter, file, content = chance.choice(texts())
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        content = chance.choice(CHANGES)(chance, content)
    return Case(number, starter, file, content[: 1 << 21])


def _flip(chance: random.Random, raw: bytes) -> bytes:
    at = chance.randrange(len(raw) + 1)
    return raw[:at] + bytes([chance.randrange(256)]) + raw[at + chance.randrange(2) :]


def _cut(chance: random.Random, raw: bytes) -> bytes:
    start, end = sorted(chance.randrange(len(raw) + 1) for _ in range(2))
    return raw[:start] + raw[min(end, start + chance.choice((1, 4, 40, 4000))) :]


def _copy(chance: random.Random, raw: bytes) -> bytes:
    start, end, at = sorted(chance.randrange(len(raw) + 1) for _ in range(3))
    return raw[:at] + raw[start:end] * chance.choice((1, 1, 2, 20)) + raw[at:]


def _word(chance: random.Random, raw: bytes) -> bytes:
    pieces = raw.replace(b"\n", b"\n ").split(b" ")
    pieces[chance.randrange(len(pieces))] = chance.choice(WORDS).encode()
    return b" ".join(pieces).replace(b"\n ", b"\n")


def _insert(chance: random.Random, raw: bytes) -> bytes:
    at = chance.randrange(len(raw) + 1)
    return raw[:at] + chance.choice(WORDS).encode() + raw[at:]


def _lines(chance: random.Random, raw: bytes) -> bytes:
    lines = raw.split(b"\n")
    one, two = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(6):
        case 0:
            lines[one], lines[two] = lines[two], lines[one]
        case 1:
            del lines[one]
        case 2:
            lines.insert(two, lines[one])
        case 3:
            lines[one] = b"  " + lines[one]
        case 4:
            lines[one] = lines[one][2:]
        case _:
            lines[one] = b"\t" + lines[one].lstrip()
    return b"\n".join(lines)


def _tree(chance: random.Random, raw: bytes) -> bytes:
    """Swap, wrap, drop and double whole pieces, and write it all as YAML again."""
    try:
        data = yaml.safe_load(raw)
    except (yaml.YAMLError, ValueError, UnicodeDecodeError, RecursionError, TypeError):
        return _lines(chance, raw)
    spots = list(_spots(data))
    if not spots:
        return _lines(chance, raw)
    holder, key = chance.choice(spots)
    other, source = chance.choice(spots)
    piece = json.loads(json.dumps(other[source], default=str))
    match chance.randrange(5):
        case 0:
            holder[key] = piece
        case 1:
            holder[key] = [holder[key]]
        case 2:
            holder[key] = {"x": holder[key]}
        case 3:
            holder[key] = chance.choice(WORDS)
        case _:
            holder[key] = chance.choice((None, True, 0, -1, 1.5, "", [], {}, [None], 10**30))
    style = chance.choice((None, True, False))
    return str(yaml.safe_dump(data, sort_keys=False, default_flow_style=style, allow_unicode=True)).encode()


def _spots(data: Any) -> Iterator[tuple[Any, Any]]:
    pairs = list(data.items()) if isinstance(data, dict) else list(enumerate(data)) if isinstance(data, list) else []
    for key, value in pairs:
        yield data, key
        yield from _spots(value)


CHANGES: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _flip, _cut, _copy, _word, _word, _word, _insert, _insert, _lines, _lines, _tree, _tree, _tree,
)  # fmt: skip
