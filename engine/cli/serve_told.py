"""What `sojourn serve` says of its work: lines for people, or figures, one JSON object a line."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from engine.cli.config import masked
from engine.cli.flags import WrongUse
from engine.cli.logs import Say, show_warnings, structured
from engine.cli.session import Session
from engine.cli.standing import standing
from engine.cli.text import counted, parts
from engine.cli.tick import sent

if TYPE_CHECKING:
    from engine.chores import Done
    from engine.engine import Ticked
    from engine.posting import Posted
    from engine.serve import Heard, Service
    from engine.teaching import Taught
    from journeys.project import Project


class Voice(Protocol):
    """Says that the service began, what it does, and that it ended."""

    def heard(self) -> Heard: ...
    def started(self, service: Service, every: str) -> None: ...
    def stopped(self, service: Service) -> None: ...


def voice(session: Session, log: str) -> Voice:
    """Return the voice that was asked for: "text" or "json"."""
    if log not in ("text", "json"):
        raise WrongUse("--log text or --log json")
    if log == "json":
        return Figures(structured())
    show_warnings(session)
    return Lines(session)


@dataclass(frozen=True, slots=True)
class Figures:
    """One object a line: for machines."""

    say: Say

    def heard(self) -> Heard:
        from engine.serve import Heard

        say = self.say
        return Heard(
            lambda done, seconds: say("tick", {**asdict(done), "seconds": round(seconds, 3)}),
            lambda done: say("deliver", {"claimed": done.claimed, **done.statuses, "troubles": list(done.troubles)}),
            lambda done: say("learn", asdict(done)),
            lambda done: say("chore", {"name": done.name, "said": done.said}),
        )

    def started(self, service: Service, every: str) -> None:
        self.say("serving", {"url": service.url, "every": every, "journeys": len(service.engine.journeys)})

    def stopped(self, service: Service) -> None:
        unknown = service.posted.statuses.get("unknown", 0)
        self.say("stopped", {"sent": service.posted.sent, "in_doubt": unknown})


@dataclass(frozen=True, slots=True)
class Lines:
    """One line a pass: for people."""

    session: Session

    def heard(self) -> Heard:
        return _heard(self.session)

    def started(self, service: Service, every: str) -> None:
        _say_start(self.session, service, every)

    def stopped(self, service: Service) -> None:
        self.session.note(f"{_clock()} stopped  {_doubt(service)}")


def _say_start(session: Session, service: Service, every: str) -> None:
    engine, project = service.engine, service.engine.project
    session.note(f"web      {service.url}         scheduler every {every}         store {_store(session, project)}")
    doors = [f"{name} {_door(settings)}" for name, settings in project.channels.items()]
    sending = " · ".join(doors) if service.wishes.sends else "nothing (--no-send): what is queued waits"
    deployed = f"{counted(len(engine.journeys), 'journey')} deployed, {len(engine.paused)} paused"
    session.note(f"sending  {sending}         {deployed}")
    for line in standing(engine):
        session.note(line)


def _door(settings: object) -> str:
    """Return "smtp localhost:587 20/s", "maildir ./mailbox"."""
    if not isinstance(settings, dict):
        return ""
    provider = str(settings.get("provider"))
    where = ""
    if provider == "smtp":
        where = f"{settings.get('host')}:{settings.get('port', 587)}"
    elif provider == "maildir":
        where = f"./{settings.get('folder') or 'mailbox'}"
    return " ".join(part for part in (provider, where, str(settings.get("rate") or "")) if part)


def _store(session: Session, project: Project) -> str:
    url = session.url(project)
    return f"{masked('store', url)} (WAL)" if url.startswith("sqlite") else masked("store", url)


def _heard(session: Session) -> Heard:
    from engine.serve import Heard

    def ticked(done: Ticked, seconds: float) -> None:
        said = [
            ("due", done.due), ("entered", done.started), ("decisions", done.decisions), ("queued", done.sends),
            ("held out", done.shadows), ("waits", done.holds), ("skips", done.skips), ("left", done.left),
            ("errors", done.parked),
        ]  # fmt: skip
        session.note(f"{_clock()} tick   {parts(said)} · {seconds:.1f} s")

    def posted(done: Posted) -> None:
        session.note(f"{_clock()} send   {sent(done)}")
        for trouble in done.troubles:
            session.warn(f"{_clock()} warn   {trouble}")

    def taught(done: Taught) -> None:
        said = f"looked at {done.looked_at:,} decisions, learned from {done.taught:,}"
        new = f"; new: {', '.join(done.published)}" if done.published else ""
        session.note(f"{_clock()} learn  {said}{new}")

    def chored(done: Done) -> None:
        session.note(f"{_clock()} {done.name:<6} {done.said}")

    return Heard(ticked, posted, taught, chored)


def _doubt(service: Service) -> str:
    unknown = service.posted.statuses.get("unknown", 0)
    said = f"sent {service.posted.sent:,}"
    return f"{said}, {counted(unknown, 'message')} in doubt" if unknown else f"{said}, nothing in doubt"


def _clock() -> str:
    return f"{datetime.now().astimezone():%H:%M:%S}"
