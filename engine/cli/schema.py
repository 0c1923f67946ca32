"""`sojourn config schema`: what editors need to complete and check journeys as they are written."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.answer import Answer
from engine.cli.session import Session

if TYPE_CHECKING:
    from journeys.project import Definitions

JOURNEY, FRAGMENT = Path(".sojourn/journey.schema.json"), Path(".sojourn/fragment.schema.json")
LINE = "# yaml-language-server: $schema=../.sojourn/journey.schema.json"


def schema(
    ctx: typer.Context,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Only the journeys' schema, here; - prints it."),
    ] = None,
) -> Answer:
    """Write the JSON Schema of this project's journeys: its own events, attributes, segments, messages, topics."""
    from engine.errors import DefinitionError

    session: Session = ctx.obj
    definitions = session.definitions()
    texts = schemas(definitions)
    if not texts:
        raise DefinitionError(definitions.problems)
    if out is not None and str(out) == "-":
        return Answer({"schema": json.loads(texts[JOURNEY])}, texts[JOURNEY].splitlines())
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(texts[JOURNEY], encoding="utf-8")
        return Answer({"files": [str(out)]}, [f"wrote {out}"])
    written = write_schemas(session.root, definitions)
    lines = [*(f"wrote {file}" for file in written), f"Editors find it by the first line of a journey:  {LINE}"]
    return Answer({"files": written}, lines)


def schemas(definitions: Definitions) -> dict[Path, str]:
    """Return the text of each schema by its place in the project; none when the settings cannot be read."""
    from journeys.schema import around, fragment_schema, journey_schema

    known = around(definitions)
    if known is None:
        return {}
    made = {JOURNEY: journey_schema(known), FRAGMENT: fragment_schema(known)}
    return {path: json.dumps(one, indent=1, ensure_ascii=False) + "\n" for path, one in made.items()}


def write_schemas(root: Path, definitions: Definitions) -> list[str]:
    """Write the schemas into the project; return their names."""
    texts = schemas(definitions)
    for path, text in texts.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return [path.as_posix() for path in texts]


def outdated(root: Path, definitions: Definitions) -> bool:
    """Return whether the project has a schema for editors that its files have left behind."""
    path = root / JOURNEY
    made = schemas(definitions).get(JOURNEY) if os.access(path, os.W_OK) else None
    return made is not None and path.read_text(encoding="utf-8", errors="replace") != made
