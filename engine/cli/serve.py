"""`sojourn serve`: tick, deliver and learn all day, with the web pages, alone or as one of many, until Ctrl-C."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.answer import Answer
from engine.cli.config import masked
from engine.cli.flags import WrongUse
from engine.cli.serve_told import voice
from engine.cli.session import Session
from engine.cli.stopping import stopping

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy as sa

    from engine.engine import Engine
    from engine.presence import Mark
    from engine.serve import Runs
    from journeys.project import Definitions


def serve(
    ctx: typer.Context,
    *,
    bind: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Where the web pages are.")] = None,
    no_send: Annotated[bool, typer.Option("--no-send", help="Step and learn; what is queued waits.")] = False,
    every: Annotated[str, typer.Option(metavar="SPAN", help="How often to look who is due: 5s, 1m.")] = "5s",
    cluster: Annotated[bool, typer.Option("--cluster", help="Be one of many workers of a PostgreSQL store.")] = False,
    log: Annotated[str, typer.Option(metavar="text|json", help="Lines for people, or an object a line.")] = "text",
    lease: Annotated[str, typer.Option(metavar="SPAN", help="When others take over what a dead worker held.")] = "2m",
) -> Answer:
    """Step people, send, learn and answer clicks until Ctrl-C; then finish what is under way."""
    from engine.app import Options
    from engine.engine import Limits
    from engine.presence import ALONE, MANY, name_connections
    from engine.serve import Service, Wishes
    from journeys import parse_span

    session: Session = ctx.obj
    told = voice(session, log)
    span, held = parse_span(every), parse_span(lease)
    if span is None or span.total_seconds() < 0.1:
        raise WrongUse(f'cannot read --every "{every}"; write 5s or 1m')
    if held is None or held.total_seconds() < 1:
        raise WrongUse(f'cannot read --lease "{lease}"; write 2m or 30s')
    if session.flags.now:
        raise WrongUse("serve goes by the machine's clock; --now is for simulate and tick --dry-run")
    definitions = session.definitions()
    name_connections(role := MANY if cluster else ALONE)
    runs = _cluster(session, definitions) if cluster else None
    # a stop waits for the messages of one claim: few enough to take seconds
    options = Options(limits=replace(Limits(), messages=100, lease=held))
    says = '{"event": "stopping"}' if log == "json" else "finishing what is under way (Ctrl-C again ends at once)"
    with stopping(session, says) as ending, session.engine(definitions, options) as engine:
        wishes = Wishes(bind, span, not no_send)
        wishes = wishes if runs is None else replace(wishes, runs=runs(engine.store))
        service = Service(engine, wishes, told.heard())
        mark = _mark(session, engine, role)
        try:
            service.start()
            told.started(service, f"{every}, one of many" if cluster else every)
            ending.wait()
        finally:
            service.stop()
            if mark is not None:
                mark.remove()
    told.stopped(service)
    data = {"ticked": asdict(service.ticked), "sent": service.posted.sent, "statuses": dict(service.posted.statuses),
            "taught": service.taught.taught}  # fmt: skip
    return Answer(data)


def _cluster(session: Session, definitions: Definitions) -> Callable[[sa.Engine], Runs]:
    """Return what makes the runner of one of many; ConfigError where this cannot be."""
    from engine.errors import ConfigError
    from engine.versions import known

    url = session.url(known(definitions))
    if not url.startswith("postgresql"):
        says = f"serve --cluster shares a PostgreSQL store, and this one is {masked('store', url)}; write"
        raise ConfigError(f'{says} `store: "postgresql://..."` in sojourn.yaml, or serve without --cluster')
    try:
        from engine.cluster.runner import cluster
    except ModuleNotFoundError as missing:
        raise ConfigError(
            f"serve --cluster needs {missing.name}, which is not installed; run: pip install 'sojourn[cluster]'"
        ) from missing
    return lambda store: partial(cluster, store)


def _mark(session: Session, engine: Engine, role: str) -> Mark | None:
    """Leave a mark beside a SQLite store, and say so when somebody else serves this one."""
    from engine.presence import Mark, ahead, others

    if early := ahead(engine.store, engine.clock.now):
        session.warn(
            f"warning: this machine's clock is {early:+.0f} s from the database's, and messages leave by it; set it"
        )
    url, mark = session.url(engine.project), None
    here = others(engine.store, role)
    if url.startswith("sqlite:///"):
        mark = Mark(Path(url.removeprefix("sqlite:///")))
        here = [f"process {mark.other}"] if mark.other else []
    for other in here:
        session.warn(
            f"warning: another sojourn serve ({other}) is at work on this store; "
            "no message goes out twice, but one is enough"
        )
    return mark
