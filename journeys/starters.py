"""The projects that `sojourn init` copies: shop, saas, empty."""

from __future__ import annotations

import shutil
from pathlib import Path

STARTER = Path(__file__).parent / "starter"
IGNORED = "/.sojourn/\n/mailbox/\n/backups/\n*.db\n*.db-shm\n*.db-wal\n"  # a secret, people's mail, people


def starters() -> list[str]:
    """Return the names of the starters."""
    return sorted(folder.name for folder in STARTER.iterdir() if (folder / "sojourn.yaml").is_file())


def copy_starter(name: str, target: Path) -> list[Path]:
    """Copy a starter into `target` and return the new files; FileExistsError, and nothing written, if one is there."""
    if name not in starters():
        raise ValueError(f"there is no starter {name!r}; there are: {', '.join(starters())}")
    source = STARTER / name
    files = sorted(path.relative_to(source) for path in source.rglob("*") if path.is_file())
    taken = [path for path in files if (target / path).exists()]
    if taken:
        raise FileExistsError(f"{target / taken[0]} is already there; nothing was written. Choose an empty folder")
    for path in files:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / path, target / path)
    ignore = target / ".gitignore"
    if not ignore.exists():
        ignore.write_text(IGNORED, encoding="utf-8")
        files.append(Path(".gitignore"))
    return [target / path for path in files]
