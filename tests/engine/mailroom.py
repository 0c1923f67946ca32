"""A real SMTP server for tests: keeps what it accepts."""

from __future__ import annotations

import socket


class Inbox:
    """Accepts everything; `messages` are the bytes as they came over the wire."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802 - the server's name for it
        self.messages.append(envelope.content)
        return "250 OK"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
