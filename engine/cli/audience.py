"""`sojourn audience push|list`: segments handed to ad platforms, as hashes, with consent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.session import Session
from engine.cli.text import columns, counted, moment, printable
from engine.errors import NotFound, NotHandedOver

if TYPE_CHECKING:
    from channels.channel import Channel
    from engine.sharing import Pushed
    from journeys.outward import Outlet
    from journeys.project import Project

NONE = "no audiences yet; write one in sojourn.yaml, for example  audiences: {vip_google: {segment: vip, to: google}}"


def list_audiences(ctx: typer.Context) -> Answer:
    """List the audiences: their segment, where they go, how many people the receiver knows of, and since when."""
    from engine.store import sharing
    from engine.store.connect import reading

    session: Session = ctx.obj
    project = session.project()
    with session.store(project) as store, reading(store) as conn:
        counts, at = sharing.counts(conn), sharing.last_push(conn)
    rows, data = [("audience", "segment", "to", "known there", "waiting", "last push")], []
    zone = ZoneInfo(project.timezone)
    for name, one in project.audiences.items():
        mine = counts.get(name, {})
        waits = sum(count for state, count in mine.items() if state != sharing.TOLD)
        known = mine.get(sharing.TOLD, 0)
        rows.append((name, one.segment, one.webhook or one.to, f"{known:,}", f"{waits:,}",
                     moment(at[name], zone) if name in at else "never"))  # fmt: skip
        data.append({"audience": name, "segment": one.segment, "to": one.to, "known": known, "waiting": waits,
                     "pushed_at": at.get(name)})  # fmt: skip
    left = [name for name in counts if name not in project.audiences]
    notes = [_forgotten(name, sum(counts[name].values())) for name in left]
    if not data:
        return Answer({"audiences": [], "forgotten": left}, [NONE, *notes])
    return Answer({"audiences": data, "forgotten": left}, [*columns(rows, right=(3, 4)), *notes])


def _forgotten(name: str, people: int) -> str:
    says = f"{name} is in sojourn.yaml no more, but its receiver knows {counted(people, 'contact')}"
    return f"{says}: put it back and let them go: sojourn audience push {name} --empty"


def push(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="An audience of sojourn.yaml.")] = "",
    *,
    all_: Annotated[bool, typer.Option("--all", help="Every audience.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be told, and tell nobody.")] = False,
    empty: Annotated[bool, typer.Option("--empty", help="Have everybody let go.")] = False,
) -> Answer:
    """Tell the receiver who came and who went since the last push: hashes of those alone who consent to ads."""
    from engine.sharing import look
    from engine.sharing import push as hand_over

    session: Session = ctx.obj
    if bool(name) == all_ or (empty and all_):
        raise WrongUse("name one audience, or all of them with --all" if not empty else "--empty is for one audience")
    project = session.project()
    outlets = _chosen(project, name)
    if not outlets:
        return Answer({"audiences": []}, [NONE])
    if empty:
        outlets = [replace(one, segment="") for one in outlets]
    door = _door(project) if not dry_run else None
    done, troubles = [], []
    with session.store(project) as store:
        for one in outlets:
            try:
                found = look(store, one) if dry_run else hand_over(store, project, one, door, session.now)
            except NotHandedOver as error:
                troubles.append(str(error))
                session.warn(f"✗ {error}")
            else:
                done.append(found)
    lines = [line for one in done for line in _told(one, dry_run=dry_run)]
    data = {"audiences": [_data(one) for one in done], "dry_run": dry_run, "failed": troubles}
    return Answer(data, lines, code=NotHandedOver.exit_code if troubles else 0)


def _chosen(project: Project, name: str) -> list[Outlet]:
    from journeys.page import near

    if not name:
        return list(project.audiences.values())
    if name in project.audiences:
        return [project.audiences[name]]
    guess = near(name, tuple(project.audiences))
    hint = f"did you mean {guess}?" if guess else f"there is: {', '.join(project.audiences) or 'none'}"
    raise NotFound(f'no audience called "{printable(name)}" in sojourn.yaml; {hint}')


def _door(project: Project) -> Channel | None:
    from engine.app import webhook_door

    return webhook_door(project)


def _told(one: Pushed, *, dry_run: bool) -> list[str]:
    some = [(one.added, "added"), (one.changed, "with new addresses"), (one.removed, "let go")]
    said = ", ".join(f"{count:,} {what}" for count, what in some if count) or "nobody came or went"
    lines = [f"{'would tell' if dry_run else '✓'} {one.audience}  {said}"]
    lines += [f"  {file}" for file in one.files]
    lines += [f"  {counted(one.nameless, 'contact')} without an address that can be hashed"] if one.nameless else []
    return lines


def _data(one: Pushed) -> dict[str, Any]:
    return {"audience": one.audience, "to": one.to, "added": one.added, "changed": one.changed,
            "removed": one.removed, "nameless": one.nameless, "files": list(one.files)}  # fmt: skip
