"""A journey as a Mermaid flow chart, for places that draw those themselves: GitHub, GitLab, Notion, wikis.

Rules
- Names and words are quoted, and what Mermaid would read as its own is written as an entity (`#quot;`).
- Classes begin with `is_`: a class called `end` ends the chart.
- The shapes are Mermaid's: a rhombus asks, a hexagon decides, a stadium waits, a circle ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from journeys.journey import EXIT
from journeys.picture import Box, Picture

SHAPES: Mapping[str, tuple[str, str]] = {
    "enter": ("([", "])"), "wait": ("([", "])"), "branch": ("{", "}"), "decision": ("{{", "}}"), "split": ("{", "}"),
    "end": ("((", "))"),
}  # fmt: skip
BOX = ("[", "]")
TONES: Mapping[str, str] = {
    "enter": "#067647", "wait": "#526079", "branch": "#b54708", "decision": "#6941c6", "split": "#0b6e83",
    "send": "#175cd3", "set": "#526079", "emit": "#9e1f63", "call": "#9e1f63", "end": "#3b4659",
}  # fmt: skip
ENTITIES = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "`": "#96;", ";": "#59;"}


def mermaid(picture: Picture) -> str:
    """Return the chart, with the title in its front matter."""
    lines = ["---", f"title: {_title(picture)}", "---", "flowchart TD"]
    lines += [f"  {line}" for line in _lines(picture)]
    return "\n".join(lines) + "\n"


def _title(picture: Picture) -> str:
    said = " ".join(picture.title.split())
    return f"'{said.replace(chr(39), chr(39) * 2)}'"


def _lines(picture: Picture) -> Iterator[str]:
    ids = {box.name: f"s{n}" for n, box in enumerate(picture.boxes)}
    for box in picture.boxes:
        opens, closes = SHAPES.get(box.kind, BOX)
        yield f'{ids[box.name]}{opens}"{_words(box)}"{closes}:::is_{box.kind}'
    for n, link in enumerate(picture.links):
        said = [*link.labels, *([f"{link.people:,}"] if link.people is not None else [])]
        words = f'|"{"<br>".join(map(quoted, said))}"|' if said else ""
        target = ids.get(link.target) or f'x{n}(("exit")):::is_end'
        yield f"{ids[link.source]} -->{words} {target}"
    if picture.feet:
        said = [f"{foot.words} → {foot.target or EXIT}" for foot in picture.feet]
        yield f'everywhere["from every state:<br>{"<br>".join(map(quoted, said))}"]:::is_foot'
    for kind, tone in TONES.items():
        yield f"classDef is_{kind} stroke:{tone},stroke-width:2px"
    yield "classDef is_foot fill:none,stroke-dasharray:3 3"


def _words(box: Box) -> str:
    arms = [f"{name} {condition}".strip() for _, name, condition in box.arms]
    inside = [f"{box.inside:,} inside"] if box.inside is not None else []
    parts = [*box.does, *box.when] if box.kind == "enter" else [box.title, *box.when, *box.does, *arms, *inside]
    name = "" if box.kind == "enter" else f"<b>{quoted(box.name)}</b>"
    return "<br>".join(filter(None, [name, *(quoted(part) for part in parts)]))


def quoted(said: str) -> str:
    """Return text that Mermaid shows as it is."""
    return "".join(ENTITIES.get(letter, letter) for letter in said)
