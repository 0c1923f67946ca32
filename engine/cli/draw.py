"""`sojourn draw`: a journey as a picture in text."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.session import Session

if TYPE_CHECKING:
    from journeys import Journey
    from journeys.project import Definitions


def draw(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="JOURNEY")],
    output: Annotated[Path | None, typer.Option("-o", metavar="FILE.txt", help="Write it there instead.")] = None,
) -> Answer:
    """Draw a journey in text, read from top to bottom."""
    from journeys.draw import draw as drawn

    session: Session = ctx.obj
    if output is not None and output.suffix not in (".txt", ".md", ""):
        raise WrongUse(f"draw writes text: name the file {output.with_suffix('.txt')}")
    journey = journey_called(session.definitions(), name)
    picture = drawn(journey, ascii_only=session.ascii)
    data = {"journey": journey.name, "states": len(journey.states), "text": picture, "file": output}
    if output is None:
        return Answer(data, picture.split("\n"))
    output.write_text(picture + "\n", encoding="utf-8")
    session.note(f"wrote {output}")
    return Answer(data)


def journey_called(definitions: Definitions, name: str) -> Journey:
    """Return the journey of this name; NotFound with a guess, DefinitionError when its file cannot be used."""
    from engine.errors import DefinitionError, NotFound

    asked = Path(name).stem if name.endswith(".yaml") else name
    if asked in definitions.journeys:
        return definitions.journeys[asked]
    errors = [problem for problem in definitions.problems if problem.severity == "error"]
    mine = [problem for problem in errors if Path(problem.file).stem == asked]
    if mine or (errors and not definitions.journeys):
        raise DefinitionError(mine or errors)
    near = get_close_matches(asked, definitions.journeys, 1)
    there = f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(sorted(definitions.journeys)) or 'none'}"
    raise NotFound(f'no journey called "{name}"; {there}')
