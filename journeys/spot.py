"""The place of a state while it is read: its file, what it may name, and where it leads when it does not say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from journeys.fields import read_names, read_text, shaped
from journeys.journey import EXIT, Goal, Limits
from journeys.names import Names
from journeys.node import Node
from journeys.page import Page, near, sure
from journeys.place import Place
from journeys.project import Data, Project

RESERVED = ("exit", "start", "goal", "any", "nothing")


@dataclass(frozen=True, slots=True)
class Desk:
    """What holds for every state of the journey that is read."""

    project: Project
    limits: Limits
    transactional: bool
    goal: Goal | None


@dataclass(frozen=True, slots=True)
class Spot:
    """One state to be read. `local` are the states that its file may name; `prefix` is "ask_why." in a fragment."""

    page: Page
    key: Node
    body: Node
    names: Names
    following: str
    falls: bool
    prefix: str = ""
    local: Mapping[str, Node] = field(default_factory=dict)
    first: str | None = None  # where `run` goes on: the first state of its fragment

    @property
    def name(self) -> str:
        return self.prefix + self.key.raw

    def target(self, node: Node | None, default: str) -> str:
        """Return the state that a `then` or `else` names; an unknown one is reported."""
        if node is None or node.kind == "broken" or not shaped(self.page, node, "text", "a target"):
            return default
        if node.raw == EXIT:
            return EXIT
        if node.raw in self.local:
            return self.prefix + node.raw
        self.page.add("R201", node, f'no state called "{node.raw}"', **self._guess(node))
        return default

    def _guess(self, node: Node) -> dict[str, Any]:
        guess = near(node.raw, [*self.local, EXIT])
        if guess is None:
            return {}
        line = f" (line {self.local[guess].line})" if guess in self.local else ""
        return {"label": f'did you mean "{guess}"{line}?', "fix": self.page.meant(node, guess)}

    def seeing(self, events: Iterable[str]) -> Names:
        """Return the names known where one of these events is at hand."""
        return replace(self.names, event=event_props(self.names.data, events))


def event_props(data: Data, events: Iterable[str]) -> dict[str, str]:
    return {prop: kind for event in events for prop, kind in data.events.get(event, {}).items()}


def read_events(page: Page, node: Node | None, data: Data) -> tuple[str, ...]:
    """Return the known events among one name or a list of them; the others are reported."""
    if node is None or node.kind == "broken":
        return ()
    return tuple(dict.fromkeys(item.raw for item in read_names(page, node, "event") if known_event(page, item, data)))


def known_event(page: Page, node: Node, data: Data) -> bool:
    if node.raw in data.events:
        return True
    page.unknown("R202", node, f'no event called "{node.raw}" in data.yaml', data.events)
    return False


def read_segment(page: Page, node: Node | None, data: Data) -> str | None:
    if node is None or node.kind == "broken" or read_text(page, node, "segment") is None:
        return None
    if node.raw in data.segments:
        return node.raw
    # A segment that is declared but wrong has been reported where it stands.
    if f"segments.{node.raw}" not in data.places:
        page.unknown("R204", node, f'no segment called "{node.raw}" in data.yaml', data.segments)
    return None


def read_message(page: Page, node: Node | None, project: Project) -> str | None:
    """Return a message that exists as a template, on a channel that is configured."""
    if node is None or node.kind == "broken" or not shaped(page, node, "text", "a message"):
        return None
    channel, _, name = node.raw.partition("/")
    if not name:
        hits = [message for message in project.messages if message.endswith(f"/{node.raw}")]
        label = f"did you mean {hits[0]}?" if hits else ""
        says = f'a message is written channel/name, not "{node.raw}"'
        page.add("R203", node, says, label=label, fix=page.swap(node, hits[0]) if len(hits) == 1 else ())
        return None
    if node.raw not in project.messages:
        guess = _near_message(channel, name, project)
        more: dict[str, Any] = {"label": f"did you mean {guess}?", "fix": page.meant(node, guess)} if guess else {}
        endings = ".yaml" if channel == "push" else ".txt" if channel == "sms" else ".mjml, .html, .txt"
        notes = (f"looked for templates/{node.raw}{endings}",)
        if not guess:
            more = {"helps": (f"make that file; those in templates/{channel}/ show how",)}
        page.add("R203", node, f"no message {node.raw}", notes=notes, **more)
        return None
    if channel not in project.channels:
        page.unknown("R207", node, f'no channel called "{channel}" in sojourn.yaml', ())
        return None
    return node.raw


def _near_message(channel: str, name: str, project: Project) -> str | None:
    """Return the message of a like name on this channel, else one that is written almost like this."""
    names = [known.partition("/")[2] for known in project.messages if known.startswith(f"{channel}/")]
    found = near(name, names)
    if found is not None:
        return f"{channel}/{found}"
    other = near(f"{channel}/{name}", project.messages)
    return other if other is not None and sure(f"{channel}/{name}", other) else None


def paths(page: Page, node: Node, prefix: str = "") -> dict[str, Place]:
    """Return where every value of a mapping stands, by dotted path; below `score` the keys themselves.

    With a colon behind it, a path is the place of its key: "choose:".
    """
    found: dict[str, Place] = {}
    for key, value in [*node.entries, *_numbered(node)]:
        path = f"{prefix}{key.raw}"
        found.setdefault(path, mark(page, key if prefix.endswith("score.") else value))
        if not prefix:
            found.setdefault(f"{path}:", mark(page, key))
        found.update(paths(page, value, f"{path}."))
    return found


def _numbered(node: Node) -> list[tuple[Node, Node]]:
    return [(replace(item, raw=str(at)), item) for at, item in enumerate(node.items)]


def mark(page: Page, node: Node) -> Place:
    line, col, end_col = page.span(node)
    return Place(page.file, line, col, end_col)
