"""Message files become templates: compiled once per version, rendered per person.

`cart.mjml` (or `.html`), its optional text part `cart.txt`, and language variants `cart.de.mjml`; `x.yaml` is a push
message. Links are numbered from 1 over all variants of a version; addresses that contain template tags get the numbers
behind those, person by person.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from channels.asking import NOTHING, Asks, answers, page_of
from channels.errors import TemplateProblem
from channels.marks import CLOSE, OPEN, Marks, Tag
from channels.markup import Source, cut, inlined, to_text, with_links, with_preheader
from channels.mjml import mjml_to_html
from channels.render import OTHER_SCHEMES, WEB, Links, PersonalLinks, Program, check_source, own_names
from channels.sandbox import OWN, Sandbox

COMPILER = b"1"  # part of every version: a change of the compiler makes new versions
FILE_LIMIT = 256 * 1024
PERSONAL_PAGES = re.compile(r"\b(?:unsubscribe_url|preferences_url|view_url|confirm_url)\b")
OWN_PAGES = re.compile(rf"{PERSONAL_PAGES.pattern}|\bsurvey_url\s*\(")
TEXT_URL = re.compile(rf"https?://(?:{OPEN}\d+{CLOSE}|[^\s<>\"{OPEN}{CLOSE}])+")
VARIANT = re.compile(r"\A(?P<name>[^.]+)(?:\.(?P<locale>[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]+)*))?\.(?P<kind>\w+)\Z")
DOCUMENT = re.compile(r"<(?:html|body|head|!doctype)\b", re.IGNORECASE)
BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")
PUSH_FIELDS = ("title", "body", "link", "image", "ttl")
SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
HTML = Sandbox(autoescape=True)
TEXT = Sandbox(autoescape=False)


@dataclass(frozen=True, slots=True)
class Rendered:
    """One person's message. For push, `payload(key)` is the body of the envelope and `ttl` its life in seconds."""

    subject: str
    html: str
    text: str
    personal_links: Mapping[int, str] = field(default_factory=dict)
    push: Mapping[str, str] = field(default_factory=dict)
    ttl: int | None = None

    def payload(self, key: str) -> bytes:
        """Give the JSON a service worker shows."""
        return json.dumps({**self.push, "key": key}, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Variant:
    """One language of a message, as programs by part: subject, html, text; or the fields of a push message."""

    parts: Mapping[str, Program]
    static: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Template:
    """One version of a message, in all its languages."""

    version: str
    variants: Mapping[str, Variant]  # by locale, lower case with "-"; "" is the plain file
    static_links: Mapping[int, str]
    is_push: bool = False
    pages: frozenset[str] = (
        frozenset()
    )  # which of our own pages it names: unsubscribe_url, preferences_url, view_url, confirm_url, survey_url:NAME
    asks: Asks = NOTHING  # what it wants to be told about its reader

    def render(self, variables: Mapping[str, Any], links: Links) -> Rendered:
        """Fill in one person's values; `links` gives the signed address for a link's number."""
        variant = self.variants[self.locale(variables)]
        personal = PersonalLinks(links, len(self.static_links) + 1)
        names = {**variables, **own_names(links, variant.static, personal)}
        if self.asks:
            names |= answers(names)
        parts = {name: program.run(names) for name, program in variant.parts.items()}
        if self.is_push:
            return _push(variant, parts, personal)
        text = BLANK_LINES.sub("\n\n", parts["text"]).strip("\n") + "\n"
        subject = " ".join(parts["subject"].split())
        return Rendered(subject, parts.get("html", ""), text, personal.by_number)

    def locale(self, variables: Mapping[str, Any]) -> str:
        """Return the language to take for a contact: `de-at`, else `de`, else the plain file, else any."""
        contact = variables.get("contact")
        locale = str((contact.get("locale") if isinstance(contact, Mapping) else None) or "").lower().replace("_", "-")
        while locale and locale not in self.variants:
            locale = locale.rpartition("-")[0]
        return locale if locale in self.variants else next(iter(self.variants))


def _whole(body: str) -> str:
    """Return a document: what stands before the first element of a fragment would be lost."""
    return body if DOCUMENT.search(body) else f"<html><body>{body.strip()}\n</body></html>"


def _push(variant: Variant, parts: dict[str, str], personal: PersonalLinks) -> Rendered:
    ttl = parts.pop("ttl", None)
    fields = {name: value.strip() for name, value in parts.items()}
    seconds = None if ttl is None else _seconds(variant.parts["ttl"].file, ttl)
    return Rendered(fields["title"], "", fields.get("body", ""), personal.by_number, fields, seconds)


def _seconds(file: str, text: str) -> int:
    found = re.fullmatch(r"\s*(\d{1,7})\s*([smhdw]?)\s*", text)
    if found is None:
        raise TemplateProblem(file, 1, f"ttl is a span like 2h or a number of seconds, not {text.strip()[:40]!r}")
    return int(found[1]) * SPANS[found[2] or "s"]


@dataclass(slots=True)
class Numbering:
    """The static links of one version, and what it asks for, as they are met."""

    urls: dict[int, str] = field(default_factory=dict)
    slots: int = 0
    asks: Asks = NOTHING

    def note(self, asks: Asks) -> None:
        self.asks |= asks

    def static(self, url: str) -> int:
        self.urls[len(self.urls) + 1] = url
        return len(self.urls)

    def slot(self) -> int:
        self.slots += 1
        return self.slots


@dataclass(slots=True)
class Compiler:
    """Compile the files of one variant; shares the numbering with the other variants."""

    source: Source
    numbering: Numbering
    marks: Marks = field(default_factory=Marks)
    static: dict[int, str] = field(default_factory=dict)

    def mail(self, kind: str, text: Source | None) -> Variant:
        """Compile a mail from its .mjml, .html or .txt file."""
        file = self.source.file
        parts = {"subject": self._field("subject")}
        if kind == "txt":
            parts["text"] = self._plain(self.source)
            return Variant(parts, self.static)
        self.numbering.note(check_source(file, self.source.body, HTML))
        hidden = self.marks.hide(self.source.body, HTML)
        document = inlined(file, mjml_to_html(file, self.source.body, hidden) if kind == "mjml" else _whole(hidden))
        document = with_links(self._leading(hidden) + document, self._address)
        self._refuse_lost(hidden, document)
        shown = with_preheader(document, self._hidden_field("preheader"))
        parts["html"] = Program.of(file, shown, self.marks, HTML)
        parts["text"] = self._plain(text) if text else Program.of(file, self._spoken(document), self.marks, TEXT)
        return Variant(parts, self.static)

    def _field(self, name: str) -> Program:
        if name not in self.source.fields:
            says = f'there is no {name}; begin the file with <!-- {name}: "..." -->'
            raise TemplateProblem(self.source.file, 1, says)
        return Program.of(self.source.file, self._hidden_field(name), self.marks, TEXT)

    def _hidden_field(self, name: str) -> str:
        value = self.source.fields.get(name)
        if value is None:
            return ""
        self.numbering.note(check_source(self.source.file, value.text, TEXT, value.line))
        return self.marks.hide(value.text, TEXT, value.line, elements=False)

    def _leading(self, hidden: str) -> str:
        """Tags above the document ({% set ... %}) are lost inside HTML tools: bring them back to the top."""
        head = re.split(r"<(?:mj-body|mj-head|body|head|html)\b", hidden, maxsplit=1)
        return "".join(f"{OPEN}{number}{CLOSE}" for number in self.marks.named(head[0])) if len(head) > 1 else ""

    def _refuse_lost(self, hidden: str, document: str) -> None:
        kept = set(self.marks.named(document))
        for number in self.marks.named(hidden):
            tag = self.marks.tags[number]
            if tag.statement and number not in kept:
                says = f"{tag.source} cannot stand between these elements; move it inside one, or before <mjml>"
                raise TemplateProblem(self.source.file, tag.line, says)

    def _spoken(self, document: str) -> str:
        """The text part, the leading tags included."""
        head = re.match(rf"(?:{OPEN}\d+{CLOSE})*", document)
        return (head.group() if head else "") + to_text(document).lstrip("\n")

    def _plain(self, source: Source) -> Program:
        """A text file: its addresses are tracked like those of the HTML, under the same numbers where they agree."""
        self.numbering.note(check_source(source.file, source.body, TEXT))
        marks = Marks()
        known = {url: number for number, url in self.static.items()}
        hidden = marks.hide(source.body.lstrip("\n") if source.fields else source.body, TEXT, elements=False)

        def place(found: re.Match[str]) -> str:
            url = found.group().rstrip(".,;:!?)")
            rest = found.group()[len(url) :]
            if marks.named(url):
                return self._personal(url, marks) + rest
            return self._static(url, marks, known.get(url)) + rest

        return Program.of(source.file, TEXT_URL.sub(place, hidden), marks, TEXT)

    def _address(self, raw: str) -> str | None:
        """Decide about one href of the HTML."""
        named = self.marks.named(raw)
        url = html.unescape(raw).strip()
        if any(OWN_PAGES.search(self.marks.tags[number].source) for number in named):
            return None
        if OTHER_SCHEMES.match(url):
            return None
        if named:
            return self._personal(raw.strip(), self.marks)
        if not WEB.match(url):
            line = self.source.body[: max(0, self.source.body.find(raw))].count("\n") + 1
            raise TemplateProblem(self.source.file, line, f'the link "{url[:60]}" must begin with https://')
        return self._static(url, self.marks, None)

    def _static(self, url: str, marks: Marks, number: int | None) -> str:
        number = number or self.numbering.static(url)
        self.static[number] = url
        return marks.add(Tag(f"{{{{ {OWN}link_{number} }}}}", 1, statement=False))

    def _personal(self, text: str, marks: Marks) -> str:
        line, slot = marks.tags[marks.named(text)[0]].line, self.numbering.slot()
        begin = marks.add(Tag(f"{{% set {OWN}href %}}", line, statement=True))
        end = marks.add(Tag("{% endset %}", line, statement=True))
        call = marks.add(Tag(f"{{{{ {OWN}personal({slot}, {OWN}href) }}}}", line, statement=False))
        return f"{begin}{text}{end}{call}"


def load_template(files: Sequence[Path]) -> Template:
    """Compile the files of one message; TemplateProblem names what is wrong and where."""
    texts = {file: _read(file) for file in sorted(files)}
    if not texts:
        raise TemplateProblem("?", 1, "a message needs at least one file")
    numbering, kinds = Numbering(), {file: _kind(file) for file in texts}
    is_push = any(kind == "yaml" for _, kind in kinds.values())
    variants: dict[str, Variant] = {}
    for locale in sorted({locale for locale, _ in kinds.values()}):
        mine = {kinds[file][1]: file for file in texts if kinds[file][0] == locale}
        variants[locale] = _variant(mine, texts, numbering)
    pages = frozenset(name for text in texts.values() for name in PERSONAL_PAGES.findall(text))
    pages |= {page_of(survey) for survey in numbering.asks.surveys}
    return Template(_version(texts), variants, numbering.urls, is_push, pages, numbering.asks)


def _read(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise TemplateProblem(str(file), 1, f"cannot be read: {error.strerror}") from None
    if len(content) > FILE_LIMIT:
        raise TemplateProblem(str(file), 1, f"is larger than {FILE_LIMIT // 1024} KiB")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise TemplateProblem(str(file), line, "is not UTF-8 text") from None


def _kind(file: Path) -> tuple[str, str]:
    found = VARIANT.match(file.name)
    if found is None or found["kind"] not in {"mjml", "html", "txt", "yaml", "yml"}:
        raise TemplateProblem(str(file), 1, "is no message file; use .mjml, .html, .txt or .yaml")
    locale = (found["locale"] or "").lower().replace("_", "-")
    return locale, "yaml" if found["kind"] == "yml" else found["kind"]


def _variant(files: Mapping[str, Path], texts: Mapping[Path, str], numbering: Numbering) -> Variant:
    if "yaml" in files:
        return _push_variant(str(files["yaml"]), texts[files["yaml"]], numbering)
    kind = next(kind for kind in ("mjml", "html", "txt") if kind in files)
    source = cut(str(files[kind]), texts[files[kind]])
    text = cut(str(files["txt"]), texts[files["txt"]]) if kind != "txt" and "txt" in files else None
    return Compiler(source, numbering).mail(kind, text)


def _push_variant(file: str, text: str, numbering: Numbering) -> Variant:
    compiler = Compiler(Source(file, {}, text), numbering)
    parts: dict[str, Program] = {}
    for name, value, line in _yaml_fields(file, text):
        numbering.note(check_source(file, value, TEXT, line))
        hidden = compiler.marks.hide(value, TEXT, line, elements=False)
        if name == "link":
            new = compiler._address(hidden)  # noqa: SLF001 - the same room
            hidden = hidden if new is None else new
        parts[name] = Program.of(file, hidden, compiler.marks, TEXT)
    if "title" not in parts:
        raise TemplateProblem(file, 1, "a push message needs a title")
    return Variant(parts, compiler.static)


def _yaml_fields(file: str, text: str) -> Iterable[tuple[str, str, int]]:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        says = getattr(error, "problem", None) or "this is not YAML"
        raise TemplateProblem(file, mark.line + 1 if mark else 1, str(says)) from None
    if not isinstance(root, yaml.MappingNode):
        raise TemplateProblem(file, 1, f"a push message is a map with {', '.join(PUSH_FIELDS)}")
    for key, value in root.value:
        line = key.start_mark.line + 1
        if key.value not in PUSH_FIELDS:
            raise TemplateProblem(file, line, f'unknown key "{key.value}"; use {", ".join(PUSH_FIELDS)}')
        if not isinstance(value, yaml.ScalarNode):
            raise TemplateProblem(file, line, f"{key.value} is a text; put it in quotes when it begins with a brace")
        yield key.value, value.value, value.start_mark.line + (2 if value.style in {"|", ">"} else 1)


def _version(texts: Mapping[Path, str]) -> str:
    digest = hashlib.sha256(COMPILER)
    for file, text in texts.items():
        digest.update(f"\0{file.name}\0{len(text)}\0".encode())
        digest.update(text.encode())
    return digest.hexdigest()[:16]


class Library:
    """All messages of a project, compiled when first asked for and again when a file changes."""

    def __init__(self, messages: Mapping[str, Sequence[Path]]) -> None:
        self._messages = messages
        self._kept: dict[str, tuple[tuple[int, ...], Template]] = {}

    def __contains__(self, message: str) -> bool:
        return message in self._messages

    def __getitem__(self, message: str) -> Template:
        """Give the message's template; raises KeyError for an unknown message, TemplateProblem for a broken one."""
        files = self._messages[message]
        stamp = tuple(_stamp(file) for file in files)
        kept = self._kept.get(message)
        if kept is None or kept[0] != stamp:
            kept = (stamp, load_template(files))
            self._kept[message] = kept
        return kept[1]


def _stamp(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
