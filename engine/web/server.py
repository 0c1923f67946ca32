"""The HTTP server inside `sojourn serve`: uvicorn in a thread, on a socket that is ours before it starts.

Rules
- Only loopback, unless sojourn.yaml itself names another address: a flag must not open a door to the world.
- Signals belong to whoever serves; `stop` lets running answers finish.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import threading
import time
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from engine.errors import ConfigError

HEAD_SECONDS: Final = 10.0  # from the first byte of a request to the end of its headers
_START_SECONDS: Final = 10.0
_DRAIN_SECONDS: Final = 5


class Prompt(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """HTTP as uvicorn speaks it, for those who say what they want: whoever dribbles a request is hung up on."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin the time that a request may take to be said."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the time."""
        self._heard()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """End the time when the request is there, begin it when it is only begun."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._heard()
        elif self._late is None:
            self._wait()

    def _wait(self) -> None:
        self._late = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _heard(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


class WebServer:
    """Serves an application until `stop`; `url` says where."""

    def __init__(self, app: ASGIApp, bind: str, configured: str) -> None:
        host, port = parse_bind(bind)
        if not _loopback(host) and bind != configured:
            raise ConfigError(
                f"{bind} can be reached from other machines; if that is meant, write `web: {{bind: {bind}}}` in "
                "sojourn.yaml"
            )
        self._socket = _listen(host, port)
        config = uvicorn.Config(
            app,
            http=Prompt,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=_DRAIN_SECONDS,
            limit_concurrency=500,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="web", daemon=True)
        name = f"[{host}]" if ":" in host else host
        self.url = f"http://{name}:{self._socket.getsockname()[1]}"

    def start(self) -> None:
        """Begin to answer; returns when it does."""
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise ConfigError(f"the web server did not start on {self.url}")
            time.sleep(0.005)

    def stop(self) -> None:
        """Take nothing new, finish what is being answered."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(_DRAIN_SECONDS + 5)
        self._socket.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])


def parse_bind(bind: str) -> tuple[str, int]:
    """Return host and port of "127.0.0.1:8000", "[::1]:8000", "localhost:8000"."""
    host, colon, port = bind.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f'cannot read the address "{bind}"; write host:port, such as 127.0.0.1:8000')
    return host, int(port)


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ConfigError(_why(host, port, error)) from None
    return listener


def _why(host: str, port: int, error: OSError) -> str:
    there = f"cannot listen on {host}:{port}"
    way_out = "set `web: {bind: 127.0.0.1:PORT}` in sojourn.yaml, or serve --bind 127.0.0.1:PORT"
    if error.errno == errno.EADDRINUSE:
        return f"{there}: another program (perhaps another `sojourn serve`) has this port; end it, or {way_out}"
    if error.errno == errno.EACCES:
        return f"{there}: ports under 1024 need special rights; {way_out}"
    return f"{there}: {error.strerror or error}; {way_out}"
