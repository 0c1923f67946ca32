"""What one message looks like to one reader, and what is to be said of it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from channels import looks
from channels.asking import CONTENT, sample
from channels.checks import ALT, CLIPPED, IMAGE
from channels.colours import BLACK, WHITE
from channels.templates import Rendered, Template
from engine.preview.readers import Reader

PREHEADER = re.compile(r"<div style=\"display:\s*none[^\"]*\">(.*?)</div>", re.DOTALL)
HREF = re.compile(r"<a\b[^>]*?\shref=\"([^\"]*)\"", re.IGNORECASE)
SUBJECT_LIMIT, PREHEADER_LIMIT = 60, 90
"""Characters that most phones show: a subject, and what stands behind it in the list."""
PUSH_TITLE, PUSH_BODY = 50, 120
SURVEY = "https://example.test/survey"
OUT = "https://example.test/unsubscribe"
Weight = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    weight: Weight
    says: str


@dataclass(frozen=True, slots=True)
class Look:
    """One message as one reader gets it. `locale` is the variant that was taken ("" = the plain file)."""

    message: str
    reader: Reader
    rendered: Rendered
    locale: str
    asked: str
    preheader: str
    checks: tuple[Check, ...]

    @property
    def is_push(self) -> bool:
        return bool(self.rendered.push)


def look(message: str, template: Template, reader: Reader, names: Mapping[str, Any]) -> Look:
    """Render a message for a reader and check it; TemplateProblem when it cannot be rendered.

    `names` are all that a template may name, as proof-reading fills them in; the reader's values go over them.
    """
    invented = sample(template.asks, SURVEY)
    variables = {
        **names,
        **invented,
        CONTENT: {**invented[CONTENT], **reader.content},
        "contact": {**names["contact"], **reader.contact},
        "entry": {**names["entry"], **reader.entry},
        "unsubscribe_url": OUT,
    }
    static = template.static_links
    rendered = template.render(variables, lambda number: static.get(number, f"https://example.test/link/{number}"))
    asked = str(reader.contact.get("locale") or "")
    found = PREHEADER.search(rendered.html)
    preheader = " ".join(html.unescape(found[1]).split()) if found else ""
    checks = tuple(_push(rendered) if rendered.push else _mail(rendered, preheader))
    return Look(message, reader, rendered, template.locale(variables), asked, preheader, checks)


def _mail(rendered: Rendered, preheader: str) -> Iterator[Check]:
    yield _length("Subject", rendered.subject, SUBJECT_LIMIT)
    if rendered.html:
        yield (
            _length("Preheader", preheader, PREHEADER_LIMIT)
            if preheader
            else Check("Preheader", "warning", "none: phones show the first words of the mail in its place")
        )
        yield from _document(rendered.html)
    gone = OUT in rendered.html or OUT in rendered.text
    says = "yes" if gone else "no link; mails that people can leave need one"
    yield Check("Unsubscribe", "ok" if gone else "warning", says)


def _document(document: str) -> Iterator[Check]:
    size = len(document.encode())
    says = f"{size / 1024:.0f} kB (Gmail hides the end above {CLIPPED // 1024} kB)"
    yield Check("Size", "ok" if size <= CLIPPED else "error", says)
    images = IMAGE.findall(document)
    bare = sum(not ALT.search(one.group()) for one in IMAGE.finditer(document))
    said = "all with alt" if not bare else f"{bare} without alt"
    yield Check("Images", "warning" if bare else "ok", f"{len(images)}, {said}" if images else "none")
    links = [url for url in HREF.findall(document) if url.startswith("http")]
    open_ = sum(url.startswith("http:") for url in links)
    said = "all https" if not open_ else f"{open_} without https"
    yield Check("Links", "warning" if open_ else "ok", f"{len(links)}, {said}" if links else "none")
    yield from contrasts(document)


def contrasts(document: str) -> Iterator[Check]:
    """Yield one check for each way of showing the mail: light, the author's dark, forced dark."""
    ways = [("light", document, BLACK, WHITE), ("forced dark", looks.forced_dark(document), WHITE, BLACK)]
    if looks.has_dark(document):
        ways.insert(1, ("dark", looks.dark(document), BLACK, WHITE))
    for way, shown, ink, ground in ways:
        found = looks.faint(shown, ink, ground)
        if not found:
            yield Check(f"Contrast, {way}", "ok", "all words can be read")
        for one in found[:3]:
            says = f'"{one.words}" has {one.ratio}:1, needs {one.needed:g}:1'
            yield Check(f"Contrast, {way}", "warning", says)


def _push(rendered: Rendered) -> Iterator[Check]:
    yield _length("Title", rendered.push.get("title", ""), PUSH_TITLE)
    yield _length("Body", rendered.push.get("body", ""), PUSH_BODY)
    if "link" in rendered.push:
        link = next(iter(rendered.personal_links.values()), rendered.push["link"])
        yield Check("Link", "ok" if link.startswith("https:") else "warning", link)
    size = len(rendered.payload("0" * 60))
    yield Check("Size", "ok" if size <= 3993 else "error", f"{size:,} bytes (push services take 3,993)")


def _length(name: str, words: str, limit: int) -> Check:
    if not words:
        return Check(name, "error", "is empty")
    shown = "shown in full on most phones" if len(words) <= limit else f"phones cut it at about {limit}"
    return Check(name, "ok" if len(words) <= limit else "warning", f"{len(words)} characters, {shown}")
