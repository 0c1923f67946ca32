"""One kept connection to a mail server, and where its dialogue stands.

Rules. smtplib opens (greeting, EHLO, STARTTLS, login) and then gives up its socket: it raises the same exception for a
drop before a message and after its final dot, and only who knows the phase knows whether a second copy is possible.
Nothing here blocks, retries or judges.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import socket
import ssl
from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from channels.channel import Envelope
from channels.errors import ChannelError, ChannelMisconfigured, ChannelUnavailable
from channels.failpoints import reached
from channels.smtp_answers import Reply, Stage

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
REPLY_LIMIT = 64 * 1024
CHUNK = 64 * 1024
LINE_ENDS = re.compile(rb"\r\n|\r|\n")
Phase = Literal["idle", "asking", "ready", "data", "body"]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds; the defaults are the minima of RFC 5321, because a spurious timeout makes second copies."""

    connect: float = 30
    reply: float = 300
    data: float = 120
    write: float = 180
    after_dot: float = 600


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """Where the relay is, and how to be let in."""

    host: str
    port: int = 587
    user: str = ""
    password: str = field(default="", repr=False)
    starttls: Literal["auto", "required", "off"] = "auto"
    tls: bool = False  # implicit TLS, as on port 465
    connections: int = 10  # at most; the pool opens what it needs
    hello: str = ""
    ca_file: str = ""
    timeouts: Timeouts = Timeouts()
    name: str = "email"


class Dropped(OSError):
    """The other side hung up, or speaks no SMTP."""


@dataclass(slots=True, eq=False)
class Line:
    """A connection; `phase` says what may be lost with it."""

    sock: socket.socket
    pipelining: bool
    phase: Phase = "idle"
    envelope: Envelope | None = None
    deadline: float = 0.0
    asked_at: float = 0.0  # when the last question went out
    waited: float = 0.0  # seconds for the answers to this message
    reused: bool = False
    after_reset: bool = False
    refusal: tuple[Stage, Reply] | None = None
    out: memoryview = field(default_factory=lambda: memoryview(b""))
    _inbox: bytearray = field(default_factory=bytearray)
    _asked: deque[str] = field(default_factory=deque)
    _later: deque[tuple[str, bytes]] = field(default_factory=deque)
    _dirty: bool = False
    _size: int = 0
    ended: bool = False  # the other side will say nothing more

    def ask(self, envelope: Envelope, sender: str, to: str) -> None:
        """Begin a message: ask whether it may be sent to this address."""
        self.envelope, self.phase, self.refusal, self.after_reset = envelope, "asking", None, self._dirty
        self.waited = 0.0
        commands = [("mail", f"MAIL FROM:<{sender}>\r\n".encode()), ("rcpt", f"RCPT TO:<{to}>\r\n".encode())]
        if self._dirty:
            commands.insert(0, ("rset", b"RSET\r\n"))
        self._later = deque(commands)
        self._ask_next()

    def _ask_next(self) -> None:
        count = len(self._later) if self.pipelining else 1
        now = [self._later.popleft() for _ in range(min(count, len(self._later)))]
        self._asked.extend(name for name, _ in now)
        self._dirty = True
        for name, _ in now:
            reached(f"smtp {name}")
        self._write(b"".join(command for _, command in now))

    def answered(self, reply: Reply) -> bool:
        """Take an answer to a question; True when all of them have come (or the first refusal has)."""
        name = self._asked.popleft()
        if reply.code >= 400 and self.refusal is None:
            stage: Stage = "mail" if name in {"rset", "mail"} else "rcpt"
            self.refusal = (stage, reply)
        if self.refusal is None and not self._asked and self._later:
            self._ask_next()
        return not self._asked

    def data(self) -> None:
        """Ask to send the message."""
        self.phase = "data"
        reached("smtp data")
        self._write(b"DATA\r\n")

    def body(self) -> None:
        """Send the message; from the first byte on, a lost connection leaves it in doubt."""
        assert self.envelope is not None  # noqa: S101 - a line in this phase carries a message
        reached("smtp body")
        self.phase = "body"
        content = stuffed(self.envelope.body)
        self._size = len(content)
        self._write(content)

    @property
    def in_doubt(self) -> bool:
        """Whether the message may have arrived although no answer has come."""
        return self.phase == "body" and len(self.out) < self._size

    def rest(self, *, dirty: bool) -> None:
        """The message is over; the line waits for the next one."""
        self.phase, self.envelope, self.reused, self._dirty = "idle", None, True, dirty
        self._asked.clear()
        self._later.clear()

    def _write(self, content: bytes) -> None:
        self.out = memoryview(content)
        self.flush()

    def flush(self) -> None:
        """Write what the socket takes."""
        while self.out:
            try:
                self.out = self.out[self.sock.send(self.out) :]
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return
            if self.phase == "body" and not self.out:
                reached("smtp dot", applied=True)

    def replies(self) -> list[Reply]:
        """Read what has come; raises Dropped when nothing more will."""
        reached(f"smtp reply {self.phase}")
        try:
            while content := self.sock.recv(CHUNK):
                self._inbox += content
                if len(self._inbox) > REPLY_LIMIT:
                    raise Dropped("the server's answer has no end")
                if len(content) < CHUNK and self.phase != "data" and not self._pending():
                    break  # before the body one look more is worth it: a hang-up now is no doubt later
            else:
                self.ended = True
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        found = list(self._complete())
        if self.ended and not found:
            raise Dropped("the server closed the connection")
        return found

    def _pending(self) -> bool:
        return isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0

    def _complete(self) -> list[Reply]:
        """Cut finished replies off the inbox; a hyphen behind the code says that more lines follow."""
        found, texts, start = [], [], 0
        while (end := self._inbox.find(b"\n", start)) >= 0:
            line = self._inbox[start:end].decode("utf-8", "replace").strip()
            if not line[:3].isdecimal() or len(line) < 3:
                raise Dropped(f"the server does not speak SMTP: {line[:80]!r}")
            texts.append(line[4:])
            start = end + 1
            if line[3:4] != "-":
                found.append(Reply(int(line[:3]), " ".join(texts)[:1000]))
                texts = []
                del self._inbox[:start]
                start = 0
        return found

    def close(self, *, politely: bool = False) -> None:
        """Hang up."""
        with contextlib.suppress(OSError, ValueError):
            if politely:
                self.sock.send(b"QUIT\r\n")
        with contextlib.suppress(OSError):
            self.sock.close()


def stuffed(body: bytes) -> bytes:
    """A message as it goes over the wire: CRLF lines only, dots doubled, the final dot."""
    if not body.count(b"\r\n") == body.count(b"\n") == body.count(b"\r"):
        body = LINE_ENDS.sub(b"\r\n", body)
    body = body.replace(b"\r\n.", b"\r\n..")
    if body.startswith(b"."):
        body = b"." + body
    return body + (b".\r\n" if body.endswith(b"\r\n") else b"\r\n.\r\n")


def open_line(settings: SmtpSettings) -> Line:
    """Connect, greet, encrypt and log in."""
    client: smtplib.SMTP | None = None
    try:
        client = _connected(settings)
        _secure(client, settings)
        _log_in(client, settings)
        return _taken(client)
    except ChannelError:
        _hang_up(client)
        raise
    except ssl.SSLError as error:
        _hang_up(client)
        raise _untrusted(settings, error) from error
    except (smtplib.SMTPException, OSError) as error:
        _hang_up(client)
        says = f"{settings.host}:{settings.port} does not answer: {_words(error)}"
        raise ChannelUnavailable(settings.name, says) from error


def _connected(settings: SmtpSettings) -> smtplib.SMTP:
    hello = settings.hello or socket.gethostname()
    timeout = settings.timeouts.connect
    client = (
        smtplib.SMTP_SSL(timeout=timeout, local_hostname=hello, context=_trust(settings))
        if settings.tls
        else smtplib.SMTP(timeout=timeout, local_hostname=hello)
    )
    client._host = settings.host  # type: ignore[attr-defined]  # noqa: SLF001 - connect() forgets it, TLS checks it
    try:
        _greet(client, settings)
    except BaseException:
        client.close()
        raise
    return client


def _greet(client: smtplib.SMTP, settings: SmtpSettings) -> None:
    reached("smtp connect")
    code, text = client.connect(settings.host, settings.port)
    if code != 220:
        raise smtplib.SMTPConnectError(code, text)
    reached("smtp ehlo")
    client.ehlo_or_helo_if_needed()


def _trust(settings: SmtpSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca_file or None)
    except OSError as error:
        says = f"ca_file {settings.ca_file}: {error.strerror or error}; correct channels.{settings.name}.ca_file"
        raise ChannelMisconfigured(settings.name, says) from None


def _secure(client: smtplib.SMTP, settings: SmtpSettings) -> None:
    offered = client.has_extn("starttls")
    if settings.tls or settings.starttls == "off" or (settings.starttls == "auto" and not offered):
        return
    if not offered:
        says = f"{settings.host} offers no STARTTLS; set channels.{settings.name}.starttls to auto or off, or use tls"
        raise ChannelMisconfigured(settings.name, says)
    client.starttls(context=_trust(settings))
    client.ehlo_or_helo_if_needed()


def _log_in(client: smtplib.SMTP, settings: SmtpSettings) -> None:
    if not settings.user:
        return
    where = f"channels.{settings.name}"
    encrypted = isinstance(client.sock, ssl.SSLSocket)
    if not encrypted and settings.starttls != "off" and settings.host not in LOOPBACK:
        says = f"{settings.host} offers no encryption for the password; set {where}.starttls: off to send it in clear"
        raise ChannelMisconfigured(settings.name, says)
    try:
        client.login(settings.user, settings.password)
    except smtplib.SMTPAuthenticationError as error:
        if error.smtp_code < 500:
            raise
        says = f"{settings.host} refused user {settings.user!r} ({_words(error)}); check {where}.user and .password"
        raise ChannelMisconfigured(settings.name, says) from None
    except smtplib.SMTPNotSupportedError:
        says = f"{settings.host} asks for no password; remove {where}.user, or set {where}.starttls: required"
        raise ChannelMisconfigured(settings.name, says) from None


def _untrusted(settings: SmtpSettings, error: ssl.SSLError) -> ChannelError:
    if not isinstance(error, ssl.SSLCertVerificationError):
        return ChannelUnavailable(settings.name, f"{settings.host}:{settings.port} breaks off TLS: {_words(error)}")
    says = f"the certificate of {settings.host} is not trusted ({error.verify_message}); set channels."
    return ChannelMisconfigured(settings.name, f"{says}{settings.name}.ca_file, or the name it was made for as host")


def _taken(client: smtplib.SMTP) -> Line:
    """Take the socket over from smtplib."""
    sock = client.sock
    assert sock is not None  # noqa: S101 - a connected client has one
    pipelining = client.has_extn("pipelining")
    if client.file is not None:
        client.file.close()
    client.file = client.sock = None
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Line(sock, pipelining)


def _hang_up(client: smtplib.SMTP | None) -> None:
    if client is not None:
        client.close()


def _words(error: BaseException) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        return f"{error.smtp_code} {text.decode('utf-8', 'replace') if isinstance(text, bytes) else text}"[:300]
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__)[:300]
