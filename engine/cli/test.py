"""`sojourn test`: the tests that stand in the journeys, on the real engine and a virtual clock."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli import text
from engine.cli.answer import Answer
from engine.cli.session import Session

if TYPE_CHECKING:
    from engine.testing import Played
    from journeys import Journey
    from journeys.expectation import JourneyTest
    from journeys.project import Definitions

    Chosen = list[tuple[Journey, JourneyTest]]

EXAMPLE = """\
There is no test yet. One stands at the foot of a journey's file:

tests:
  - name: who buys hears nothing more
    events:
      - {at: 0h, signed_up: {}}
      - {at: 2d, order_placed: {total: 40}}
    expect: {ends: goal, sent_at_most: 1}"""


def run_tests(
    ctx: typer.Context,
    select: Annotated[
        list[str] | None, typer.Argument(metavar="[SELECT]...", help="journey, journey.state or tag:x; all if none.")
    ] = None,
    word: Annotated[str, typer.Option("-k", metavar="WORD", help="Only tests whose name has this word.")] = "",
    junit: Annotated[Path | None, typer.Option(metavar="FILE.xml", help="Write the result for a CI server.")] = None,
) -> Answer:
    """Run the tests of the journeys; exit 1 when one fails."""
    session: Session = ctx.obj
    definitions = session.definitions()
    journeys = _selected(definitions, select or [])
    chosen = [pair for journey, asked in journeys for pair in _tests(journey, asked, word)]
    broken = _unreadable(definitions, select or [])
    if not chosen and not broken:
        return _none(definitions, word)
    began = time.monotonic()
    played = _played(session, definitions, chosen)
    seconds = time.monotonic() - began
    if junit is not None:
        from engine.junit import junit_xml

        junit.write_text(junit_xml(played), encoding="utf-8")
        session.note(f"wrote {junit}")
    failed = sum(not one.passed for one in played)
    gaps = {} if word else _gaps([journey for journey, asked in journeys if not asked], played)
    lines = [*_lines(session, played), *_told(session, broken, gaps), _summary(played, seconds)]
    data = {
        "tests": [_as_json(one) for one in played], "passed": len(played) - failed, "failed": failed,
        "seconds": seconds, "unvisited": gaps, "unreadable": broken, "junit": junit,
    }  # fmt: skip
    return Answer(data, lines, (), 1 if failed or broken else 0)


def _selected(definitions: Definitions, said: Sequence[str]) -> list[tuple[Journey, str]]:
    """Return the journeys that are asked for, each with the state that is asked for, "" for all of it."""
    if not said:
        return [(journey, "") for journey in definitions.journeys.values()]
    return [pair for one in said for pair in _named(definitions, one)]


def _named(definitions: Definitions, said: str) -> list[tuple[Journey, str]]:
    from engine.cli.draw import journey_called
    from engine.errors import NotFound

    if said.startswith("tag:"):
        tag = said.removeprefix("tag:")
        tagged = [(journey, "") for journey in definitions.journeys.values() if tag in journey.tags]
        if not tagged:
            known = sorted({tag for journey in definitions.journeys.values() for tag in journey.tags})
            raise NotFound(f'no journey has the tag "{tag}"; there are: {", ".join(known) or "none"}')
        return tagged
    name, _, state = said.partition(".") if not said.endswith(".yaml") else (said, "", "")
    journey = journey_called(definitions, name)
    if state and state not in journey.states:
        near = get_close_matches(state, journey.states, 1)
        hint = f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(journey.states)}"
        raise NotFound(f'{journey.name} has no state "{state}"; {hint}')
    return [(journey, state)]


def _tests(journey: Journey, state: str, word: str) -> Iterator[tuple[Journey, JourneyTest]]:
    for one in journey.tests:
        expected = one.expected
        named = {*expected.path, *one.forced, *(name for _, name in expected.state_at)}
        if (not state or state in named) and word.lower() in one.name.lower():
            yield journey, one


def _unreadable(definitions: Definitions, said: Sequence[str]) -> list[str]:
    """Return the files of journeys that cannot be read, and whose tests cannot be known."""
    if said:
        return []
    there = {journey.file for journey in definitions.journeys.values()}
    files = {problem.file for problem in definitions.problems if problem.severity == "error"}
    return sorted(file for file in files if file.startswith("journeys/") and file not in there)


def _none(definitions: Definitions, word: str) -> Answer:
    from engine.errors import NotFound

    if any(journey.tests for journey in definitions.journeys.values()):
        raise NotFound(f'no test has "{word}" in its name' if word else "no test is about that")
    return Answer({"tests": [], "passed": 0, "failed": 0}, EXAMPLE.split("\n"))


def _played(session: Session, definitions: Definitions, chosen: Chosen) -> list[Played]:
    from engine.errors import DefinitionError
    from engine.testing import Stage

    outside = [p for p in definitions.problems if p.severity == "error" and not p.file.startswith("journeys/")]
    if definitions.project is None or outside:
        raise DefinitionError(outside or definitions.problems)
    if not chosen:
        return []
    stage = Stage(definitions)
    try:
        with session.bar("tests", len(chosen)) as bar:
            played = []
            for n, (journey, one) in enumerate(chosen, 1):
                played.append(stage.play(journey, one))
                bar.to(n)
            return played
    finally:
        stage.close()


def _gaps(journeys: Sequence[Journey], played: Sequence[Played]) -> dict[str, list[str]]:
    """Return, by journey, the states that no test came through; "*" for a journey without tests."""
    from engine.testing import unvisited

    found = {journey.name: unvisited(journey, played) if journey.tests else ["*"] for journey in journeys}
    return {name: states for name, states in found.items() if states}


def _lines(session: Session, played: Sequence[Played]) -> Iterator[str]:
    wide = max((len(one.test.name) for one in played), default=0)
    last = ""
    for one in played:
        if one.journey != last:
            last = one.journey
            yield session.paint(last, text.BOLD)
        sign = session.paint("✓", text.GREEN) if one.passed else session.paint("✗", text.RED)
        yield f"  {sign} {text.printable(one.test.name):<{wide}}   {one.seconds:.2f} s"
        yield from _against(one)


def _against(one: Played) -> Iterator[str]:
    """Yield why a test failed."""
    from journeys.show import head

    for problem in one.broken:
        yield f"      {head(problem)}" + (f" ({problem.label})" if problem.label else "")
    for miss in one.misses:
        yield f"      expected  {miss.expected}   ({miss.place})"
        yield f"      got       {miss.got}"
        for n, reason in enumerate(miss.because):
            yield f"      {'because' if n == 0 else '':<7}   {text.printable(reason)}"


def _told(session: Session, broken: Sequence[str], gaps: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield which files cannot be read, and where no test goes."""
    for file in broken:
        yield f"{session.paint('✗', text.RED)} {file} cannot be read (sojourn lint shows why)"
    silent = [name for name, states in gaps.items() if states == ["*"]]
    for name, states in gaps.items():
        if name not in silent:
            yield session.paint(f"no test of {name} comes through: {', '.join(states)}", text.DIM)
    if silent:
        yield session.paint(f"without tests: {', '.join(silent)}", text.DIM)


def _summary(played: Sequence[Played], seconds: float) -> str:
    failed = sum(not one.passed for one in played)
    count = text.counted(len(played), "test")
    return f"{count}: {len(played) - failed:,} passed, {failed:,} failed in {seconds:.1f} s"


def _as_json(one: Played) -> dict[str, Any]:
    from journeys.show import as_json

    return {
        "journey": one.journey, "name": one.test.name, "file": one.test.place.file, "line": one.test.place.line,
        "passed": one.passed, "seconds": one.seconds, "misses": one.misses, "visited": one.visited,
        "problems": [as_json(problem) for problem in one.broken],
    }  # fmt: skip
