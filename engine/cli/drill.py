"""`sojourn drill`: run the proofs of what is promised, on projects and stores of their own."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.answer import Answer, to_json
from engine.cli.flags import WrongUse
from engine.cli.progress import Bar
from engine.cli.session import Session
from engine.cli.stopping import INTERRUPTED
from engine.cli.text import GREEN, RED, YELLOW, columns

if TYPE_CHECKING:
    from engine.drill.catalogue import Ran
    from engine.drill.drill import Drill

REPORT = "drill-report.json"
NAMES = ("lost", "duplicated", "unexpected", "unknown")


def drill(
    ctx: typer.Context,
    *,
    list_: Annotated[bool, typer.Option("--list", help="Say which drills there are.")] = False,
    run: Annotated[str, typer.Option("--run", metavar="1,5,14", help="Which; 1-9 works, too. Default: all.")] = "",
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed fails the same way.")] = 1,
    scale: Annotated[float, typer.Option(metavar="X", help="A factor on people, kills and cases.")] = 1.0,
    postgres: Annotated[str, typer.Option(metavar="URL", help="A server to make databases on.")] = "",
    report: Annotated[Path, typer.Option("--report", metavar="FILE", help="Where the report goes.")] = Path(REPORT),
) -> Answer:
    """Try what is promised about crashes, hostile worlds and bad input; exit 1 when a promise does not hold.

    Every drill has a project and a store of its own, in a temporary folder; yours are not touched.
    """
    from engine.drill.catalogue import DRILLS, chosen

    session: Session = ctx.obj
    if list_:
        return _listed(DRILLS)
    if not 0 < scale <= 1000:
        raise WrongUse(f"--scale {scale:g} is not between 0 and 1000; 1 is the usual size, 0.1 a tenth of it")
    try:
        wanted = chosen(run)
    except (KeyError, ValueError) as error:
        raise WrongUse(f"there is no drill {error.args[0]}; sojourn drill --list shows them") from None
    ran: list[Ran] = []
    with suppress(KeyboardInterrupt):
        _run(session, wanted, (seed, scale, postgres), ran)
    data = _data(ran, seed, scale)
    report.write_text(json.dumps(json.loads(to_json(data)), indent=2) + "\n", encoding="utf-8")
    session.note(f"wrote {report}")
    lines = [*_table(session, ran), *_again(ran, seed, scale)]
    if len(ran) < len(wanted):
        session.note(f"interrupted after {len(ran)} of {len(wanted)}; nothing of the others is left")
        return Answer(data, lines, code=INTERRUPTED)
    return Answer(data, lines, code=0 if all(one.ok for one in ran) else 1)


def _listed(drills: tuple[Drill, ...]) -> Answer:
    rows = [(str(d.number), d.title, f"~{d.seconds} s", f"{d.proves}{' (PostgreSQL)' if d.postgres else ''}")
            for d in drills]  # fmt: skip
    data = [{"number": d.number, "title": d.title, "proves": d.proves, "seconds": d.seconds, "postgres": d.postgres}
            for d in drills]  # fmt: skip
    return Answer({"drills": data}, columns(rows, right=(0, 2)))


def _run(session: Session, wanted: list[Drill], how: tuple[int, float, str], ran: list[Ran]) -> None:
    from engine.drill.catalogue import bench, run
    from engine.drill.drill import Ask

    seed, scale, postgres = how
    with _ended_in_order(), bench(postgres) as has:
        for one in wanted:
            session.note(f"drill {one.number}  {one.title}: {one.proves}")
            with session.bar(one.title) as bar:
                ask = Ask(Path(), seed, scale, _teller(bar))
                ran.append(run(one, ask, has))
            session.note(f"         {_verdict(ran[-1])} in {ran[-1].took:.1f} s")


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Take SIGTERM for a Ctrl-C: whatever was started is ended, whatever was laid is taken away."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals belong to the main thread
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _teller(bar: Bar) -> Callable[[str], None]:
    return lambda says: bar.advance(label=says)


def _verdict(ran: Ran) -> str:
    if ran.skipped:
        return f"SKIPPED, {ran.skipped}"
    if ran.found is None:
        return f"FAILED, {ran.broken.strip().splitlines()[-1]}"
    return "ok" if ran.ok else f"FAILED, {'; '.join(ran.found.wrong)}"


def _table(session: Session, ran: list[Ran]) -> list[str]:
    rows: list[tuple[str, ...]] = [("", "drill", *NAMES, "took", "", "scale")]
    for one in ran:
        counts = [str(getattr(one.found, name)) if one.found else "-" for name in NAMES]
        word = "skip" if one.skipped else "ok" if one.ok else "FAILED"
        rows.append((str(one.drill.number), one.drill.title, *counts, f"{one.took:.1f} s", word,
                     one.found.scale if one.found else ""))  # fmt: skip
    lines = columns(rows, right=(0, 2, 3, 4, 5, 6))
    tones = {"skip": YELLOW, "ok": GREEN, "FAILED": RED}
    painted = [session.paint(line, tones[row[7]]) if row[7] in ("FAILED", "skip") else line
               for line, row in zip(lines[1:], rows[1:], strict=True)]  # fmt: skip
    failed = [f"  {one.drill.number}: {_verdict(one)}" for one in ran if not one.ok]
    skipped = [f"  {one.drill.number}: {_verdict(one)}" for one in ran if one.skipped]
    return [lines[0], *painted, *failed, *skipped]


def _again(ran: list[Ran], seed: int, scale: float) -> list[str]:
    """Say how to run what failed again, and where to look."""
    return [f"  {_words(one, seed, scale)}    its project lies in {one.folder}" for one in ran if not one.ok]


def _words(one: Ran, seed: int, scale: float) -> str:
    return f"sojourn drill --run {one.drill.number} --seed {seed} --scale {scale:g}"


def _data(ran: list[Ran], seed: int, scale: float) -> dict[str, Any]:
    return {
        "at": datetime.now(UTC), "seed": seed, "scale": scale, "commit": _commit(), "machine": platform.platform(),
        "cores": os.cpu_count(), "python": platform.python_version(), "ok": bool(ran) and all(one.ok for one in ran),
        "drills": [{**_one(one), "again": _words(one, seed, scale)} for one in ran],
    }  # fmt: skip


def _one(ran: Ran) -> dict[str, Any]:
    found = ran.found
    counts = {name: getattr(found, name) if found else None for name in NAMES}
    return {
        "number": ran.drill.number, "title": ran.drill.title, "ok": ran.ok, "took": ran.took, "cpu": ran.cpu, **counts,
        "scale": found.scale if found else "", "wrong": found.wrong if found else (),
        "figures": dict(found.figures) if found else {}, "skipped": ran.skipped, "broken": ran.broken,
        "folder": ran.folder,
    }  # fmt: skip


def _commit() -> str:
    """Return which commit this is, where it is run from a checkout."""
    here = Path(__file__).parent
    try:
        words = ["git", "rev-parse", "--short", "HEAD"]
        asked = subprocess.run(words, cwd=here, capture_output=True, text=True, check=False)  # noqa: S603 - as written
    except OSError:
        return ""
    return asked.stdout.strip()
