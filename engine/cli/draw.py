"""`sojourn draw`: a journey as a picture, in text, SVG, PNG or Mermaid."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.session import Session

if TYPE_CHECKING:
    from journeys import Journey
    from journeys.picture import Live, Picture
    from journeys.project import Definitions, Project

KINDS = (".svg", ".png", ".mmd", ".txt")
DAYS = 30
KEPT = Path(".sojourn") / "draw"
"""Where the picture goes that nobody named a file for; git does not see it."""


def draw(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="JOURNEY")],
    *,
    output: Annotated[
        Path | None, typer.Option("-o", metavar="FILE", help=".svg, .png, .mmd (Mermaid) or .txt; - is the terminal.")
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="With the people inside, and the runs of 30 days.")] = False,
    dark: Annotated[bool, typer.Option("--dark", help="A dark PNG; an SVG is as its reader prefers.")] = False,
) -> Answer:
    """Draw a journey, read from top to bottom."""
    session: Session = ctx.obj
    kind = _kind(output)
    definitions = session.definitions()
    journey = journey_called(definitions, name)
    counts = _live(session, definitions.project, journey) if live and definitions.project else None
    data = {"journey": journey.name, "states": len(journey.states), "file": output, "live": _as_json(counts)}
    if output is None:
        output = session.root / KEPT / f"{journey.name}.svg"
        output.parent.mkdir(parents=True, exist_ok=True)
        _write(session, output, _made(journey, counts, ".svg", dark=dark))
        return _text(session, journey, (None, counts), {**data, "file": output})
    if kind == ".txt":
        return _text(session, journey, (output, counts), data)
    made = _made(journey, counts, kind, dark=dark)
    _write(session, output, made)
    return Answer({**data, "bytes": len(made)})


def _made(journey: Journey, counts: Live | None, kind: str, *, dark: bool) -> bytes:
    from journeys.picture import picture

    return WRITERS[kind](picture(journey, counts), dark)


def _kind(output: Path | None) -> str:
    """Return what to draw, by the name of the file."""
    kind = (output.suffix.lower() or ".txt") if output is not None and str(output) != "-" else ".txt"
    if kind not in KINDS:
        assert output is not None  # noqa: S101 - the terminal gets text
        raise WrongUse(f"draw cannot write {kind}: name the file {output.with_suffix('.svg')}, .png, .mmd or .txt")
    return kind


def _text(
    session: Session, journey: Journey, wanted: tuple[Path | None, Live | None], data: dict[str, object]
) -> Answer:
    from journeys.draw import draw as drawn

    output, live = wanted
    picture = drawn(journey, ascii_only=session.ascii)
    lines = [*picture.split("\n"), *_counted(journey, live)]
    if output is None or str(output) == "-":
        return Answer({**data, "text": picture}, lines)
    _write(session, output, ("\n".join(lines) + "\n").encode())
    return Answer({**data, "text": picture})


def _counted(journey: Journey, live: Live | None) -> list[str]:
    """Return who is where, as a table below the picture."""
    from engine.cli.text import columns, number

    if live is None:
        return []
    left = {name: sum(n for (source, _), n in live.moved.items() if source == name) for name in journey.states}
    rows = [("", "inside", f"left in {live.days} days")]
    rows += [(name, number(live.inside.get(name, 0)), number(left[name])) for name in journey.states]
    rows.append(("held out", number(live.held_out), ""))
    return ["", *columns(rows, right=(1, 2))]


def _as_json(live: Live | None) -> dict[str, object] | None:
    if live is None:
        return None
    moved = [{"source": source, "target": target, "runs": n} for (source, target), n in sorted(live.moved.items())]
    return {"inside": live.inside, "moved": moved, "held_out": live.held_out, "days": live.days}


def _svg(picture: Picture, dark: bool) -> bytes:
    from journeys.svg import svg

    return svg(picture, dark=True if dark else None).encode()


def _png(picture: Picture, dark: bool) -> bytes:
    from engine.png import png
    from journeys.svg import svg

    return png(svg(picture, dark=dark))


def _mermaid(picture: Picture, _: bool) -> bytes:
    from journeys.mermaid import mermaid

    return mermaid(picture).encode()


WRITERS: dict[str, Callable[[Picture, bool], bytes]] = {".svg": _svg, ".png": _png, ".mmd": _mermaid}


def _write(session: Session, output: Path, made: bytes) -> None:
    output.write_bytes(made)
    shown = output.relative_to(Path.cwd()) if output.is_relative_to(Path.cwd()) else output
    session.note(f"wrote {shown}")


def _live(session: Session, project: Project, journey: Journey) -> Live:
    from engine.store.connect import reading
    from engine.store.mapping import traffic
    from journeys.picture import Live

    with session.store(project) as store, reading(store) as conn:
        found = traffic(conn, journey.name, session.now() - timedelta(days=DAYS))
    return Live(found.inside, found.moved, found.held_out, DAYS)


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
