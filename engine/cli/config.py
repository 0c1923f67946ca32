"""`sojourn config show`: the settings as they are used, and where each came from; secrets are masked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import typer

from engine.cli.answer import Answer
from engine.cli.session import Session
from engine.cli.text import columns, short
from journeys.span import show_span

if TYPE_CHECKING:
    from journeys.node import Node
    from journeys.project import Project

FILE = "sojourn.yaml"
MASK = "********"
SECRETS = re.compile(r"(^|[._])(password|secret|keys?|token|headers|auth)([._]|$)")
_VAR = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)")
_FILE = re.compile(r"\$\{file:([^}]+)\}")
_LOGIN = re.compile(r"(://[^:/@]*:)[^@]*@")


@dataclass(frozen=True, slots=True)
class Setting:
    name: str
    value: str
    source: str


def show(ctx: typer.Context) -> Answer:
    """Show every setting with its value and where it came from."""
    session: Session = ctx.obj
    project = session.project()
    written = {setting.name: setting for setting in _written(session)}
    settings = [*written.values(), *(one for one in _implied(project, session) if one.name not in written)]
    settings = [_in_force(one, session) for one in settings]
    rows = [(one.name, one.value, one.source) for one in sorted(settings, key=lambda one: one.name)]
    data = {"root": project.root, "settings": [{"name": n, "value": v, "source": s} for n, v, s in rows]}
    return Answer(data, [f"project  {project.root}", *columns((n, short(v, 56), s) for n, v, s in rows)])


def _written(session: Session) -> Iterator[Setting]:
    """Yield what sojourn.yaml says, with ${VAR} filled in."""
    from journeys.page import Page
    from journeys.project_file import filled
    from journeys.reader import decode, read

    page = decode((session.root / FILE).read_bytes(), FILE)
    node = read(page)
    if node is None:
        return
    raw = dict(_leaves(node))
    for name, leaf in _leaves(filled(Page(FILE, ""), node, (session.root, session.env))):
        said = MASK if _FILE.search(raw[name].raw) else masked(name, _said(leaf))
        yield Setting(name, said, _origin(raw[name], session.env))


def _leaves(node: Node, prefix: str = "") -> Iterator[tuple[str, Node]]:
    for key, value in node.entries:
        name = f"{prefix}{key.raw}"
        if value.entries:
            yield from _leaves(value, f"{name}.")
        else:
            yield name, value


def _said(node: Node) -> str:
    return ", ".join(item.raw for item in node.items) if node.items else node.raw


def _origin(node: Node, env: Mapping[str, str]) -> str:
    place = f"{FILE}:{node.line}"
    names, files = _VAR.findall(node.raw), _FILE.findall(node.raw)
    if files:
        return f"{', '.join(files)} ({place})"
    if not names:
        return place
    said = [name for name in names if env.get(name)]
    return f"{', '.join(said)} ({place})" if said else f"default of {', '.join(names)} ({place})"


def _implied(project: Project, session: Session) -> Iterator[Setting]:
    """Yield what the file does not say and is used all the same."""
    values: dict[str, Any] = {
        "currency": project.currency,
        "web.base_url": project.base_url,
        "web.bind": project.bind,
        "holdout": project.holdout,
        "tracking.clicks": project.clicks,
        "tracking.opens": project.opens,
        "tracking.bot_filter": project.bot_filter,
        "late.skip_after": project.limits.skip_after,
        "caps.when_capped": project.limits.when_capped,
    }
    for name, value in values.items():
        said = show_span(value) if isinstance(value, timedelta) else str(value)
        yield Setting(name, said.lower() if isinstance(value, bool) else said, "default")
    from engine.tokens import SECRET_FILE

    here = (project.root / SECRET_FILE).exists()
    configured = "SOJOURN_SECRET" if session.env.get("SOJOURN_SECRET") else None
    source = configured or (SECRET_FILE.as_posix() if here else "missing: run `sojourn init`, or set SOJOURN_SECRET")
    yield Setting("secret", MASK if configured or here else "", source)


def _in_force(setting: Setting, session: Session) -> Setting:
    if setting.name == "store" and session.flags.url:
        return Setting("store", masked("store", session.flags.url), "--db")
    return setting


def masked(name: str, value: str) -> str:
    """Return `value` without what must stay secret."""
    if value and SECRETS.search(name):
        return MASK
    return _LOGIN.sub(rf"\g<1>{MASK}@", value)
