"""`sojourn mailbox`: the messages that were written to a folder instead of sent, newest first."""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser, BytesParser
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from engine.cli.answer import Answer
from engine.cli.session import Session
from engine.cli.text import columns, counted, moment, printable, short
from engine.errors import ConfigError, NotFound

HEADERS = ("From", "To", "Subject", "Date", "List-Unsubscribe", "Message-ID")


@dataclass(frozen=True, slots=True)
class Caught:
    """One captured message; `number` counts from the newest."""

    number: int
    at: datetime
    to: str
    subject: str
    file: Path


def mailbox(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option("-n", min=1, help="How many to list.")] = 20,
    open_: Annotated[bool, typer.Option("--open", help="Look at them in the browser.")] = False,
) -> Answer:
    """List the captured messages, newest first."""
    session: Session = ctx.obj
    project = session.project()
    folder = _folder(session)
    files = _files(folder)
    caught = [_read(n, file) for n, file in enumerate(files[:limit], 1)]
    zone = ZoneInfo(project.timezone)
    rows = [(str(c.number), moment(c.at, zone), short(c.to, 34), short(c.subject, 60)) for c in caught]
    lines = [*columns(rows, right=(0,)), f"{counted(len(files), 'captured message')} in {folder}"]
    if caught:
        lines.append("sojourn mailbox show 1 prints the newest")
    if open_ and caught:
        page = _write_pages(project.root / ".sojourn" / "mailbox", caught)
        lines.append(f"wrote {page}")
        _browse(page, session)
    return Answer({"folder": folder, "count": len(files), "messages": caught}, lines)


def show(
    ctx: typer.Context,
    number: Annotated[int, typer.Argument(metavar="N", min=1, help="1 is the newest.")],
    raw: Annotated[bool, typer.Option("--raw", help="The message as it would go over the wire.")] = False,
) -> Answer:
    """Print one captured message: its headers and its text part."""
    session: Session = ctx.obj
    session.project()
    files = _files(_folder(session))
    if number > len(files):
        raise NotFound(f"there is no message {number}: {counted(len(files), 'captured message')}")
    content = files[number - 1].read_bytes()
    mail = _parsed(content)
    text = _body(mail, "plain")
    heads = {name: str(mail[name]) for name in HEADERS if mail[name]}
    lines = [*columns((name, printable(value)) for name, value in heads.items()), "", *text.splitlines()]
    if raw:
        lines = content.decode("utf-8", "replace").splitlines()
    data = {"file": files[number - 1], "headers": heads, "text": text, "html": _body(mail, "html")}
    return Answer(data, ["".join(c for c in line if c.isprintable() or c == "\t") for line in lines])


def _folder(session: Session) -> Path:
    """Return the folder of the first channel that writes to one."""
    project = session.project()
    for settings in project.channels.values():
        if settings.get("provider") == "maildir":
            return project.root / str(settings.get("folder") or "mailbox")
    raise ConfigError("no channel writes to a folder; set `provider: maildir` under channels.email in sojourn.yaml")


def _files(folder: Path) -> list[Path]:
    found = [Path(entry) for part in ("new", "cur") if (folder / part).is_dir() for entry in os.scandir(folder / part)]
    return sorted((path for path in found if path.is_file()), key=lambda path: path.name, reverse=True)


def _read(number: int, file: Path) -> Caught:
    with file.open("rb") as stream:
        heads = BytesHeaderParser(policy=policy.default).parse(stream)
    date = heads["Date"]
    at = getattr(date, "datetime", None) or datetime.fromtimestamp(file.stat().st_mtime, UTC)
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return Caught(number, at, printable(str(heads["To"] or "")), printable(str(heads["Subject"] or "")), file)


def _parsed(content: bytes) -> EmailMessage:
    return BytesParser(EmailMessage, policy=policy.default).parsebytes(content)


def _body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return str(part.get_content()) if isinstance(part, EmailMessage) else ""


def _write_pages(folder: Path, caught: Sequence[Caught]) -> Path:
    """Write each message as a page, and a list of them; return the list."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    items = []
    for one in caught:
        page = folder / f"{one.number}.html"
        mail = _parsed(one.file.read_bytes())
        page.write_text(_body(mail, "html") or f"<pre>{html.escape(_body(mail, 'plain'))}</pre>", encoding="utf-8")
        items.append(f'<li><a href="{page.name}">{html.escape(one.subject)}</a> {html.escape(one.to)}</li>')
    whole = folder / "index.html"
    head = '<!doctype html><meta charset="utf-8"><title>Captured messages</title><h1>Captured messages</h1>'
    whole.write_text(f"{head}<ol>{''.join(items)}</ol>", encoding="utf-8")
    return whole


def _browse(page: Path, session: Session) -> None:
    import sys
    import webbrowser

    if sys.stdout.isatty() and not session.flags.no_input and not session.speaks_json:
        webbrowser.open(page.as_uri())
