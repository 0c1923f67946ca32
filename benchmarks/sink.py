"""An SMTP server that accepts everything and counts it: `python -m benchmarks.sink` prints its port and serves.

It runs in a process of its own, so that its CPU is nobody's. It takes pipelined commands (RFC 2920) and answers XCOUNT
with the number of messages accepted so far. With --keep FOLDER every message is also written to a file.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

END = b"\r\n.\r\n"
REPLIES = {
    b"EHLO": b"250-sink\r\n250-PIPELINING\r\n250-SIZE 10485760\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n",
    b"HELO": b"250 sink\r\n",
    b"MAIL": b"250 2.1.0 ok\r\n",
    b"RCPT": b"250 2.1.5 ok\r\n",
    b"RSET": b"250 2.0.0 ok\r\n",
    b"NOOP": b"250 2.0.0 ok\r\n",
}


@dataclass(slots=True)
class Tally:
    accepted: int = 0
    folder: Path | None = None

    def take(self, message: bytes) -> None:
        self.accepted += 1
        if self.folder is not None:
            (self.folder / f"{self.accepted:07d}.eml").write_bytes(message)


@dataclass(slots=True)
class Session(asyncio.Protocol):
    """One connection: commands until DATA, a message until the dot, and so on."""

    tally: Tally
    waiting: bytearray = field(default_factory=bytearray)
    in_message: bool = False
    wire: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.wire = cast("asyncio.Transport", transport)
        self.wire.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        replies: list[bytes] = []
        while (reply := self._message() if self.in_message else self._command()) is not None:
            replies.append(reply)
        if self.wire is not None and replies:
            self.wire.write(b"".join(replies))

    def _message(self) -> bytes | None:
        end = self.waiting.find(END)
        if end < 0:
            return None
        self.tally.take(bytes(self.waiting[:end]) if self.tally.folder else b"")
        del self.waiting[: end + len(END)]
        self.in_message = False
        return b"250 2.0.0 accepted\r\n"

    def _command(self) -> bytes | None:
        end = self.waiting.find(b"\r\n")
        if end < 0:
            return None
        verb = bytes(self.waiting[:4]).upper()
        del self.waiting[: end + 2]
        if verb == b"DATA":
            self.in_message = True
            return b"354 go ahead\r\n"
        if verb == b"XCOU":
            return b"250 %d\r\n" % self.tally.accepted
        if verb == b"QUIT" and self.wire is not None:
            self.wire.write(b"221 2.0.0 bye\r\n")
            self.wire.close()
            return None
        return REPLIES.get(verb, b"500 5.5.1 unknown command\r\n")


async def serve(folder: Path | None) -> None:
    tally = Tally(folder=folder)
    server = await asyncio.get_running_loop().create_server(lambda: Session(tally), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    with suppress(asyncio.CancelledError):
        await server.serve_forever()


def accepted(port: int) -> int:
    """Return how many messages the sink at `port` has accepted."""
    with socket.create_connection(("127.0.0.1", port), 10) as wire, wire.makefile("rwb") as talk:
        talk.readline()
        talk.write(b"XCOUNT\r\n")
        talk.flush()
        return int(talk.readline().split()[1])


@contextmanager
def sink(keep: Path | None = None) -> Iterator[int]:
    """Run a sink in its own process and give its port; its CPU is counted to nobody before it ends."""
    command = [sys.executable, "-m", "benchmarks.sink", *(["--keep", str(keep)] if keep else [])]
    root = Path(__file__).resolve().parent.parent
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as process:
        try:
            yield int(cast("IO[bytes]", process.stdout).readline())
        finally:
            process.terminate()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(Path(sys.argv[2]) if sys.argv[1:2] == ["--keep"] else None))
