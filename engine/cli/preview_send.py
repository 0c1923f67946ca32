"""A preview sent for real, to one address, marked as a test: the channel of the project, one message, no contact."""

from __future__ import annotations

from datetime import UTC, datetime
from secrets import token_hex

from channels.build import build_channel
from channels.channel import Envelope
from channels.errors import ChannelError
from channels.mime import AddressRefused, Mail, letterhead
from engine.cli.session import Session
from engine.errors import ConfigError, NotHandedOver
from engine.preview.look import Look
from journeys.project import Project


def send(session: Session, project: Project, look: Look, to: str) -> None:
    """Send one mail; its links lead where the template says and count nothing."""
    channel = look.message.partition("/")[0]
    if channel != "email":
        raise ConfigError(f"--to sends mails only; {look.message} goes by {channel}")
    settings = project.channels.get(channel, {})
    sender = str(settings.get("from") or "")
    if not sender:
        raise ConfigError("no sender: set `from` under channels.email in sojourn.yaml")
    session.confirm(f"Send {look.message} to {to} by {settings.get('provider')}?")
    try:
        head = letterhead(sender, reply_to=str(settings.get("reply_to") or ""))
        key = f"preview:{token_hex(8)}"
        subject, now = f"[Test] {look.rendered.subject}", datetime.now(UTC).replace(microsecond=0)
        body = head.pack(Mail(key, to, subject, look.rendered.text, look.rendered.html, now))
    except (AddressRefused, ValueError) as wrong:
        raise ConfigError(f"--to {to}: {wrong}") from None
    _hand_over(session, project, Envelope(key, to, body, sender=head.address))


def _hand_over(session: Session, project: Project, envelope: Envelope) -> None:
    door = build_channel("email", project.channels["email"], project.root)
    try:
        [receipt] = door.send([envelope], frozenset)
    except ChannelError as wrong:
        raise NotHandedOver(str(wrong)) from None
    finally:
        door.close()
    if receipt.status != "sent":
        raise NotHandedOver(f"not handed over ({receipt.status}): {receipt.detail}")
    session.note(f"sent to {envelope.to}")
