"""`sojourn intake kafka`: CloudEvents from Kafka into the store, until Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.session import Session
from engine.cli.stopping import stopping
from engine.cli.text import parts

if TYPE_CHECKING:
    import threading

    from engine.intake.kafka import Count, Intake

AGAIN = 5.0  # seconds until the store is tried again


def kafka(
    ctx: typer.Context,
    topics: Annotated[list[str], typer.Argument(metavar="TOPIC...", help="What to read.")],
    *,
    brokers: Annotated[str, typer.Option(metavar="HOST:PORT,...", help="Where Kafka is.")],
    group: Annotated[
        str, typer.Option(metavar="NAME", help="Consumers of one group share the partitions.")
    ] = "sojourn",
    source: Annotated[
        str, typer.Option(metavar="NAME", help="Who says so: a name under `sources` in data.yaml.")
    ] = "kafka",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of librdkafka, such as sasl.username=x."),
    ] = None,
    idle: Annotated[str | None, typer.Option(metavar="SPAN", help="End when nothing came for so long: 30s.")] = None,
) -> Answer:
    """Take events in until Ctrl-C: stored first, then their offsets are committed. Refused ones: event problems."""
    from engine.app import digest_of
    from engine.intake.kafka import Intake, Reading
    from engine.intake.taking import Terms
    from journeys import parse_span

    session: Session = ctx.obj
    project = session.project()
    span = parse_span(idle) if idle else None
    if idle and span is None:
        raise WrongUse(f'cannot read --idle "{idle}"; write 30s or 5m')
    reading = Reading(brokers, tuple(topics), group, source, _settings(settings or (), session))
    with stopping(session, "finishing what is under way") as ending, session.store(project) as store:
        intake = Intake(store, Terms.of(project, digest_of(project)), reading, session.now)
        session.note(f"reading  {', '.join(topics)} from {brokers} as the group {group}; Ctrl-C ends")
        try:
            _read(session, intake, ending, None if span is None else span.total_seconds())
        finally:
            intake.close()
    count = intake.count
    data = {"read": count.read, "accepted": count.accepted, "duplicates": count.duplicates, "refused": count.refused}
    return Answer(data, ["  " + _said(count)])


def _read(session: Session, intake: Intake, ending: threading.Event, idle: float | None) -> None:
    from engine.errors import StoreUnavailable

    last = told = time.monotonic()
    while not ending.is_set():
        try:
            got = intake.pull()
        except StoreUnavailable as error:
            session.warn(f"warning: {error}; trying again in {AGAIN:.0f} s")
            ending.wait(AGAIN)
            continue
        now = time.monotonic()
        if got:
            last = now
            if now - told > AGAIN:
                session.note(f"         {_said(intake.count)}")
                told = now
        elif idle is not None and now - last > idle:
            return


def _said(count: Count) -> str:
    found = [("accepted", count.accepted), ("known already", count.duplicates), ("refused", count.refused)]
    return parts(found) or "nothing came"


def _settings(said: Sequence[str], session: Session) -> dict[str, str]:
    """Return settings; `KEY=$NAME` takes the value from the environment, so that no password is typed."""
    found = {}
    for one in said:
        key, equals, value = one.partition("=")
        if not equals:
            raise WrongUse(f'cannot read --set "{one}"; write key=value')
        if value.startswith("$") and value[1:] not in session.env:
            raise WrongUse(f"--set {key}: there is no {value[1:]} in the environment")
        found[key.strip()] = session.env[value[1:]] if value.startswith("$") else value
    return found
