"""What a mail that came back says: a bounce (RFC 3464), a complaint (RFC 5965), an absence, a wish to leave.

Rules
- Nothing here is believed: it says what the mail claims and which mailboxes of ours it names; whether the token in
  such a mailbox is one of ours is asked elsewhere, and a mail without one counts for nothing.
- A program that does not say why is a soft bounce. An out-of-office note is no bounce.
- Whatever the bytes, there is an answer and no exception.
"""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import dataclass
from email.message import Message
from typing import Literal

from channels.channel import Kind
from channels.smtp_answers import ENHANCED, Reply, judge

What = Literal["failed", "delayed", "delivered", "complained", "unsubscribed", "auto_reply", "other"]

LONGEST = 512 * 1024  # bytes that are looked at
_MAILBOX = re.compile(r"\b([bu])\+([A-Za-z0-9_-]{18,62})@[A-Za-z0-9.-]+")
_TO_US = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to", "to", "apparently-to")
_CODE = re.compile(r"(?<![\d.:-])([45]\d\d)(?=[ -])(?![ -]\d{1,3}\.\d{1,3}\.\d{1,3}\.)")
_ACTIONS: dict[str, What] = {
    "failed": "failed", "failure": "failed", "delayed": "delayed", "delivered": "delivered", "relayed": "delivered",
    "expanded": "delivered",
}  # fmt: skip
_COMPLAINTS: dict[str, What] = {
    "abuse": "complained", "fraud": "complained", "virus": "complained", "opt-out": "unsubscribed",
    "opt-out-list": "unsubscribed", "miscategorized": "complained",
}  # fmt: skip
_DAEMON = re.compile(r"mailer-?daemon|postmaster|mail delivery|mdaemon|microsoftexchange", re.IGNORECASE)
_BOUNCE_SUBJECT = re.compile(
    r"undeliver|failure notice|returned mail|delivery (?:status|failure|has failed|report|problem)|mail delivery"
    r"|could not be delivered|not delivered|non.?delivery|message not delivered|unzustellbar|nicht zugestellt"
    r"|non remis|no se ha podido entregar|mancata consegna|не доставлено|rejected",
    re.IGNORECASE,
)
_BOUNCE_TEXT = re.compile(
    r"this is the qmail-send program|i'm afraid i wasn't able to deliver|could not be delivered to (?:one|the)"
    r"|a message that you sent (?:could not|has not yet)|the following (?:address|recipient).{0,60}(?:fail|fatal)"
    r"|permanent fatal errors|delivery to the following recipient|was undeliverable|did not reach the following"
    r"|couldn't be delivered|your message wasn't delivered|unable to deliver (?:your )?(?:message|mail)",
    re.IGNORECASE | re.DOTALL,
)
_DELAY_TEXT = re.compile(r"has not yet been delivered|delayed|will (?:continue to )?be? ?(?:try|retr)|warning: message",
                         re.IGNORECASE)  # fmt: skip
_ABSENT = re.compile(
    r"out of (?:the )?office|automatic reply|auto(?:matic)?.?(?:reply|response|responder)|vacation|on leave|away from"
    r"|abwesen|automatische antwort|absence|réponse automatique|fuori (?:sede|ufficio)|risposta automatica|ausente"
    r"|respuesta automática|resposta automática|afwezig|автоответ",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox of ours that the mail names: `purpose` b (return path) or u (unsubscribing), and its token."""

    purpose: str
    token: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What a mail says. `status`: the enhanced code, "5.1.1"; `mailboxes`: those it was sent to before all others."""

    what: What
    mailboxes: tuple[Mailbox, ...] = ()
    kind: Kind = ""
    status: str = ""
    detail: str = ""


def heard(raw: bytes) -> Heard:
    """Read one mail."""
    raw = raw[:LONGEST]
    try:
        message = email.message_from_bytes(raw, policy=email.policy.compat32)
        mailboxes = _mailboxes(message, raw)
        return _of_report(message, mailboxes) or _of_words(message, mailboxes)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):  # the parser has its own bad days
        return Heard("other", detail="it cannot be read")


def _mailboxes(message: Message, raw: bytes) -> tuple[Mailbox, ...]:
    lines = [str(value) for name in _TO_US for value in message.get_all(name, [])]
    found = _MAILBOX.findall("\n".join([*lines, raw.decode("latin-1")]))
    return tuple(dict.fromkeys(Mailbox(purpose.lower(), token) for purpose, token in found))


def _of_report(message: Message, mailboxes: tuple[Mailbox, ...]) -> Heard | None:
    """Read the parts that machines write for machines."""
    parts = {part.get_content_type(): part for part in reversed(list(message.walk()))}
    complaint = parts.get("message/feedback-report")
    if complaint is not None:
        said = _groups(complaint)
        kind = next((group["feedback-type"] for group in said if "feedback-type" in group), "").strip().lower()
        return Heard(_COMPLAINTS.get(kind, "other"), mailboxes, detail=f"feedback: {kind}"[:500])
    status = parts.get("message/delivery-status") or parts.get("message/global-delivery-status")
    if status is None:
        return None
    groups = [group for group in _groups(status) if "action" in group or "status" in group]
    words = [(_ACTIONS.get(group.get("action", "failed").strip().lower(), "failed"), group) for group in groups]
    what, group = next(((what, group) for what, group in words if what == "failed"), words[0] if words else ("", {}))
    if not group:
        return _of_words(message, mailboxes)
    code, detail = group.get("status", ""), group.get("diagnostic-code", "").partition(";")
    said_why = (detail[2] or detail[0]).strip()
    if what != "failed":
        return Heard(_ACTIONS[group.get("action", "").strip().lower()], mailboxes, "", _status(code), said_why[:500])
    return _failed(mailboxes, code, said_why or _text(message)[:4000])


def _groups(part: Message) -> list[dict[str, str]]:
    """Return the groups of fields of a report; parsers give them as messages, as text, or as one inside the other."""
    payload = part.get_payload()
    blocks = [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else []
    if not blocks:
        text = part.get_payload(decode=True)
        lines = (text if isinstance(text, bytes) else b"").decode("utf-8", "replace").replace("\r\n", "\n")
        blocks = [email.message_from_string(block) for block in re.split(r"\n\s*\n", lines) if block.strip()]
    return [{name.lower(): " ".join(str(value).split()) for name, value in block.items()} for block in blocks]


def _of_words(message: Message, mailboxes: tuple[Mailbox, ...]) -> Heard:
    """Read what was written for people."""
    subject, text = _header(message, "subject"), _text(message)
    author = f"{_header(message, 'from')} {_header(message, 'return-path')}"
    failed = message.get("x-failed-recipients") is not None or _BOUNCE_TEXT.search(text) is not None
    daemon = _DAEMON.search(author) is not None and _BOUNCE_SUBJECT.search(subject) is not None
    if failed or daemon:
        if _DELAY_TEXT.search(f"{subject}\n{text[:1000]}") and not re.search(r"\b5\.\d\.\d|\b55\d\b", text):
            return Heard("delayed", mailboxes, detail=subject[:500])
        return _failed(mailboxes, "", text[:4000])
    if _automatic(message) or _ABSENT.search(subject):
        return Heard("auto_reply", mailboxes, detail=subject[:500])
    if any(one.purpose == "u" for one in _addressed(message)):
        return Heard("unsubscribed", tuple(one for one in mailboxes if one.purpose == "u"), detail="by mail")
    return Heard("other", mailboxes, detail=subject[:500])


def _addressed(message: Message) -> tuple[Mailbox, ...]:
    return _mailboxes(message, b"")


def _automatic(message: Message) -> bool:
    submitted = _header(message, "auto-submitted").lower().partition(";")[0].strip()
    precedence = _header(message, "precedence").lower()
    marked = any(message.get(name) is not None for name in ("x-autoreply", "x-autorespond", "x-autoresponse"))
    return submitted not in {"", "no"} or precedence in {"auto_reply", "auto-reply", "junk"} or marked


def _failed(mailboxes: tuple[Mailbox, ...], code: str, said: str) -> Heard:
    """Judge a failure by the table of answers; a status of class 4 means that somebody gave up trying."""
    found = ENHANCED.search(said)
    own = _status(code)
    telling = found[0] if found and not found[0].endswith(".0.0") else ""
    status = telling or own or (found[0] if found else "")
    answered = _CODE.search(said)
    number = int(answered[1]) if answered else 0
    temporary = status.startswith("4") if status else 400 <= number < 500
    kind: Kind = "soft"
    if not temporary:
        rule = judge("report", Reply(550, f"{status} {ENHANCED.sub('', said)}"))
        kind = "hard" if rule.kind == "hard" else "policy" if rule.kind in ("policy", "content") else "soft"
    return Heard("failed", mailboxes, kind, status, " ".join(said.split())[:500])


def _status(text: str) -> str:
    found = ENHANCED.search(text)
    return found[0] if found else ""


def _header(message: Message, name: str) -> str:
    value = str(message.get(name) or "")
    if "=?" not in value:
        return value
    return "".join(
        part.decode(charset or "utf-8", "replace") if isinstance(part, bytes) else part
        for part, charset in email.header.decode_header(value)
    )


def _text(message: Message) -> str:
    """Return the first part that people can read."""
    for part in message.walk():
        if part.get_content_type() in {"text/plain", "text/html"} and not part.is_multipart():
            content = part.get_payload(decode=True)
            text = (content if isinstance(content, bytes) else b"").decode("utf-8", "replace")
            return re.sub(r"<[^>]+>", " ", text) if part.get_content_type() == "text/html" else text
    return ""
