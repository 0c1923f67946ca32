"""JSON to another program over HTTP.

Rules. A webhook may be sent again: the receiver is told the key (Idempotency-Key, webhook-id) and must accept a second
copy, so doubt is `deferred`. Only listed hosts, on public addresses (reach.py) unless sojourn.yaml says that this one
is ours; no redirects, 64 KiB of the answer. Signed where there is a secret (signing.py).
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from channels.channel import Envelope, Intend, Receipt
from channels.failpoints import reached
from channels.reach import Unreachable, connection
from channels.signing import signed
from channels.webpush import retry_at

ANSWER_LIMIT = 64 * 1024
RESERVED = frozenset({"host", "content-length", "transfer-encoding", "connection"})
METHOD = ":method"  # of an envelope's headers: the HTTP method, POST unless it says otherwise


@dataclass(frozen=True, slots=True)
class Host:
    """One that may be reached. `private`: it stands in our own network. `secrets`: the first of them is the newest."""

    name: str  # a host, or host:port
    private: bool = False
    secrets: tuple[bytes, ...] = field(default=(), repr=False)


class WebhookChannel:
    """Posts each envelope's body to its address; `hosts` are the only ones that may be reached."""

    def __init__(self, name: str = "webhook", hosts: Sequence[Host] = ()) -> None:
        self.name = name
        self._hosts: Mapping[str, Host] = {host.name.lower(): host for host in hosts}

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

    def _host(self, envelope: Envelope) -> Host | None:
        parts = urlsplit(envelope.to)
        return self._hosts.get(parts.netloc.lower()) or self._hosts.get((parts.hostname or "").lower())

    def _objection(self, envelope: Envelope) -> str:
        parts = urlsplit(envelope.to)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            return f"{envelope.to[:80]!r} is not a web address"
        if parts.username is not None or parts.password is not None:
            return f"{parts.hostname} is called with a login in its address; write a header under `webhooks`"
        host = self._host(envelope)
        if host is None:
            return f"{parts.netloc} is not among the allowed hosts"
        if parts.port not in {None, 80, 443} and parts.netloc.lower() != host.name.lower():
            return f"{parts.netloc}: only the ports 80 and 443, or the one that stands under `webhooks`"
        return ""

    def _post(self, envelope: Envelope) -> Receipt:
        host = self._host(envelope) or Host("")
        try:
            status, body, retry = _exchange(envelope, host)
        except Unreachable as error:
            return Receipt(envelope.key, "failed", "config", str(error))
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


def _exchange(envelope: Envelope, host: Host) -> tuple[int, bytes, str | None]:
    parts = urlsplit(envelope.to)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    wire = connection(parts.scheme, parts.hostname or "", port, envelope.timeout, private=host.private)
    headers = {"Content-Type": "application/json", "Idempotency-Key": envelope.key, "User-Agent": "sojourn"}
    headers |= {name: v for name, v in envelope.headers.items() if name != METHOD and name.lower() not in RESERVED}
    if host.secrets:
        headers |= signed(host.secrets, envelope.key, time.time(), envelope.body)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        reached("webhook post")
        wire.request(envelope.headers.get(METHOD, "POST"), target, body=envelope.body, headers=headers)
        reached("webhook post", applied=True)
        answer = wire.getresponse()
        return answer.status, answer.read(ANSWER_LIMIT), answer.headers.get("Retry-After")
    finally:
        wire.close()
