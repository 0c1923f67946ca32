"""JSON to another program over HTTP.

Rules. A webhook may be sent again: the receiver is told the key (Idempotency-Key) and must accept a second copy, so
doubt is `deferred`. No redirects, only listed hosts, one timeout for everything, 64 KiB of the answer.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from channels.channel import Envelope, Intend, Receipt
from channels.failpoints import reached
from channels.webpush import retry_at

ANSWER_LIMIT = 64 * 1024
RESERVED = frozenset({"host", "content-length", "transfer-encoding", "connection"})
METHOD = ":method"  # of an envelope's headers: the HTTP method, POST unless it says otherwise


class WebhookChannel:
    """Posts each envelope's body to its address; `hosts` are the only ones that may be reached."""

    def __init__(self, name: str = "webhook", hosts: Sequence[str] = ()) -> None:
        self.name = name
        self._hosts = frozenset(host.lower() for host in hosts)

    def send(self, envelopes: Sequence[Envelope], intend: Intend) -> Iterator[Receipt]:
        """Post one after the other; each intent is written just before."""
        for envelope in envelopes:
            objection = self._objection(envelope)
            if objection:
                yield Receipt(envelope.key, "failed", "config", objection)
            elif envelope.key not in intend([envelope.key]):
                yield Receipt(envelope.key, "withheld")
            else:
                yield self._post(envelope)

    def close(self) -> None:
        """Nothing is kept open."""

    def _objection(self, envelope: Envelope) -> str:
        parts = urlsplit(envelope.to)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            return f"{envelope.to[:80]!r} is not a web address"
        if parts.netloc.lower() not in self._hosts and parts.hostname.lower() not in self._hosts:
            return f"{parts.netloc} is not among the allowed hosts"
        return ""

    def _post(self, envelope: Envelope) -> Receipt:
        try:
            status, body, retry = _exchange(envelope)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Receipt(envelope.key, "deferred", detail=f"{type(error).__name__}: {error}"[:300])
        detail = f"{status} {body.decode('utf-8', 'replace')}".rstrip()
        if 200 <= status < 300:
            return Receipt(envelope.key, "sent", detail=detail, provider_id=str(status))
        if status in {408, 425, 429} or status >= 500:
            return Receipt(envelope.key, "deferred", detail=detail, retry_at=retry_at(retry))
        if status in {401, 403} or status < 400:
            return Receipt(envelope.key, "failed", "config", detail)
        return Receipt(envelope.key, "failed", "gone" if status in {404, 410} else "content", detail)


def _exchange(envelope: Envelope) -> tuple[int, bytes, str | None]:
    parts = urlsplit(envelope.to)
    host, port = parts.hostname or "", parts.port
    connection = (
        http.client.HTTPSConnection(host, port, timeout=envelope.timeout, context=ssl.create_default_context())
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, port, timeout=envelope.timeout)
    )
    headers = {"Content-Type": "application/json", "Idempotency-Key": envelope.key, "User-Agent": "sojourn"}
    headers |= {name: v for name, v in envelope.headers.items() if name != METHOD and name.lower() not in RESERVED}
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        reached("webhook post")
        connection.request(envelope.headers.get(METHOD, "POST"), target, body=envelope.body, headers=headers)
        reached("webhook post", applied=True)
        answer = connection.getresponse()
        return answer.status, answer.read(ANSWER_LIMIT), answer.headers.get("Retry-After")
    finally:
        connection.close()
