"""The page of the documentation that shows the starters of `sojourn new`: what each is for, its picture, its file.

Rules
- Made by `make journeys` from the starters themselves, put into the starter shop; nothing here is written by hand.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from journeys.journey import Journey
from journeys.load import load, load_project
from journeys.picture import picture
from journeys.ready import brought, ready
from journeys.starters import copy_starter
from journeys.svg import svg

HEAD = """# Journeys to begin with

`sojourn new JOURNEY --from STARTER` puts one of these into a project that is there: the journey with its tests, the
messages that are missing, and what `data.yaml` and `sojourn.yaml` must know for it, asked first and added without
touching a comment. Nothing is written over, and before anything is written it is tried in a copy: lint, and its tests.

```console
$ sojourn new --list
$ sojourn new basket --from cart
$ sojourn test basket
```

Made by `make journeys`; do not edit this page.
"""


def gallery() -> dict[str, str]:
    """Return the files of the page by their path below docs/."""
    with TemporaryDirectory(prefix="sojourn-") as folder:
        root = Path(folder) / "shop"
        copy_starter("shop", root)
        for path in (root / "journeys").iterdir():
            path.unlink()  # a starter may have the name of one of them
        found = {one.name: _joined(root, one.name) for one in ready()}
        files = {f"journeys/{name}.svg": svg(picture(journey)) for name, (journey, _) in found.items()}
    parts = [_part(one.name, one.says, found[one.name][1]) for one in ready()]
    return {**files, "journeys.md": "\n".join([HEAD, *parts])}


def _joined(root: Path, starter: str) -> tuple[Journey, str]:
    """Put a starter into the project at `root`; return its journey and its text without the tests."""
    project, problems = load_project(root, {})
    if project is None:
        raise AssertionError(problems)
    name = starter.replace("-", "_")
    bring = brought(starter, name, project)
    for file, text in {**bring.files, **bring.changed(root)}.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text, encoding="utf-8")
    return load(root, {}).journeys[name], bring.files[f"journeys/{name}.yaml"].partition("\ntests:")[0]


def _part(name: str, says: str, text: str) -> str:
    lines = [line for line in text.strip().split("\n") if not line.startswith("# yaml-language-server")]
    head = [f"## {name}", "", f"{says[:1].upper()}{says[1:]}.", "", f"![{name}](journeys/{name}.svg)", ""]
    return "\n".join([*head, "```", *lines, "```", ""])


def main(folder: Path) -> None:
    """Write the page below `folder`."""
    for file, text in gallery().items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
