"""The people of the soak: what they like, and what they do when something reaches them. Nobody tells the engine.

Rules
- What somebody does is drawn from a hash of who and what, so that only timing differs between two runs.
- A person reads for three to five seconds before a click: whoever is faster is taken for a machine, and some are one.
- `Tally` is what the world saw, and is compared with the store afterwards; it never asks the store.
"""

from __future__ import annotations

import asyncio
import email
import re
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from hashlib import blake2b
from typing import Any, cast

import httpx

WRITE_KEY = {"authorization": "Bearer soak-write-key"}
BROWSER = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
SCANNER = {"user-agent": "Mozilla/5.0 (compatible; Barracuda Sentinel)"}

# the hidden truth: how likely each taste clicks what, by the title of the message
CLICKS = {
    "Boats and bays": {"sea": 0.70, "hills": 0.12},
    "Huts and hills": {"sea": 0.12, "hills": 0.70},
    "Two ideas for you": {"sea": 0.50, "hills": 0.50},
    "The tide is in": {"sea": 0.60, "hills": 0.10},
    "The snow has gone": {"sea": 0.10, "hills": 0.60},
    "Good choice": {"sea": 0.40, "hills": 0.40},
}
BEST = {
    "hello.pick": {"sea": "email/hello_sea", "hills": "email/hello_hills"},
    "hello.remind": {"sea": "email/remind_sea", "hills": "email/remind_hills"},
}
ORDERS, LEAVES, SCANNED, AGAIN = 0.25, 0.04, 0.08, 0.05
PUSHABLE, GONE = 0.5, 0.2


@dataclass(frozen=True, slots=True)
class Person:
    id: str

    @property
    def address(self) -> str:
        return f"{self.id}@soak.example"

    @property
    def taste(self) -> str:
        return "sea" if self.draw("taste") < 0.5 else "hills"

    @property
    def can_push(self) -> bool:
        return self.draw("push") < PUSHABLE

    @property
    def gone(self) -> bool:
        """Whether the browser has forgotten its subscription."""
        return self.draw("gone") < GONE

    def draw(self, what: str) -> float:
        """Return a number in [0, 1) that is always the same for this person and matter."""
        return int.from_bytes(blake2b(f"{self.id} {what}".encode(), digest_size=8).digest()) / 2**64


@dataclass(frozen=True, slots=True)
class Mail:
    """An accepted mail; `leave` is where one unsubscribes, "" when one cannot."""

    id: str
    to: str
    subject: str
    at: float
    links: tuple[str, ...]
    leave: str

    @classmethod
    def read(cls, content: bytes, to: str, at: float) -> Mail:
        message = cast("EmailMessage", email.message_from_bytes(content, policy=default))
        body = message.get_body(("html",))
        html = str(body.get_content()) if body else ""
        links = tuple(re.findall(r'href="([^"]+/c/[^"]+)"', html))
        leave = str(message["List-Unsubscribe"] or "").strip("<>")
        return cls(str(message["Message-ID"]), to.partition("@")[0], str(message["Subject"]), at, links, leave)


@dataclass(slots=True)
class Tally:
    """What the world saw."""

    posted: set[str] = field(default_factory=set)  # event ids that were answered 202
    mails: list[Mail] = field(default_factory=list)
    pushes: list[str] = field(default_factory=list)  # keys inside what was decrypted
    gone: list[str] = field(default_factory=list)  # whose subscriptions were answered 410
    clicks: int = 0
    scans: int = 0
    left: dict[str, float] = field(default_factory=dict)  # when their unsubscribe was answered
    slowest: float = 0.0  # seconds an answer took
    faults: list[str] = field(default_factory=list)

    def late_mails(self) -> list[Mail]:
        """Return the mails that came after their reader's unsubscribe had been answered."""
        return [mail for mail in self.mails if mail.leave and mail.at > self.left.get(mail.to, mail.at)]


@dataclass(slots=True)
class Crowd:
    """All people at once; `mail` and `push` are called from other threads."""

    url: str
    people: dict[str, Person]
    tally: Tally = field(default_factory=Tally)
    _loop: asyncio.AbstractEventLoop | None = None
    _http: httpx.AsyncClient | None = None
    _busy: set[asyncio.Task[None]] = field(default_factory=set)

    def mail(self, content: bytes, to: str, at: float) -> None:
        """Take in a mail that a server has accepted."""
        mail = Mail.read(content, to, at)
        self._soon(mail.to, self._read_mail, mail)

    def push(self, who: str, payload: dict[str, Any]) -> None:
        """Take in a decrypted push message."""
        self._soon(who, self._read_push, payload)

    def gone(self, who: str) -> None:
        self.tally.gone.append(who)

    def fault(self, says: str) -> None:
        self.tally.faults.append(says)

    def _soon(self, who: str, act: Any, what: Any) -> None:
        if self._loop is None or who not in self.people:
            self.fault(f"something came for {who}, who is nobody")
            return
        self._loop.call_soon_threadsafe(act, self.people[who], what)

    async def live(self, entering: float, total: float) -> None:
        """Sign up one after the other for `entering` seconds, and go on reacting until `total` are over."""
        self._loop, ends = asyncio.get_running_loop(), time.monotonic() + total
        async with httpx.AsyncClient(base_url=self.url, timeout=20, trust_env=False) as self._http:
            pause = entering / max(1, len(self.people))
            for person in self.people.values():
                event = {"event": "signed_up", "contact": person.id, "properties": {"source": "web"}}
                self._do(self._tell(person, f"signup-{person.id}", event))
                await asyncio.sleep(pause)
            await asyncio.sleep(max(0.0, ends - time.monotonic()))
            if self._busy:
                await asyncio.wait(self._busy, timeout=30)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._busy.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._busy.discard(task)
        if error := task.exception():
            self.fault(f"{type(error).__name__}: {error}")

    def _read_mail(self, person: Person, mail: Mail) -> None:
        self.tally.mails.append(mail)
        what = mail.subject
        if person.draw(f"scanned {what}") < SCANNED:
            self._do(self._scan(mail))
        if mail.links and person.draw(f"click {what}") < CLICKS.get(what, {}).get(person.taste, 0.0):
            self._do(self._click(person, mail.links[0], what))
        elif mail.leave and person.draw(f"leave {what}") < LEAVES:
            self._do(self._leave(person, mail))

    def _read_push(self, person: Person, payload: dict[str, Any]) -> None:
        self.tally.pushes.append(str(payload["key"]))
        what = str(payload["title"])
        if person.draw(f"click {what}") < CLICKS[what][person.taste]:
            self._do(self._click(person, str(payload["link"]), what))

    async def _click(self, person: Person, link: str, what: str) -> None:
        await asyncio.sleep(3 + 2 * person.draw(f"reads {what}"))
        if await self._ask("GET", link, 302, headers=BROWSER):
            self.tally.clicks += 1
        if person.draw("orders") < ORDERS and f"order-{person.id}" not in self.tally.posted:
            await asyncio.sleep(1)
            order = {"order_id": f"o-{person.id}", "total": round(10 + 90 * person.draw("total"), 2)}
            event = {"event": "order_placed", "contact": person.id, "properties": order}
            await self._tell(person, f"order-{person.id}", event)

    async def _leave(self, person: Person, mail: Mail) -> None:
        await asyncio.sleep(2 + 3 * person.draw(f"hesitates {mail.subject}"))
        if await self._ask("POST", mail.leave, 200, data={"List-Unsubscribe": "One-Click"}):
            self.tally.left.setdefault(person.id, time.time())

    async def _scan(self, mail: Mail) -> None:
        """Follow every link at once, as machines that read mail before people do; that of leaving, too."""
        for link in mail.links:
            if await self._ask("GET", link, 302, headers=SCANNER):
                self.tally.scans += 1
        if mail.leave:
            await self._ask("GET", mail.leave, 200, headers=SCANNER)

    async def _tell(self, person: Person, id_: str, event: dict[str, Any]) -> None:
        for _ in range(2 if person.draw(f"again {id_}") < AGAIN else 1):  # senders repeat themselves
            if await self._ask("POST", "/v1/events", 202, json={"id": id_, **event}, headers=WRITE_KEY):
                self.tally.posted.add(id_)

    async def _ask(self, method: str, url: str, status: int, **more: Any) -> bool:
        assert self._http is not None  # noqa: S101  (only people who live ask)
        began = time.monotonic()
        try:
            answer = await self._http.request(method, url, **more)
        except httpx.HTTPError as error:
            self.fault(f"{method} {url[:60]}: {type(error).__name__} {error}")
            return False
        self.tally.slowest = max(self.tally.slowest, time.monotonic() - began)
        if answer.status_code != status:
            self.fault(f"{method} {url[:60]}: {answer.status_code} {answer.text[:120]}")
        return answer.status_code == status


def somebody(count: int) -> Iterator[Person]:
    """Yield so many people."""
    return (Person(f"p{n:05d}") for n in range(count))
