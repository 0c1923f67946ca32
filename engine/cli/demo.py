"""`sojourn demo`: an invented shop lives through ninety days before the real engine; what came of it, in one page."""

from __future__ import annotations

import os
import shutil
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.answer import Answer
from engine.cli.progress import Bar
from engine.cli.session import Session
from engine.errors import ConfigError

if TYPE_CHECKING:
    from engine.demo.demo import Played, Wish
    from engine.report.headline import Answer as Verdict

MARK = Path(".sojourn") / "demo"
"""A folder that holds this was made by a demo, and may be made again."""

PHASES = 5
ENOUGH = 20_000


def demo(
    ctx: typer.Context,
    *,
    contacts: Annotated[int, typer.Option(min=50, max=200_000, help="How many invented people.")] = 5000,
    days: Annotated[int, typer.Option(min=2, max=180, help="Live days, after the plain test.")] = 30,
    history: Annotated[int, typer.Option(min=0, max=180, help="Days of the plain test before.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other people.")] = 7,
    keep: Annotated[Path, typer.Option(metavar="DIR", help="Where everything is written.")] = Path("sojourn-demo"),
    browser: Annotated[bool, typer.Option(help="Open the report when it is there.")] = True,
) -> Answer:
    """Play an invented shop through the real engine: no account, no server, nothing is sent."""
    from engine.demo.demo import Wish, play

    session: Session = ctx.obj
    session.project_name = f"acme-demo-{seed}"
    folder = (session.flags.root / keep if session.flags.root else keep).expanduser()
    _make_room(folder)
    wish = Wish(folder, contacts, history, days, seed)
    session.note(
        f"sojourn demo: the people are invented (seed {seed}); all of it is in {_named(folder)}, delete it any time"
    )
    with ExitStack() as stack:
        stage = _Stage(session, stack)
        played = play(wish, stage)
    if browser:
        _open(session, played.report)
    return Answer(_data(wish, played), _lines(session, wish, played), code=0 if played.shown.conservation.exact else 1)


@dataclass(slots=True)
class _Stage:
    """Says each phase in one line when it ends; a bar on the way."""

    session: Session
    stack: ExitStack
    number: int = 0
    name: str = ""
    began: float = 0.0
    bar: Bar | None = field(default=None)

    def begin(self, name: str, days: int = 0) -> None:
        self.number += 1
        self.name, self.began = name, time.monotonic()
        self.bar = self.stack.enter_context(self.session.bar(name, days)) if days else None

    def at(self, day: float) -> None:
        if self.bar is not None and day == int(day):
            self.bar.to(int(day), f"{self.name}, day {int(day)}")

    def end(self, says: str) -> None:
        if self.bar is not None:
            self.bar.close()
        took = time.monotonic() - self.began
        self.session.note(f" {self.number}/{PHASES} {self.name:<9} {says}  ({took:.1f} s)")


def _make_room(folder: Path) -> None:
    """Take away an earlier demo; anything else that is there stays, and is said."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        folder.mkdir(parents=True, exist_ok=True)
    elif (folder / MARK).is_file():
        shutil.rmtree(folder)
        folder.mkdir()
    else:
        raise ConfigError(f"{folder} is there already and was not made by a demo; name another folder with --keep")
    (folder / MARK).parent.mkdir(exist_ok=True)
    (folder / MARK).write_text(
        "made by sojourn demo, which replaces this folder when it runs again\n", encoding="utf-8"
    )


def _named(folder: Path) -> str:
    return f"./{folder}" if not folder.is_absolute() else str(folder)


def _lines(session: Session, wish: Wish, played: Played) -> list[str]:
    from engine.report.wording import plain_ascii

    lines = ["", *_verdicts(played), "", *_truth(played), *_honest(wish), "", *_sums(played), "", *_next(wish, played)]
    return [plain_ascii(line) if session.ascii else line for line in lines]


def _verdicts(played: Played) -> list[str]:
    from engine.report.headline import answers
    from engine.report.wording import bracket, percent, points, verdict_text

    lines = []
    for a in answers(played.shown.findings):
        ours, theirs = (percent(rate) for rate in a.rates)
        said = f"{ours} order instead of {theirs}" if not a.withheld else ""
        size = f"{points(a.difference.value)} {bracket(a.difference.now)}" if not a.withheld else ""
        lines.append(f"  {a.question:<25} {said:<32} {size:<24} {a.verdict.mark} {verdict_text(a.verdict)}".rstrip())
    return lines or ["  Nobody has entered yet: nothing can be said."]


def _truth(played: Played) -> list[str]:
    from engine.report.wording import percent

    w = played.shown.findings.world
    if w is None:
        return []
    served = f"{percent(w.served_right, 0)} of them got theirs"
    return [
        "  What only the simulation knows, expected orders per basket less the cost of the message:",
        f"    outliers {percent(w.outliers_now)} instead of {percent(w.outliers_single)} with one for all; {served}",
        f"    others   {percent(w.others_now)} instead of {percent(w.others_single)}: what trying things out costs",
    ]


def _honest(wish: Wish) -> list[str]:
    lines = [
        "  The outliers are constructed: they show what the engine does with such people, not that a shop has any."
    ]
    if wish.contacts < ENOUGH:
        lines.append(f"  {wish.contacts:,} people can show that messaging pays; rarely that choosing per person does.")
    return lines


def _sums(played: Played) -> list[str]:
    c = played.shown.conservation
    ends = ", ".join(f"{name} {count:,}" for name, count in sorted(c.statuses.items(), key=lambda item: -item[1]))
    word = "every message is accounted for" if c.exact else "THE SUMS DO NOT HOLD"
    return [f"  {word}: {c.intents:,} = {ends}"]


def _next(wish: Wish, played: Played) -> list[str]:
    go = f"sojourn -C {wish.folder}"
    found = played.shown.example
    person = found.contact_id if found else "c_0001"
    rows = [(f"{go} explain {found.key}", f"why {person} got {found.arm}")] if found else []
    rows += [
        (f"{go} contact timeline {person}", "what happened to this person"),
        (
            f"{go} simulate cart_recovery --contact {person} --event cart_abandoned:value=80,items_count=1",
            "and next time",
        ),
        (f"{go} segment history lapsed_90d -n 30", "a segment that time fills, day by day"),
        (f"{go} mailbox", "the mails of the last week"),
        (f"sojourn demo --contacts {ENOUGH} --keep big-demo", "enough people for the outliers (some minutes)"),
    ]
    edit = f"  {'':<9} edit {wish.folder}/journeys/welcome.yaml, then: {go} lint"
    return [f"  Open      {_named(played.report)}", *_try(rows), edit]


def _try(rows: list[tuple[str, str]]) -> list[str]:
    lines = []
    for n, (command, why) in enumerate(rows):
        lines += [f"  {'Try next' if n == 0 else '':<9} {command}", f"  {'':<9}   {why}"]
    return lines


def _data(wish: Wish, played: Played) -> dict[str, Any]:
    from engine.report.headline import answers

    found = played.shown
    return {
        "invented": True, "seed": wish.seed, "contacts": wish.contacts, "history_days": wish.history,
        "days": wish.days, "folder": wish.folder, "report": played.report, "mails": played.mails,
        "verdicts": [_verdict(a) for a in answers(found.findings)], "truth": found.findings.world,
        "conservation": found.conservation, "exact": found.conservation.exact, "example": found.example,
    }  # fmt: skip


def _verdict(a: Verdict) -> dict[str, Any]:
    return {
        "question": a.question, "treated": a.treated, "control": a.control, "difference": a.difference.value,
        "low": a.difference.now.low, "high": a.difference.now.high, "verdict": a.verdict.word,
        "needed": a.verdict.needed,
    }  # fmt: skip


def _open(session: Session, report: Path) -> None:
    """Open the report where somebody sits before a screen."""
    screen = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if screen and sys.stdout.isatty() and not session.flags.no_input and not session.speaks_json:
        import webbrowser

        webbrowser.open(report.resolve().as_uri())
