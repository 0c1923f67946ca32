"""What a reader or a mail program would mind in a message file, found in its source: T705, T706.

And in what it becomes: T703 (no way to unsubscribe), T704 (Gmail clips a mail of more than 102 kB).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from channels.errors import Flaw
from channels.mjml import COMMENT
from channels.templates import Rendered, Template

CLIPPED = 102 * 1024
"""Bytes of HTML above which Gmail shows "[Message clipped]" in place of the end, the unsubscribe link included."""

IMAGE = re.compile(r"<(img|mj-image|mj-carousel-image)\b(?:[^>\"']|\"[^\"]*\"|'[^']*')*>", re.IGNORECASE)
ALT = re.compile(r"\salt\s*=", re.IGNORECASE)
PLAIN_LINK = re.compile(r"\b(?:href|src)\s*=\s*[\"']\s*(http:)//", re.IGNORECASE)
WAYS_OUT = frozenset({"unsubscribe_url", "preferences_url"})


def in_source(file: str, text: str) -> Iterator[Flaw]:
    """Yield images that say nothing to who cannot see them (T705) and links without encryption (T706)."""
    seen = COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)
    for found in IMAGE.finditer(seen):
        if not ALT.search(found.group()):
            place = _place(seen, found.start(), len(found[1]) + 1)
            yield Flaw(
                "T705", "warning", file, place[0], "an image without alt: who cannot see it gets nothing",
                *place[1:], label="add alt",
                helps=('say what it shows: `alt="Two jackets"`; for mere decoration `alt=""`',),
            )  # fmt: skip
    for found in PLAIN_LINK.finditer(seen):
        place = _place(seen, found.start(1), 5)
        yield Flaw(
            "T706", "warning", file, place[0], "http: is not encrypted; browsers warn of it", *place[1:],
            label="write https:", edits=((*place, "https:"),),
        )  # fmt: skip


def _place(text: str, offset: int, width: int) -> tuple[int, int, int]:
    """Return line, column and end column."""
    col = offset - text.rfind("\n", 0, offset)
    return text.count("\n", 0, offset) + 1, col, col + width


def way_out(file: str, text: str, template: Template, topic: str) -> Iterator[Flaw]:
    """Yield T703 when a mail of a topic that people can leave shows no way to leave it."""
    if template.is_push or any(name in text for name in WAYS_OUT):
        return
    lines = text.rstrip().split("\n")
    yield Flaw(
        "T703", "error", file, len(lines), f"{topic} messages need an unsubscribe link", 1, len(lines[-1]) + 1,
        label="none found",
        helps=('add `<a href="{{ unsubscribe_url }}">Unsubscribe</a>`; the List-Unsubscribe header is added for you',),
    )  # fmt: skip


def size(file: str, rendered: Rendered) -> Iterator[Flaw]:
    """Yield T704 for a mail whose HTML is longer than Gmail shows."""
    bytes_ = len(rendered.html.encode())
    if bytes_ > CLIPPED:
        says = f"this mail is {bytes_ / 1024:.0f} kB; above 102 kB Gmail hides its end, the unsubscribe link included"
        yield Flaw(
            "T704", "warning", file, 1, says,
            helps=("shorten it, or leave out repeated styles; images do not count, only what stands in the file",),
        )  # fmt: skip
