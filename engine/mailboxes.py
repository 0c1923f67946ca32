"""Where mail that came back lies: a Maildir, a mailbox behind IMAP, an mbox file; each put away once it is settled.

Rules
- First settle, then put away: a crash between the two has a mail read twice, which does nothing.
- Nothing is deleted: a Maildir's mails go from new to cur, IMAP's are marked as seen.
"""

from __future__ import annotations

import contextlib
import imaplib
import re
import ssl
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from channels.errors import ChannelMisconfigured, ChannelUnavailable
from channels.mail_settings import Imap, mail_settings
from engine.bouncing import BATCH, Intake, Mailroom
from engine.store.reporting import Rules
from engine.tokens import Tokens, load_secrets
from journeys.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.engine import Engine

LARGEST = 64 * 1024 * 1024  # bytes of a file that is read at once
PATIENCE = 30.0  # seconds for an answer of an IMAP server
MOST = 5000  # mails of one pass
_NEXT_MAIL = re.compile(rb"(?:\A|\r?\n\r?\n|\A\r?\n)From [^\r\n]*\r?\n")


def room_of(project: Project, store: sa.Engine, now: Callable[[], datetime]) -> Mailroom:
    """Return the mailroom of a project."""
    from engine.app import digest_of  # noqa: PLC0415 - app puts everything together, this among it

    tokens = Tokens(load_secrets(project.root, project.secret))
    return Mailroom(store, tokens, Rules(digest_of(project), project.limits.skip_after), now)


def collect(engine: Engine) -> str | None:
    """Take in what lies in the project's mailboxes; say what it was, None when there was nothing."""
    found = gather(room_of(engine.project, engine.store, engine.clock.now), engine.project)
    return str(found) if found.mails else None


def gather(room: Mailroom, project: Project) -> Intake:
    """Take in what lies in all mailboxes that sojourn.yaml names."""
    found = Intake()
    for name, settings in project.channels.items():
        how = mail_settings(name, settings)
        if how.maildir:
            found = found + take_maildir(room, project.root / how.maildir, name)
        if how.imap is not None:
            found = found + take_imap(room, how.imap, name)
    return found


def take_maildir(room: Mailroom, folder: Path, channel: str = "email") -> Intake:
    """Take in the new mails of a Maildir."""
    new, cur = folder / "new", folder / "cur"
    if not new.is_dir():
        raise ChannelMisconfigured(channel, f"{folder} is no Maildir: it has no folder `new`")
    found, paths = Intake(), iter(sorted(new.iterdir())[:MOST])
    while batch := list(islice(paths, BATCH)):
        read = {path: raw for path in batch if (raw := _content(path)) is not None}
        found = found + room.take(read.values())
        cur.mkdir(exist_ok=True)
        for path in read:
            with contextlib.suppress(FileNotFoundError):
                path.rename(cur / f"{path.name}:2,S")
    return found


def _content(path: Path) -> bytes | None:
    """Return a mail; None for one that somebody else has taken."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST)
    except (FileNotFoundError, IsADirectoryError):
        return None


def split_mbox(content: bytes) -> Iterator[bytes]:
    """Yield the mails of a file: those of an mbox, or the one that it is."""
    if not content.startswith(b"From "):
        yield content
        return
    for mail in _NEXT_MAIL.split(content):
        if mail.strip():
            yield re.sub(rb"(?m)^>(>*From )", rb"\1", mail)


def take_imap(room: Mailroom, box: Imap, channel: str = "email") -> Intake:
    """Take in the mails of a folder that nobody has seen."""
    try:
        with _opened(box) as client:
            _login(client, box, channel)
            return _unseen(client, room, box)
    except ssl.SSLCertVerificationError as error:
        says = f"the certificate of {box.host} is not trusted ({error.verify_message}); set channels.{channel}.bounces"
        raise ChannelMisconfigured(channel, f"{says}.imap.host to the name it was made for") from None
    except (imaplib.IMAP4.error, OSError) as error:
        raise ChannelUnavailable(channel, f"the mailbox at {box.host}:{box.port} does not answer: {error}") from error


def _opened(box: Imap) -> imaplib.IMAP4:
    if box.tls:
        return imaplib.IMAP4_SSL(box.host, box.port, ssl_context=ssl.create_default_context(), timeout=PATIENCE)
    return imaplib.IMAP4(box.host, box.port, timeout=PATIENCE)


def _login(client: imaplib.IMAP4, box: Imap, channel: str) -> None:
    try:
        client.login(box.user, box.password)
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        says = f"{box.host} refused user {box.user!r} ({error}); check channels.{channel}.bounces.imap"
        raise ChannelMisconfigured(channel, says) from None


def _unseen(client: imaplib.IMAP4, room: Mailroom, box: Imap) -> Intake:
    status, _ = client.select(f'"{box.folder}"')
    if status != "OK":
        raise imaplib.IMAP4.error(f"there is no folder {box.folder}")
    _, said = client.uid("SEARCH", "UNSEEN")
    uids: Sequence[bytes] = (said[0] or b"").split()[:MOST] if said else ()
    found, rest = Intake(), iter(uids)
    while batch := list(islice(rest, BATCH)):
        found = found + room.take(_fetched(client, batch))
        client.uid("STORE", b",".join(batch).decode(), "+FLAGS.SILENT", r"(\Seen)")
    return found


def _fetched(client: imaplib.IMAP4, uids: Sequence[bytes]) -> list[bytes]:
    _, parts = client.uid("FETCH", b",".join(uids).decode(), "(BODY.PEEK[])")
    return [part[1] for part in parts if isinstance(part, tuple)]
