"""Push messages to browsers (RFC 8030), encrypted (RFC 8291) and signed with the shop's own key (RFC 8292).

Rules. pywebpush encrypts, nothing more: its own sending has no timeout. One request per message, never repeated here;
Topic makes a push service replace a pending copy, so that sending again after a doubt is nearly harmless. Three
refusals of our key in a row stop the channel; one alone may be an old subscription.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from channels.channel import Envelope, Intend, Receipt
from channels.errors import ChannelMisconfigured
from channels.failpoints import reached
from channels.reach import Unreachable, connect

PAYLOAD_LIMIT = 3993  # bytes of plain text that always fit the 4096 every push service takes
TOKEN_LIFE = 6 * 3600  # seconds; services refuse more than 24 hours
REFUSALS = 3
CONNECT = 10.0  # seconds until a push service that does not answer is given up
WAY_OUT = "pip install 'sojourn[push]'"


@dataclass(frozen=True, slots=True)
class WebPushSettings:
    """`key`: the private VAPID key; `contact`: mailto: or https: of whom push services may write to."""

    key: str = field(repr=False)
    contact: str
    connections: int = 4
    name: str = "push"
    loopback: bool = False  # allow http://127.0.0.1, for trying out


def push_topic(key: str) -> str:
    """The name under which a push service replaces a pending message: the same at every attempt."""
    return base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest()).decode()[:32]


class WebPushChannel:
    """`Envelope.to` is the subscription as the browser gave it (JSON); `headers` may hold ttl and urgency."""

    def __init__(self, settings: WebPushSettings) -> None:
        self.name = settings.name
        self._settings = settings
        self._library = _library(settings.name)
        self._signer = _signer(self._library, settings)
        self._tokens: dict[str, tuple[float, str]] = {}
        self._pool = ThreadPoolExecutor(settings.connections, thread_name_prefix=f"{settings.name}-send")
        self._local = threading.local()
        self._sessions: list[Any] = []
        self._refused = 0
        self._why = ""

    def send(self, envelopes: Sequence[Envelope], intend: Intend) -> Iterator[Receipt]:
        """Post the messages, a few at a time; an intent is written for those few only."""
        if self._refused >= REFUSALS:
            self._refused = 0  # the next call tries again: the key may have been corrected on their side
            says = f"push services refuse the key ({self._why}); check channels.{self.name}.key and .contact"
            raise ChannelMisconfigured(self.name, says)
        for start in range(0, len(envelopes), self._settings.connections):
            group = envelopes[start : start + self._settings.connections]
            if self._refused >= REFUSALS:
                yield from (Receipt(e.key, "deferred", "config", self._why) for e in group)
            else:
                yield from self._group(group, intend)

    def close(self) -> None:
        """Close the kept connections."""
        self._pool.shutdown()
        for session in self._sessions:
            session.close()

    def _group(self, envelopes: Sequence[Envelope], intend: Intend) -> Iterator[Receipt]:
        requests = {e.key: self._request(e) for e in envelopes}
        ready = [e.key for e in envelopes if isinstance(requests[e.key], Request)]
        going = intend(ready) if ready else frozenset()
        asked = [request for key, request in requests.items() if isinstance(request, Request) and key in going]
        posting = [self._pool.submit(self._post, request) for request in asked]
        for key, request in requests.items():
            if isinstance(request, Receipt):
                yield request
            elif key not in going:
                yield Receipt(key, "withheld")
        for future in posting:
            answer = future.result()
            self._count(answer)
            yield answer

    def _count(self, answer: Receipt) -> None:
        if answer.kind == "config":
            self._refused, self._why = self._refused + 1, answer.detail
        elif answer.status == "sent":
            self._refused = 0

    def _request(self, envelope: Envelope) -> Request | Receipt:
        """Encrypt; a subscription that cannot be read is gone, a payload too large is the author's."""
        if len(envelope.body) > PAYLOAD_LIMIT:
            says = f"the payload has {len(envelope.body)} bytes, {PAYLOAD_LIMIT} is the limit"
            return Receipt(envelope.key, "failed", "content", says)
        try:
            subscription = json.loads(envelope.to)
            endpoint = _endpoint(str(subscription["endpoint"]), loopback=self._settings.loopback)
            body = self._library.WebPusher(subscription).encode(envelope.body)["body"]
        except (ValueError, TypeError, KeyError, self._library.WebPushException) as error:
            return Receipt(envelope.key, "failed", "gone", f"the subscription cannot be used: {error}"[:300])
        headers = {
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": envelope.headers.get("ttl", "86400"),
            "Urgency": envelope.headers.get("urgency", "normal"),
            "Topic": envelope.headers.get("topic") or push_topic(envelope.key),
            "Authorization": self._token(endpoint),
        }
        return Request(envelope.key, endpoint, bytes(body), headers, envelope.timeout)

    def _token(self, endpoint: str) -> str:
        """One signed token per push service, used for hours."""
        parts = urlsplit(endpoint)
        origin = f"{parts.scheme}://{parts.netloc}"
        known = self._tokens.get(origin)
        now = time.time()
        if known is None or known[0] < now:
            claims = {"aud": origin, "exp": int(now) + 2 * TOKEN_LIFE, "sub": self._settings.contact}
            known = (now + TOKEN_LIFE, str(self._signer.sign(claims)["Authorization"]))
            self._tokens[origin] = known
        return known[1]

    def _post(self, request: Request) -> Receipt:
        """One request, one answer; the session of this thread is kept."""
        from requests import exceptions  # noqa: PLC0415 - comes with the optional package

        try:
            reached("push post")
            answer = self._session().post(
                request.url,
                data=request.body,
                headers=request.headers,
                timeout=request.timeout,
                allow_redirects=False,
            )
            reached("push post", applied=True)
        except (exceptions.ConnectTimeout, exceptions.SSLError) as error:
            return Receipt(request.key, "deferred", detail=_said(error))
        except (exceptions.RequestException, ConnectionError) as error:
            if hidden := _hidden(error):
                return Receipt(request.key, "failed", "gone", f"the subscription cannot be used: {hidden}"[:300])
            return Receipt(request.key, "deferred" if _never_connected(error) else "unknown", detail=_said(error))
        detail = f"{answer.status_code} {answer.text[:300]}".strip()
        location = answer.headers.get("Location", "")
        return judged(request.key, answer.status_code, detail, answer.headers.get("Retry-After"), location)

    def _session(self) -> Any:
        session = getattr(self._local, "session", None)
        if session is None:
            from requests import Session  # noqa: PLC0415 - comes with the optional package

            session = self._local.session = Session()
            session.trust_env = False
            if not self._settings.loopback:
                session.mount("https://", _pinned())
            self._sessions.append(session)
        return session


@dataclass(frozen=True, slots=True)
class Request:
    """An encrypted message, ready to be posted."""

    key: str
    url: str
    body: bytes
    headers: dict[str, str]
    timeout: float


def judged(key: str, status: int, detail: str, retry_after: str | None = None, provider_id: str = "") -> Receipt:
    """What a push service's status means."""
    if status in {200, 201, 202, 204}:
        return Receipt(key, "sent", detail=detail, provider_id=provider_id)
    if status in {404, 410}:
        return Receipt(key, "failed", "gone", detail)
    if status in {400, 401, 403}:
        return Receipt(key, "failed", "config", detail)
    if status == 413:
        return Receipt(key, "failed", "content", detail)
    if status in {406, 408, 429} or status >= 500:
        return Receipt(key, "deferred", detail=detail, retry_at=retry_at(retry_after))
    return Receipt(key, "failed", "content", detail)


def retry_at(header: str | None) -> datetime | None:
    """Read Retry-After: seconds or a date."""
    if not header:
        return None
    if header.strip().isdecimal() and len(header) < 9:
        return datetime.now(UTC) + timedelta(seconds=int(header))
    try:
        found = parsedate_to_datetime(header)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def generate_vapid_key() -> tuple[str, str]:
    """Make a key pair: the private one for channels.push.key, the public one for the page that subscribes."""
    serialization, ec = _cryptography()
    private = ec.generate_private_key(ec.SECP256R1())
    secret = private.private_numbers().private_value.to_bytes(32, "big")
    form = serialization.PublicFormat.UncompressedPoint
    public = private.public_key().public_bytes(serialization.Encoding.X962, form)
    return _b64(secret), _b64(public)


def _b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - an optional package
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - an optional package
    except ImportError:
        raise ChannelMisconfigured("push", f"web push is not installed; run: {WAY_OUT}") from None
    return serialization, ec


def _library(name: str) -> Any:
    try:
        import pywebpush  # noqa: PLC0415 - an optional package
    except ImportError:
        raise ChannelMisconfigured(name, f"web push is not installed; run: {WAY_OUT}") from None
    return pywebpush


def _signer(library: Any, settings: WebPushSettings) -> Any:
    from py_vapid import VapidException  # noqa: PLC0415 - comes with the optional package

    try:
        return library.Vapid.from_string(settings.key)
    except (ValueError, TypeError, VapidException):
        says = f"channels.{settings.name}.key is not a VAPID key: 43 characters of base64url"
        raise ChannelMisconfigured(settings.name, says) from None


def _endpoint(url: str, *, loopback: bool) -> str:
    """Check an address that came from a browser: https and a host name, nothing of our own network."""
    parts = urlsplit(url)
    if loopback and parts.scheme == "http" and parts.hostname == "127.0.0.1":
        return url
    if parts.scheme != "https" or not parts.hostname or "." not in parts.hostname:
        raise ValueError("its endpoint is not an https address")
    try:
        ipaddress.ip_address(parts.hostname)
    except ValueError:
        return url
    raise ValueError("its endpoint is not a push service")


def _pinned() -> Any:
    """Return what connects to the address that was checked: an endpoint's name is whatever a browser has sent us."""
    from requests.adapters import HTTPAdapter  # noqa: PLC0415 - comes with the optional package
    from urllib3.connection import HTTPSConnection  # noqa: PLC0415 - comes with the optional package
    from urllib3.connectionpool import HTTPSConnectionPool  # noqa: PLC0415 - comes with the optional package
    from urllib3.exceptions import NewConnectionError  # noqa: PLC0415 - comes with the optional package

    class Pinned(HTTPSConnection):
        def _new_conn(self) -> Any:
            seconds = self.timeout if isinstance(self.timeout, int | float) else CONNECT
            try:
                return connect(self._dns_host, int(self.port or 443), float(seconds))
            except OSError as error:
                raise NewConnectionError(self, str(error)) from error

    class Pool(HTTPSConnectionPool):
        ConnectionCls = Pinned

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **more: Any) -> None:
            super().init_poolmanager(*args, **more)
            self.poolmanager.pool_classes_by_scheme = {"https": Pool}

    return Adapter()


def _hidden(error: Exception) -> Unreachable | None:
    """Return why an endpoint must not be reached, None when it merely was not."""
    cause = error.args[0] if error.args else None
    found = getattr(getattr(cause, "reason", None), "__cause__", None)
    return found if isinstance(found, Unreachable) and "private" in str(found) else None


def _never_connected(error: Exception) -> bool:
    from urllib3.exceptions import MaxRetryError, NewConnectionError  # noqa: PLC0415 - comes with the optional package

    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
