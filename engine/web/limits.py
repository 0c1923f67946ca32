"""Limits for strangers: how often one address may be wrong, how much it may send at once, and how slowly."""

from __future__ import annotations

import asyncio
import time
from collections import deque

from starlette.requests import ClientDisconnect, Request

BODY_BYTES = 64 * 1024
BODY_SECONDS = 10.0
_WRONG = 10
_PER = 60.0
_REMEMBERED = 10_000  # addresses; beyond that the oldest are forgotten


class TooLarge(Exception):
    """The body is over the limit."""


class TooSlow(TooLarge):
    """The body does not come to an end, in time or at all."""


class Strikes:
    """Counts wrong tokens and keys per address: at most ten a minute are answered as such.

    A right token is never counted, so nobody can be kept from unsubscribing.
    """

    def __init__(self) -> None:
        self._wrong: dict[str, deque[float]] = {}

    def strike(self, request: Request) -> bool:
        """Note a wrong token; return whether this address has had enough of them."""
        host = request.client.host if request.client else ""
        now = time.monotonic()
        times = self._wrong.pop(host, None) or deque(maxlen=_WRONG + 1)
        times.append(now)
        while now - times[0] > _PER:
            times.popleft()
        self._wrong[host] = times
        if len(self._wrong) > _REMEMBERED:
            del self._wrong[next(iter(self._wrong))]
        return len(times) > _WRONG


async def read_body(request: Request) -> bytes:
    """Return the body, of at most 64 KiB and within some seconds; whatever its header promised."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_BYTES:
                    raise TooLarge
    except (TimeoutError, ClientDisconnect):
        raise TooSlow from None
    return bytes(body)
