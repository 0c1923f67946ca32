"""Drill 30: tokens that nobody signed, that were changed, that are for something else, from before a rotation."""

from __future__ import annotations

import secrets
import statistics
import string
import time
from collections.abc import Callable, Iterator
from random import Random

from engine.drill.drill import Ask, Found
from engine.tokens import Tokens

OLD, NEW = b"an old secret of the drill", b"a new secret of the drill"
LETTERS = string.ascii_letters + string.digits + "-_"
RUN = "0123456789abcdef"
Read = Callable[[str], object]
APART = 0.05
"""How much longer a known message may take to be refused than one that never was."""


def tokens(ask: Ask) -> Found:
    """Drill 30: only what was made for the purpose is accepted, by the old secret too; and time is silent."""
    chance, made = ask.chance, Tokens([NEW, OLD])
    guessed, flipped = ask.some(100_000, 2_000), ask.some(10_000, 500)
    wrong = [*_accepted(made, _guesses(chance, guessed)), *_accepted(made, _flips(chance, made, flipped))]
    wrong += _crossed(made)
    wrong += _rotated()
    known, unknown = _times(made, ask.some(20_000, 4_000))
    apart = abs(known - unknown) / unknown
    if apart > APART:
        wrong.append(f"a forged token of a known message takes {known:.0f} ns, of an unknown one {unknown:.0f} ns")
    figures = {"known_ns": round(known), "unknown_ns": round(unknown), "apart": round(apart, 4)}
    scale = f"{guessed:,} guessed, {flipped:,} with a bit changed, every purpose for every other"
    return Found(scale, wrong=tuple(wrong[:10]), figures=figures)


def _readers(made: Tokens) -> dict[str, Read]:
    return {
        "click": made.read_click, "unsubscribe": made.read_unsubscribe, "preferences": made.read_preferences,
        "view": made.read_view, "confirm": made.read_confirm, "open": made.read_opened,
        "bounce": lambda t: made.read_mailbox("bounce", t), "leave": lambda t: made.read_mailbox("leave", t),
    }  # fmt: skip


def _makers(made: Tokens) -> dict[str, Callable[[str], str]]:
    return {
        "click": lambda key: made.click(key, 0), "unsubscribe": made.unsubscribe, "preferences": made.preferences,
        "view": made.view, "confirm": made.confirm, "open": made.opened,
        "bounce": lambda key: made.mailbox("bounce", key) or "", "leave": lambda key: made.mailbox("leave", key) or "",
    }  # fmt: skip


def _guesses(chance: Random, count: int) -> Iterator[tuple[str, str]]:
    """Give purposes, each with a token of the right form: letters, and a run that there may be."""
    purposes = list(_readers(Tokens([NEW])))
    for _ in range(count):
        seal = "".join(chance.choices(LETTERS, k=24))
        yield chance.choice(purposes), seal + chance.choice((RUN, "".join(chance.choices(LETTERS, k=16))))


def _flips(chance: Random, made: Tokens, count: int) -> Iterator[tuple[str, str]]:
    """Give tokens of ours with one bit changed, large letters for small in mailboxes left out: those are the same."""
    makers = list(_makers(made).items())
    for n in range(count):
        purpose, maker = makers[n % len(makers)]
        token = maker(f"{RUN}:{n % 200}")
        at, bit = chance.randrange(len(token)), 1 << chance.randrange(7)
        changed = token[:at] + chr(ord(token[at]) ^ bit) + token[at + 1 :]
        if changed.lower() != token.lower() or purpose not in {"bounce", "leave"}:
            yield purpose, changed


def _accepted(made: Tokens, tried: Iterator[tuple[str, str]]) -> Iterator[str]:
    readers = _readers(made)
    return (f"{purpose}: {token!r} was accepted" for purpose, token in tried if readers[purpose](token) is not None)


def _crossed(made: Tokens) -> Iterator[str]:
    for purpose, maker in _makers(made).items():
        token = maker(f"{RUN}:3")
        for other, read in _readers(made).items():
            if (read(token) is not None) != (other == purpose):
                yield f"a token for {purpose} read as {other}: {read(token)}"


def _rotated() -> Iterator[str]:
    after, only = _readers(Tokens([NEW, OLD])), _readers(Tokens([NEW]))
    for purpose, maker in _makers(Tokens([OLD])).items():
        token = maker(f"{RUN}:3")
        if after[purpose](token) is None:
            yield f"{purpose}: the old secret is not known any more"
        if only[purpose](token) is not None:
            yield f"{purpose}: accepted without its secret"


def _times(made: Tokens, count: int) -> tuple[float, float]:
    """Return how long a refusal takes, in ns: for a message that was sent, and for one that never was; medians."""
    sent = made.unsubscribe(f"{RUN}:3")
    forged = "A" * 22 + sent[22:24] + RUN, "A" * 22 + sent[22:24] + secrets.token_hex(8)
    took: tuple[list[int], list[int]] = [], []
    for n in range(count):
        began = time.perf_counter_ns()
        made.read_unsubscribe(forged[n % 2])
        took[n % 2].append(time.perf_counter_ns() - began)
    return statistics.median(took[0]), statistics.median(took[1])
