"""Journeys ready to be put into a project that is there: `sojourn new`.

Rules
- A starter brings its journey with its tests, and the messages that the project does not have. Nothing is written over.
- What the project must know for it (topics, attributes, events, segments) is told as entries to add, with their place.
- It takes only channels that the project has: a line of a journey that ends in `#: push` is left out without push.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import yaml

from journeys.adding import added
from journeys.node import Node
from journeys.page import Page
from journeys.project import Project
from journeys.reader import read

READY = Path(__file__).parent / "starter" / "journeys"
ONLY = re.compile(r" *#: (\w+)$")
NEEDS = ("topics", "contact", "events", "segments")
FILES = {"topics": "sojourn.yaml"}


@dataclass(frozen=True, slots=True)
class Ready:
    """A journey to begin with: its name, and what it is for."""

    name: str
    says: str


@dataclass(frozen=True, slots=True)
class Addition:
    """Entries for one mapping of a file that is there: ("events", "order_placed") -> {"total": "number"}."""

    file: str
    path: tuple[str, ...]
    entries: Mapping[str, str]

    def __str__(self) -> str:
        return "\n".join([f"{'.'.join(self.path)}:", *(f"  {name}: {value}" for name, value in self.entries.items())])


@dataclass(frozen=True, slots=True)
class Brought:
    """What a starter brings into a project: new files by path, and what must be added to those that are there."""

    files: Mapping[str, str]
    additions: tuple[Addition, ...]
    kept: tuple[str, ...] = field(default=())  # messages of these names are there already

    def changed(self, root: Path) -> dict[str, str]:
        """Return the files that are there with what is added to them."""
        texts: dict[str, str] = {}
        for one in self.additions:
            path = root / one.file
            text = texts.get(one.file) or (path.read_text(encoding="utf-8") if path.is_file() else "")
            texts[one.file] = added(text, one.path, one.entries)
        return texts


def ready() -> list[Ready]:
    """Return the starters, in alphabetical order."""
    folders = sorted(path for path in READY.iterdir() if path.is_dir())
    return [Ready(path.name, str(_read(path / "needs.yaml").data()["says"])) for path in folders]


def brought(starter: str, name: str, project: Project) -> Brought:
    """Return what the starter brings as the journey `name`."""
    text = "\n".join(_lines((READY / starter / "journey.yaml").read_text(encoding="utf-8"), project.channels))
    messages: dict[str, Any] = yaml.safe_load((READY / starter / "messages.yaml").read_text(encoding="utf-8"))
    wanted = {message: said for message, said in messages.items() if message.partition("/")[0] in project.channels}
    fresh = {message: said for message, said in wanted.items() if message not in project.messages}
    files = {f"journeys/{name}.yaml": text.replace("[[name]]", name)}
    files |= dict(_template(message, said, project) for message, said in fresh.items())
    needs = _read(READY / starter / "needs.yaml")
    kept = tuple(message for message in wanted if message not in fresh and message in text)
    return Brought(files, tuple(_additions(needs, project, "\n".join(files.values()))), kept)


def channels_of(starter: str) -> list[str]:
    """Return the channels without which a starter makes no sense."""
    text = "\n".join(_lines((READY / starter / "journey.yaml").read_text(encoding="utf-8"), {}))
    return sorted({channel for channel in ("email", "push", "sms") if f"{channel}/" in text})


def _read(path: Path) -> Node:
    page = Page(path.name, path.read_text(encoding="utf-8"))
    root = read(page)
    if root is None or page.problems:
        raise AssertionError(f"{path} can be read")
    return root


def _lines(text: str, channels: Mapping[str, Any]) -> Iterator[str]:
    for line in text.split("\n"):
        only = ONLY.search(line)
        if only is None:
            yield line
        elif only.group(1) in channels:
            yield line[: only.start()]


def _additions(needs: Node, project: Project, text: str) -> Iterator[Addition]:
    """Yield what the project lacks; of attributes those that the new files name."""
    data = project.data
    known = {"topics": project.topics, "contact": data.attributes, "events": data.events, "segments": data.segments}
    for section in NEEDS:
        wanted = needs.get(section)
        entries = {key.raw: value for key, value in wanted.entries} if wanted is not None else {}
        lacking = {name: value for name, value in entries.items() if name not in known[section]}
        if section == "contact":
            lacking = {name: value for name, value in lacking.items() if name == "email" or f"contact.{name}" in text}
        file = FILES.get(section, "data.yaml")
        if lacking:
            yield Addition(file, (section,), {name: _source(value) for name, value in lacking.items()})
        if section == "events":
            for name in entries.keys() - lacking.keys():
                props = {key.raw: _source(v) for key, v in entries[name].entries if key.raw not in data.events[name]}
                if props:
                    yield Addition(file, (section, name), props)


def _source(node: Node) -> str:
    """Return a value as it is written: a scalar, or a mapping inside { }."""
    if node.kind != "map":
        return node.raw
    return "{" + ", ".join(f"{key.raw}: {_source(value)}" for key, value in node.entries) + "}"


def _template(message: str, said: Mapping[str, Any], project: Project) -> tuple[str, str]:
    """Return the file of a message and its text."""
    brand, address = parseaddr(str(project.channels.get("email", {}).get("from", "")))
    site = f"https://{address.rpartition('@')[2] or 'www.example'}"
    if not message.startswith("email/"):
        push = {**said, "link": f"{site}/{said['link']}"}
        return f"templates/{message}.yaml", "".join(f"{key}: {_quoted(value)}\n" for key, value in push.items())
    postal = str(project.channels["email"].get("postal_address") or "")
    foot = f'        <mj-text mj-class="quiet" css-class="quiet">{html.escape(postal)}</mj-text>' if postal else ""
    filled = {
        "subject": _quoted(said["subject"]), "preheader": _quoted(said["preheader"]), "title": said["title"],
        "text": "\n".join(_paragraph(words) for words in said["text"]), "button": said["button"][0],
        "link": f"{site}/{said['button'][1]}", "brand": html.escape(brand or project.name), "address": foot,
    }  # fmt: skip
    text = (READY / "frame.mjml").read_text(encoding="utf-8")
    for key, value in filled.items():
        text = text.replace(f"[[{key}]]", value)
    return f"templates/{message}.mjml", re.sub(r"\n[ \t]*\n", "\n", text)


def _quoted(value: Any) -> str:
    return json.dumps(str(value), ensure_ascii=False)


def _paragraph(words: str) -> str:
    return f'        <mj-text css-class="words">\n          {words}\n        </mj-text>'
