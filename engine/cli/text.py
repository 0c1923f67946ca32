"""Text that people read: aligned columns, numbers, times, and plain letters where a terminal knows no others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo

GREEN, RED, YELLOW, BOLD, DIM, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[1m", "\x1b[2m", "\x1b[0m"

_ASCII = {
    "▶": ">", "⧖": "~", "◇": "?", "◆": "*", "⑂": "%", "✉": "@", "✎": "=", "●": "!", "↗": "^", "■": "#", "─": "-",
    "│": "|", "├": "|", "└": "`", "┤": "|", "·": "|", "\u2013": "-", "—": "-", "\u2212": "-", "…": "...", "→": "->",
    "←": "<-", "◀": "<", "✓": "ok", "✗": "x", "\u00d7": "x", "≥": ">=", "≤": "<=", "±": "+/-", "€": "EUR ", "█": "#",
    "★": "*", "“": '"', "”": '"', "\u2019": "'", "\u202f": " ", "\xa0": " ",
}  # fmt: skip


def to_ascii(text: str) -> str:
    """Return `text` in ASCII letters only."""
    for letter, plain in _ASCII.items():
        text = text.replace(letter, plain)
    return text.encode("ascii", "replace").decode("ascii")


def columns(rows: Iterable[Sequence[str]], gap: int = 2, right: Sequence[int] = ()) -> list[str]:
    """Return the rows with their cells below each other; `right` names the columns whose cells end in line."""
    table = [list(row) for row in rows]
    if not table:
        return []
    count = max(map(len, table))
    widths = [max((len(row[at]) for row in table if at < len(row)), default=0) for at in range(count)]
    lines = []
    for row in table:
        cells = [cell.rjust(widths[at]) if at in right else cell.ljust(widths[at]) for at, cell in enumerate(row)]
        lines.append((" " * gap).join(cells).rstrip())
    return lines


def number(count: int) -> str:
    """Return 45,903 for 45903."""
    return f"{count:,}"


def counted(count: int, noun: str) -> str:
    """Return "1 message", "2 messages"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def parts(pairs: Iterable[tuple[str, int]], *, zeros: bool = False) -> str:
    """Return "new 3 · updated 2": the counts with their names, those of nothing left out."""
    return " · ".join(f"{name} {count:,}" for name, count in pairs if count or zeros)


def moment(at: datetime, zone: tzinfo) -> str:
    """Return "Tue 14 Oct 2025 18:02"."""
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y %H:%M}"


def short(text: str, width: int) -> str:
    """Return `text` in one line of at most `width` letters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def printable(text: str) -> str:
    """Return `text` without what could move a cursor or change a terminal: it comes from files and strangers."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)
