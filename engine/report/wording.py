"""How numbers are written in reports: percent, points, counts, money; the same on the page and in the terminal."""

from __future__ import annotations

from engine.report.intervals import Span, Verdict

MINUS = "\u2212"
_ASCII = str.maketrans(
    {
        MINUS: "-", "\u2013": "-", "\u2014": "-", "\u2019": "'", "\u00d7": "x", "\u00a0": " ", "\u202f": " ",
        "…": "...", "·": "|", "▲": "+", "▼": "-", "●": "o", "█": "#", "┤": "|", "└": "+", "─": "-", "€": "EUR ",
        "≥": ">=", "→": "->", "“": '"', "”": '"',
    }
)  # fmt: skip


def percent(share: float, digits: int = 1) -> str:
    """Return 0.164 as 16.4 %."""
    return f"{100 * share:.{digits}f}\u00a0%"


def points(difference: float, *, unit: bool = True) -> str:
    """Return 0.054 as +5.4 pp, with a true minus sign."""
    return signed(100 * difference) + ("\u00a0pp" if unit else "")


def signed(value: float, digits: int = 1) -> str:
    """Return the number with its sign; zero has a plus."""
    text = f"{abs(value):.{digits}f}"
    return (MINUS if value < 0 and float(text) else "+") + text


def bracket(span: Span) -> str:
    """Return an interval of differences as [+2.4, +8.1]."""
    return f"[{points(span.low, unit=False)}, {points(span.high, unit=False)}]"


def rate_bracket(span: Span) -> str:
    """Return an interval of rates as [14.9, 18.0]."""
    return f"[{100 * span.low:.1f}, {100 * span.high:.1f}]"


def count(n: float) -> str:
    """Return 1204 as 1,204."""
    return f"{n:,.0f}"


def about(n: int) -> str:
    """Return a planned size with two figures: 5583 as 5,600."""
    scale = 10 ** max(0, len(str(n)) - 2)
    return f"{-(-n // scale) * scale:,}"


def money(value: float, currency: str) -> str:
    """Return €27,460."""
    return f"{currency}{value:,.0f}"


def plural(noun: str, n: int = 2) -> str:
    """Return the noun, with s unless there is one."""
    return noun if n == 1 else noun + "s"


def verdict_text(verdict: Verdict) -> str:
    """Return the verdict with what would be needed to settle it."""
    if verdict.needed is None or verdict.worth is None:
        return verdict.word
    size = f"{points(verdict.worth).lstrip('+')} needs ~{about(verdict.needed)} per group"
    return f"{verdict.word} ({size})"


def plain_ascii(text: str) -> str:
    """Return the text in ASCII for terminals that know nothing else."""
    return text.translate(_ASCII).encode("ascii", "replace").decode()
