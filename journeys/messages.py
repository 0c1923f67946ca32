"""templates/: which messages there are. The file name is the message: templates/email/cart_plain.mjml."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_FILE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9_/]*)(?:\.(?P<language>[a-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*))?\.(mjml|html|txt|yaml)"
)


def messages(root: Path) -> dict[str, tuple[Path, ...]]:
    """Return every message with its files, language variants included."""
    folder = root / "templates"
    found: dict[str, list[Path]] = {}
    for path in _files(folder):
        parts = path.relative_to(folder).as_posix().partition("/")
        named = _FILE.fullmatch(parts[2])
        if named:
            found.setdefault(f"{parts[0]}/{named['name']}", []).append(path)
    return {name: tuple(files) for name, files in sorted(found.items())}


def _files(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else ()
