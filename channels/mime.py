"""The MIME message as bytes, joined by hand.

Rules. What is the same for every message of a sender is made once (`Letterhead`); what is a person's is validated,
never folded by a library: the stdlib's generators encode a List-Unsubscribe of 75 characters into something no mail
program can read. A value cannot make a header: control characters never pass. Tests prove the bytes against the
stdlib parser.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
PLAIN_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
WEB_URL = re.compile(r"https?://[!-;=?-~]+")
SENDER = re.compile(r"(.*)<([^<>]*)>", re.DOTALL)
HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")
ASCII = bytes(range(128))
LINE_LIMIT = 998
TEXT_LIMIT = 200  # characters of a subject or a display name
WORD_BYTES = 45  # 60 of base64 in an encoded word of 75
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
BOUNDARY = b"=_sojourn_part"  # "=_" appears neither in quoted-printable nor in base64
MULTIPART = b'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="' + BOUNDARY + b'"\r\n'
OPENING, CLOSING = b"\r\n--" + BOUNDARY + b"\r\n", b"\r\n--" + BOUNDARY + b"--\r\n"
TEXT_TYPE = b'Content-Type: text/plain; charset="utf-8"\r\n'
HTML_TYPE = b'Content-Type: text/html; charset="utf-8"\r\n'
QUOTED = b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
BASE64 = b"Content-Transfer-Encoding: base64\r\n\r\n"
ONE_CLICK = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"


class AddressRefused(ValueError):
    """A mailbox that cannot be written to; says why."""


@lru_cache(maxsize=2048)
def address(text: str) -> str:
    """Check a mailbox and give it with its domain in ASCII; each is asked for when it is written and when it goes."""
    local, at, domain = text.strip().rpartition("@")
    if not at or not local or not domain:
        raise AddressRefused(f"{_shown(text)} is not an e-mail address")
    if not local.isascii():
        raise AddressRefused(f"{_shown(text)}: letters outside ASCII before the @ are not supported")
    if LOCAL.fullmatch(local) is None or len(local) > 64:
        raise AddressRefused(f"{_shown(text)} is not an e-mail address: the part before the @ is not valid")
    ascii_domain = _ascii_domain(text, domain)
    if len(local) + len(ascii_domain) > 253:
        raise AddressRefused(f"{_shown(text)} is longer than 254 characters")
    return f"{local}@{ascii_domain}"


def _ascii_domain(text: str, domain: str) -> str:
    try:
        ascii_domain = domain if domain.isascii() else domain.encode("idna").decode("ascii")
    except UnicodeError:
        raise AddressRefused(f"{_shown(text)}: the domain is not valid") from None
    if not all(LABEL.fullmatch(label) for label in ascii_domain.split(".")):
        raise AddressRefused(f"{_shown(text)}: the domain is not valid")
    return ascii_domain


def _shown(text: str) -> str:
    return repr(text[:80])


def message_id(key: str, domain: str) -> str:
    """Give the Message-ID of a key: the same at every attempt, so that receivers can see a second copy."""
    digest = base64.b32encode(hashlib.sha256(key.encode()).digest())[:26]
    return f"<{digest.decode().lower()}@{domain}>"


def clean(text: str) -> str:
    """One line of text: what could break a header becomes a space."""
    return " ".join(BREAKS.sub(" ", text).split())[:TEXT_LIMIT].strip()


def words(text: str) -> bytes:
    """A header text of any script: as it is, or as encoded words (RFC 2047), one a line."""
    if text.isascii() and "=?" not in text:
        return text.encode("ascii")
    content, chunks, start = text.encode(), [], 0
    while start < len(content):
        end = start + WORD_BYTES
        while end < len(content) and content[end] & 0xC0 == 0x80:  # never through a character
            end -= 1
        chunks.append(b"=?utf-8?b?" + binascii.b2a_base64(content[start:end], newline=False) + b"?=")
        start = end
    return b"\r\n ".join(chunks)


def mailbox(name: str, addr_spec: str) -> bytes:
    """`Name <address>`; a name cannot add a recipient."""
    shown, spec = clean(name), address(addr_spec).encode("ascii")
    if not shown:
        return spec
    if not shown.isascii() or "=?" in shown:
        return words(shown) + b"\r\n <" + spec + b">"
    if PLAIN_NAME.fullmatch(shown) is None:
        shown = '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return shown.encode("ascii") + b" <" + spec + b">"


def body(text: str) -> bytes:
    """One part's transfer encoding and its bytes: quoted-printable, or base64 where that is shorter."""
    content = text.encode("utf-8", "replace")
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if not content.endswith(b"\n"):
        content += b"\n"
    if len(content.translate(None, ASCII)) * 6 > len(content):
        return BASE64 + _base64(content.replace(b"\n", b"\r\n"))
    return QUOTED + binascii.b2a_qp(content, istext=True).replace(b"\n", b"\r\n")


def _base64(content: bytes) -> bytes:
    return base64.encodebytes(content).replace(b"\n", b"\r\n")


def date(at: datetime) -> bytes:
    """RFC 5322 in UTC, whatever the process's locale."""
    moment = at.astimezone(UTC)
    text = f"{DAYS[moment.weekday()]}, {moment:%d} {MONTHS[moment.month]} {moment:%Y %H:%M:%S} +0000"
    return text.encode("ascii")


@dataclass(frozen=True, slots=True)
class Mail:
    """One person's message, rendered; without `html` it is plain text, without `unsubscribe_url` transactional."""

    key: str
    to: str
    subject: str
    text: str
    html: str
    at: datetime
    to_name: str = ""
    unsubscribe_url: str = ""
    unsubscribe_mailto: str = ""


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What is the same in every message of one sender; made once by `letterhead`."""

    address: str
    domain: str
    top: bytes
    headers: bytes = b""
    idempotency_header: bytes = b""
    dates: dict[datetime, bytes] = field(default_factory=dict)

    def pack(self, mail: Mail) -> bytes:
        """Join one message; raises AddressRefused or ValueError for values that cannot be written."""
        identity = message_id(mail.key, self.domain)
        lines = [
            self.top,
            b"To: ", mailbox(mail.to_name, mail.to) if mail.to_name else address(mail.to).encode("ascii"),
            b"\r\nSubject: ", words(clean(mail.subject)),
            b"\r\nDate: ", self._date(mail.at),
            b"\r\nMessage-ID: ", identity.encode("ascii"), b"\r\n",
            self.headers,
        ]  # fmt: skip
        if self.idempotency_header:
            lines += [self.idempotency_header, identity[1:27].encode("ascii"), b"\r\n"]
        if mail.unsubscribe_url:
            lines.append(_unsubscribe(mail.unsubscribe_url, mail.unsubscribe_mailto))
        if mail.html:
            parts = [OPENING, TEXT_TYPE, body(mail.text), OPENING, HTML_TYPE, body(mail.html), CLOSING]
            return b"".join([*lines, MULTIPART, *parts])
        return b"".join([*lines, b"MIME-Version: 1.0\r\n", TEXT_TYPE, body(mail.text)])

    def _date(self, at: datetime) -> bytes:
        known = self.dates.get(at)
        if known is None:
            self.dates.clear()
            known = self.dates[at] = date(at)
        return known


def _unsubscribe(url: str, mailto: str) -> bytes:
    """Both headers of RFC 8058, each on one raw line."""
    if WEB_URL.fullmatch(url) is None:
        raise ValueError(f"the unsubscribe address {_shown(url)} is not a web address")
    line = f"List-Unsubscribe: <{url}>"
    if mailto:
        line += f", <mailto:{address(mailto)}>"
    if len(line) > LINE_LIMIT:
        raise ValueError("the unsubscribe address is longer than a header line")
    return line.encode("ascii") + b"\r\n" + ONE_CLICK


def letterhead(
    sender: str, *, reply_to: str = "", idempotency_header: str = "", headers: Mapping[str, str] | None = None
) -> Letterhead:
    """Make a letterhead from `Name <address>`; `headers` are further fixed ones (List-Id, X-...)."""
    name, spec = split(sender)
    plain = address(spec)
    fixed = b""
    if reply_to:
        fixed += b"Reply-To: " + mailbox(*split(reply_to)) + b"\r\n"
    for header, value in (headers or {}).items():
        fixed += _header(header) + words(clean(value)) + b"\r\n"
    once = _header(idempotency_header) if idempotency_header else b""
    return Letterhead(plain, plain.rpartition("@")[2], b"From: " + mailbox(name, spec) + b"\r\n", fixed, once)


def split(sender: str) -> tuple[str, str]:
    """Cut `Name <address>` in two, as people write it in a settings file: commas need no quotes."""
    found = SENDER.fullmatch(sender.strip())
    if found is None:
        return "", sender.strip()
    name = found[1].strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return name, found[2].strip()


def _header(name: str) -> bytes:
    if HEADER_NAME.fullmatch(name) is None:
        raise ValueError(f"{_shown(name)} is not a header name")
    return name.encode("ascii") + b": "
