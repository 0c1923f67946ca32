"""Decision points as lines name them: "cart_recovery.recover"."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from journeys import Choose, Journey

Point = Annotated[str, typer.Argument(metavar="JOURNEY.STATE", help="A state that chooses.")]


def choices(journeys: Mapping[str, Journey]) -> dict[str, Choose]:
    """Return every decision point of these journeys by its name."""
    return {f"{j.name}.{state}": choose for j in journeys.values() for state, choose in j.choices}


def choice(journeys: Mapping[str, Journey], point: str) -> Choose:
    """Return a decision point; NotFound with a guess."""
    from engine.errors import NotFound

    known = choices(journeys)
    if point in known:
        return known[point]
    inside = [name for name in known if name.partition(".")[0] == point]
    near = inside or get_close_matches(point, known, 1)
    there = f'did you mean "{near[0]}"?' if near else f"there is: {', '.join(sorted(known)) or 'none'}"
    raise NotFound(f'no decision point called "{point}" is deployed; {there}')
