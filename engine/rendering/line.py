"""One process that writes messages, with its pipes and its end; nothing here waits longer than a message may take."""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from select import select
from typing import Final

from engine.rendering import wire
from engine.rendering.asked import COMPILING, MEBIBYTE, Answer, Bounds

NOBODY: Final = -1  # the number of the message under way before the first
GRACE: Final = 3.0  # seconds beyond a message's own clock, for a process that cannot even end itself
START_SECONDS: Final = 30.0
WRITE_BYTES: Final = 256 * 1024


class Ended(Exception):
    """The process is there no more; the message says what became of it."""


class Line:
    """One process with its pipes. Never blocks for longer than a message may take."""

    def __init__(self, files: Mapping[str, Sequence[Path]], bounds: Bounds) -> None:
        self.nonce = secrets.token_hex(8)
        self._bounds = bounds
        self._numbers = 0
        self._out: deque[bytes] = deque()
        self._came = bytearray()
        self._buffer = bytearray(WRITE_BYTES)  # kept: a new one for each reading cost more than the reading
        with tempfile.TemporaryFile() as shared:
            shared.write(wire.NUMBER.pack(NOBODY))
            shared.flush()
            self._progress = mmap.mmap(shared.fileno(), wire.NUMBER.size)
            self._process = subprocess.Popen(  # noqa: S603 - this very program
                [sys.executable, "-P", "-B", "-m", "engine.rendering.child", str(shared.fileno())],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
                pass_fds=[shared.fileno()], env=_environment(), start_new_session=True,
            )  # fmt: skip
        ends = self._process.stdin, self._process.stdout
        self._to, self._from = (end.fileno() for end in ends if end is not None)
        os.set_blocking(self._to, False)
        _widen(self._to, self._from)
        self._patience = START_SECONDS
        names = {name: [str(file) for file in paths] for name, paths in files.items()}
        setup = {"messages": names, "seconds": bounds.seconds, "memory": bounds.memory, "nonce": self.nonce}
        self._out.append(wire.frame(setup)[0])

    def number(self) -> int:
        """Return a number for a message."""
        self._numbers += 1
        return self._numbers

    def ask(self, frame: bytes) -> None:
        """Ask for a message; it goes out when there is enough, or when an answer is waited for."""
        self._out.append(frame)

    def push(self) -> None:
        """Send what goes at once, so that the process need not wait for us to have read its answers."""
        with suppress(Ended):  # whoever hears next is told
            if self._out:
                self._write()

    def hear(self) -> tuple[int, Answer]:
        """Return the next answer with its number; Ended when the process came to an end, Garbled when it raves."""
        while (found := self._frame()) is None:
            self._exchange()
        return wire.read_answer(*found)

    def working_on(self) -> int:
        """Return the number of the message that the process has begun last."""
        return int(wire.NUMBER.unpack(self._progress[:])[0])

    @property
    def peak(self) -> int:
        """Return the most memory that the process has held at once, in bytes; 0 where the system does not say."""
        status = Path(f"/proc/{self._process.pid}/status")
        lines = status.read_text("ascii").splitlines() if status.exists() else []
        return next((1024 * int(one.split()[1]) for one in lines if one.startswith("VmHWM")), 0)

    def kill(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for end in (self._process.stdin, self._process.stdout):
            if end is not None:
                with suppress(OSError):
                    end.close()
        self._progress.close()

    def _frame(self) -> tuple[bytes, bytes, bytes] | None:
        if len(self._came) < wire.HEAD.size:
            return None
        first, second, third = wire.lengths(self._came)
        start = wire.HEAD.size
        ends = (start + first, start + first + second, start + first + second + third)
        if len(self._came) < ends[2]:
            return None
        with memoryview(self._came) as view:
            parts = bytes(view[start : ends[0]]), bytes(view[ends[0] : ends[1]]), bytes(view[ends[1] : ends[2]])
        del self._came[: ends[2]]
        return parts

    def _exchange(self) -> None:
        """Write and read what goes at once; wait at most as long as the message under way may take."""
        begun = self.working_on()
        writable = [self._to] if self._out else []
        can_read, can_write, _ = select([self._from], writable, [], self._patience)
        if can_write:
            self._write()
        if can_read:
            self._read()
        if not can_read and not can_write and begun == self.working_on():
            self._process.kill()
            raise Ended(self._slow)

    def _write(self) -> None:
        bundle = b"".join(self._out) if len(self._out) > 1 else self._out[0]
        self._out.clear()
        try:
            sent = os.write(self._to, bundle[:WRITE_BYTES])
        except BlockingIOError:
            sent = 0
        except OSError:
            raise Ended(self._ended()) from None
        if sent < len(bundle):
            self._out.append(bundle[sent:])

    def _read(self) -> None:
        count = os.readv(self._from, [self._buffer])
        if not count:
            raise Ended(self._ended())
        self._came += memoryview(self._buffer)[:count]
        self._patience = COMPILING * self._bounds.seconds + GRACE

    @property
    def _slow(self) -> str:
        return f"it took longer than {self._bounds.seconds:g} s to render"

    def _ended(self) -> str:
        try:
            code = self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            return "it closed its pipes"
        if code == -signal.SIGALRM:
            return self._slow
        mebibytes = self._bounds.memory // MEBIBYTE
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"rendering it ended the process ({how}); a message may take {mebibytes} MiB"


def _widen(*pipes: int) -> None:
    """Let pipes hold many messages, where the system can: each time one is full, two processes change places."""
    if sys.platform != "linux":
        return
    for pipe in pipes:
        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, MEBIBYTE)


def _environment() -> dict[str, str]:
    """Return what the process is told: where our modules are, and no more."""
    return {"PYTHONPATH": os.pathsep.join(one for one in sys.path if one), "LC_ALL": "C.UTF-8"}
