"""Readers from a CSV file: one a line, its columns named like the attributes of data.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.cli.reading import Unreadable, value_of
from engine.cli.sheet import open_sheet
from engine.errors import ConfigError
from engine.preview.readers import Reader
from journeys.project import Project


def from_file(path: Path, project: Project, entry: Mapping[str, Any]) -> list[Reader]:
    """Return the readers of a file; ConfigError names the line that cannot be read."""
    sheet = open_sheet(path)
    known = project.data.attributes
    if not any(name in known for name in sheet.header):
        raise ConfigError(f"{path}:1: no column is an attribute of data.yaml; there are: {', '.join(known)}")
    return [
        Reader(
            f"{path.name}:{row.line}",
            _values(path, row.line, zip(sheet.header, row.cells, strict=False), project),
            entry,
        )
        for row in sheet
        if not row.wrong
    ]


def _values(path: Path, line: int, cells: Any, project: Project) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, text in cells:
        known = project.data.attributes.get(name)
        if known is None:
            continue
        try:
            found[name] = value_of(text, known.type, known.choices) if text.strip() else None
        except Unreadable as wrong:
            raise ConfigError(f"{path}:{line}: {name} {wrong}") from None
    return found
