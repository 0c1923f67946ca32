"""Where drills send to: a mail server and a web server of our own, which write down what they accept.

Rules
- A mail counts from its final dot on, before the answer is given: that is when responsibility changes hands.
- What goes wrong is said by `fate`, which is asked at each message, so that the same seed goes wrong the same way.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import BinaryIO, Literal

Fate = Literal["", "4xx", "5xx", "421", "drop before", "drop after", "stall"]
STALL = 30.0  # seconds, unless somebody has less patience


@dataclass(slots=True)
class MailSink:
    """An SMTP server: `accepted` are copies by Message-ID, `fates` what went wrong by Message-ID."""

    latency: float = 0.0  # seconds between the final dot and the answer
    fate: Callable[[str], Fate] = lambda _: ""
    stall: float = STALL
    keep: bool = False
    pipelining: bool = True
    accepted: Counter[str] = field(default_factory=Counter)
    fates: dict[str, list[str]] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)  # when DATA was asked, of what was accepted
    mails: list[tuple[str, list[str], bytes]] = field(default_factory=list)  # sender, recipients, content; if kept
    begun: int = 0  # messages whose DATA has been asked
    _listener: socket.socket = field(init=False)
    _live: set[socket.socket] = field(default_factory=set)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        threading.Thread(target=self._accept, name="mail-sink", daemon=True).start()

    @property
    def port(self) -> int:
        """Return where it listens."""
        return int(self._listener.getsockname()[1])

    def forget(self) -> None:
        """Begin to count anew."""
        with self._turn:
            self.accepted.clear()
            self.fates.clear()
            self.began.clear()
            self.mails.clear()

    def close(self) -> None:
        """Hang up on everybody."""
        for sock in (self._listener, *list(self._live)):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._live.add(sock)
                threading.Thread(target=self._serve, args=(sock,), name="mail-sink-line", daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), sock, sock.makefile("rb") as reader:
            sock.sendall(b"220 sink\r\n")
            self._talk(sock, reader)
        self._live.discard(sock)

    def _talk(self, sock: socket.socket, reader: BinaryIO) -> None:
        sender, to = "", list[str]()
        while line := reader.readline():
            verb = line[:4].upper()
            if verb in (b"EHLO", b"HELO"):
                sock.sendall(b"250-sink\r\n" + b"250-PIPELINING\r\n" * self.pipelining + b"250 8BITMIME\r\n")
            elif verb == b"MAIL":
                sender, to = _angle(line), []
                sock.sendall(b"250 ok\r\n")
            elif verb == b"RCPT":
                to.append(_angle(line))
                sock.sendall(b"250 ok\r\n")
            elif verb == b"DATA":
                if not self._data(sock, reader, (sender, to)):
                    return
            elif verb == b"QUIT":
                sock.sendall(b"221 bye\r\n")
                return
            else:
                sock.sendall(b"250 ok\r\n")

    def _data(self, sock: socket.socket, reader: BinaryIO, envelope: tuple[str, list[str]]) -> bool:
        """Take one message; False when the connection is over."""
        self.begun += 1
        began = time.monotonic()
        sock.sendall(b"354 go on\r\n")
        content = _content(reader)
        if content is None:
            return False
        name = ident(content)
        fate = self.fate(name)
        if fate:
            with self._turn:
                self.fates.setdefault(name, []).append(fate)
        if fate in ("4xx", "5xx", "421"):
            return self._refuse(sock, fate)
        if fate == "drop before":  # it has come, and is thrown away: nobody can tell that from one that arrived
            return False
        self.began[name] = began
        self._keep(name, envelope, content)
        if fate == "drop after":
            return False
        time.sleep(self.stall if fate == "stall" else self.latency) if fate or self.latency else None
        sock.sendall(b"250 2.0.0 queued\r\n")
        return True

    def _refuse(self, sock: socket.socket, fate: Fate) -> bool:
        said = {"4xx": b"451 4.3.0 later", "5xx": b"550 5.1.1 no such mailbox", "421": b"421 4.3.2 going down"}[fate]
        sock.sendall(said + b"\r\n")
        return fate != "421"

    def _keep(self, name: str, envelope: tuple[str, list[str]], content: bytes) -> None:
        with self._turn:
            self.accepted[name] += 1
            if self.keep:
                self.mails.append((*envelope, content))


def ident(content: bytes) -> str:
    """Return the Message-ID of a mail, "" when it has none."""
    head = content.partition(b"\r\n\r\n")[0]
    for line in head.split(b"\r\n"):
        if line[:11].lower() == b"message-id:":
            return line[11:].strip().decode("latin-1")
    return ""


def _angle(line: bytes) -> str:
    return line.decode("utf-8", "replace").partition("<")[2].rpartition(">")[0]


def _content(reader: BinaryIO) -> bytes | None:
    """Read up to the final dot; None when it never comes."""
    lines = []
    while (line := reader.readline()) != b".\r\n":
        if not line:
            return None
        lines.append(line[1:] if line.startswith(b".") else line)
    return b"".join(lines)


class WebSink:
    """A push service and a webhook in one: `accepted` are copies by Topic, or by Idempotency-Key."""

    def __init__(self) -> None:
        self.accepted: Counter[str] = Counter()
        self.statuses: dict[str, tuple[int, dict[str, str]]] = {}  # path -> what to answer there
        sink = self

        class Answer(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers = sink.statuses.get(self.path, (201, {}))
                if status < 300:
                    sink.accepted[self.headers.get("Idempotency-Key") or self.headers.get("Topic") or ""] += 1
                head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
                self.wfile.write(f"HTTP/1.1 {status} x\r\nContent-Length: 2\r\n{head}\r\n{{}}".encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the server's name for it
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # whoever calls may die
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="web-sink", daemon=True).start()

    @property
    def host(self) -> str:
        """Return host and port."""
        return f"127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop to answer."""
        self._server.shutdown()
        self._server.server_close()
