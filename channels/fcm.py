"""Push messages to Android and iOS through Firebase (FCM HTTP v1, firebase.google.com/docs/cloud-messaging).

Rules
- One request per message, never repeated here. `collapse_key` and `apns-collapse-id` are the same at every try, so that
  a second copy replaces the first one on the device.
- UNREGISTERED and a foreign sender's token: the address is gone. What is wrong with our credentials stops the channel
  and deletes nobody. A quota, or a service that is away, holds everything back, not one person.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from channels.channel import Envelope, Intend, Receipt
from channels.errors import ChannelMisconfigured
from channels.failpoints import reached
from channels.webpush import REFUSALS, push_topic, retry_at

PAYLOAD_LIMIT = 4000  # bytes of the notification; the service takes 4096 with everything around it
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
URL = "https://fcm.googleapis.com"
WAY_OUT = "pip install 'sojourn[fcm]'"
QUOTA = timedelta(minutes=1)  # the least pause that the service asks for
GONE = frozenset({"UNREGISTERED", "SENDER_ID_MISMATCH"})
OURS = frozenset({"THIRD_PARTY_AUTH_ERROR", "UNAUTHENTICATED", "PERMISSION_DENIED"})
AWAY = frozenset({"QUOTA_EXCEEDED", "UNAVAILABLE", "INTERNAL", "RESOURCE_EXHAUSTED"})


@dataclass(frozen=True, slots=True)
class FcmSettings:
    """`credentials`: the service account as the console gives it, JSON. `url`: for trying out."""

    credentials: Mapping[str, Any] = field(repr=False)
    url: str = URL
    connections: int = 8
    name: str = "push"


class FcmChannel:
    """`Envelope.to` is a registration token; the body is the JSON of a push message."""

    def __init__(self, settings: FcmSettings) -> None:
        self.name = settings.name
        self._settings = settings
        self._account = _Account(settings)
        self._http = _httpx(settings.name).Client(base_url=settings.url, follow_redirects=False, trust_env=False)
        self._pool = ThreadPoolExecutor(settings.connections, thread_name_prefix=f"{settings.name}-send")
        self._held_until: datetime | None = None
        self._refused = 0
        self._why = ""

    def send(self, envelopes: Sequence[Envelope], intend: Intend) -> Iterator[Receipt]:
        """Post the messages, a few at a time; an intent is written for those few only."""
        if self._refused >= REFUSALS:
            self._refused = 0
            says = f"the service refuses the account ({self._why}); check channels.{self.name}.credentials"
            raise ChannelMisconfigured(self.name, says)
        self._account.token()  # a wrong account stops the channel before anything is claimed as sent
        for start in range(0, len(envelopes), self._settings.connections):
            yield from self._group(envelopes[start : start + self._settings.connections], intend)

    def close(self) -> None:
        """Close the kept connections."""
        self._pool.shutdown()
        self._http.close()
        self._account.close()

    def _group(self, envelopes: Sequence[Envelope], intend: Intend) -> Iterator[Receipt]:
        refused = {e.key: said for e in envelopes if (said := self._objection(e)) is not None}
        yield from refused.values()
        ready = [e for e in envelopes if e.key not in refused]
        going = intend([e.key for e in ready]) if ready else frozenset()
        yield from (Receipt(e.key, "withheld") for e in ready if e.key not in going)
        for answer in self._pool.map(self._post, [e for e in ready if e.key in going]):
            self._count(answer)
            yield answer

    def _objection(self, envelope: Envelope) -> Receipt | None:
        if self._held_until is not None and datetime.now(UTC) < self._held_until:
            return Receipt(envelope.key, "deferred", detail="the service asked for a pause", retry_at=self._held_until)
        if self._refused >= REFUSALS:
            return Receipt(envelope.key, "deferred", "config", self._why)
        if len(envelope.body) > PAYLOAD_LIMIT:
            says = f"the payload has {len(envelope.body)} bytes, {PAYLOAD_LIMIT} is the limit"
            return Receipt(envelope.key, "failed", "content", says)
        return None

    def _count(self, answer: Receipt) -> None:
        if answer.kind == "config":
            self._refused, self._why = self._refused + 1, answer.detail
        elif answer.status == "sent":
            self._refused = 0
        elif answer.status == "deferred" and answer.retry_at is not None:
            self._held_until = answer.retry_at

    def _post(self, envelope: Envelope) -> Receipt:
        import httpx  # noqa: PLC0415 - comes with the optional package

        headers = {"Authorization": f"Bearer {self._account.token()}", "Content-Type": "application/json"}
        path = f"/v1/projects/{self._account.project}/messages:send"
        try:
            reached("push post")
            answer = self._http.post(path, content=_message(envelope), headers=headers, timeout=envelope.timeout)
            reached("push post", applied=True)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return Receipt(envelope.key, "deferred", detail=_said(error))
        except (httpx.HTTPError, ConnectionError) as error:
            return Receipt(envelope.key, "unknown", detail=_said(error))
        return judged(envelope.key, answer.status_code, answer.text, answer.headers.get("Retry-After"))


class _Account:
    """The service account and the token of the hour."""

    def __init__(self, settings: FcmSettings) -> None:
        try:
            from google.oauth2 import service_account  # noqa: PLC0415 - an optional package
        except ImportError:
            raise ChannelMisconfigured(settings.name, f"FCM is not installed; run: {WAY_OUT}") from None
        self._name = settings.name
        self._turn = threading.Lock()
        self._http = _httpx(settings.name).Client(trust_env=False, timeout=10)
        try:
            self._credentials = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
                dict(settings.credentials), scopes=[SCOPE]
            )
            self.project = str(settings.credentials["project_id"])
        except (ValueError, KeyError, TypeError) as error:
            says = f"channels.{settings.name}.credentials is not the JSON of a service account: {error}"
            raise ChannelMisconfigured(settings.name, says) from None

    def token(self) -> str:
        """Return a token that is good for a while."""
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - an optional package

        with self._turn:
            if not self._credentials.valid:
                try:
                    self._credentials.refresh(self._exchange)
                except GoogleAuthError as error:
                    says = f"the service account is refused: {error}"[:300]
                    raise ChannelMisconfigured(self._name, says) from None
            return str(self._credentials.token)

    def _exchange(self, url: str, method: str = "GET", **more: Any) -> _Answer:
        """Be the transport that google-auth asks for, on the HTTP library that is here anyway."""
        import httpx  # noqa: PLC0415 - comes with the optional package
        from google.auth.exceptions import TransportError  # noqa: PLC0415 - an optional package

        try:
            answer = self._http.request(method, url, content=more.get("body"), headers=more.get("headers"))
        except httpx.HTTPError as error:
            raise TransportError(error) from error  # type: ignore[no-untyped-call]
        return _Answer(answer.status_code, answer.headers, answer.content)

    def close(self) -> None:
        self._http.close()


@dataclass(frozen=True, slots=True)
class _Answer:
    """What google-auth reads of an answer."""

    status: int
    headers: Mapping[str, str]
    data: bytes


def _message(envelope: Envelope) -> bytes:
    said = json.loads(envelope.body)
    topic = push_topic(envelope.key)
    shown = {name: said[name] for name in ("title", "body", "image") if said.get(name)}
    ttl = envelope.headers.get("ttl", "86400")
    until = str(int(datetime.now(UTC).timestamp()) + int(ttl)) if ttl != "0" else "0"
    message = {
        "token": envelope.to,
        "notification": shown,
        "data": {name: str(said[name]) for name in ("link", "key") if said.get(name)},
        "android": {"collapse_key": topic, "ttl": f"{ttl}s", "priority": "NORMAL", "notification": {"tag": topic}},
        "apns": {"headers": {"apns-collapse-id": topic, "apns-expiration": until}},
    }
    return json.dumps({"message": message}, ensure_ascii=False).encode()


def judged(key: str, status: int, body: str, retry_after: str | None = None) -> Receipt:
    """What an answer means: by the error's own word where it has one, else by its status."""
    if status == 200:
        return Receipt(key, "sent", provider_id=_field(body, "name"))
    word, detail = error_of(body), f"{status} {body[:300]}".strip()
    if word in GONE or (word == "INVALID_ARGUMENT" and "registration token" in body):
        return Receipt(key, "failed", "gone", detail)
    if word in OURS or status in {401, 403}:
        return Receipt(key, "failed", "config", detail)
    if word in AWAY or status in {408, 429} or status >= 500:
        least = datetime.now(UTC) + QUOTA
        return Receipt(key, "deferred", detail=detail, retry_at=max(retry_at(retry_after) or least, least))
    return Receipt(key, "failed", "content", detail)


def error_of(body: str) -> str:
    """Return the service's own word for what went wrong, the general one where there is no better."""
    try:
        error = json.loads(body)["error"]
        own = [one.get("errorCode") for one in error.get("details", ()) if isinstance(one, dict)]
        return next((str(word) for word in own if word), str(error.get("status", "")))
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


def _field(body: str, name: str) -> str:
    try:
        return str(json.loads(body)[name])
    except (ValueError, KeyError, TypeError):
        return ""


def _httpx(name: str) -> Any:
    try:
        import httpx  # noqa: PLC0415 - an optional package
    except ImportError:
        raise ChannelMisconfigured(name, f"FCM is not installed; run: {WAY_OUT}") from None
    return httpx


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
