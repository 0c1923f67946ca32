"""From a delivery to an envelope: the message's template, this person's values, signed links.

Rules
- Templates see plain data only: contact, entry, journey, vars, message, and the addresses of our own pages.
- What templates ask for beside these (recommendations, interests, segments) comes with the delivery: content.py.
- A declared attribute without a value is None; a name that is not declared is an error of the template.
- A mail is signed as its last bytes are made; its return path says whose it is, so that a bounce can be believed.
- What cannot be written becomes a receipt failed(render) with the template's line, never an exception.
- A message is begun here, written by a renderer (under `serve` a process that may be killed), and packed here: the
  renderer knows no secret.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from channels import dkim
from channels.asking import CONTENT, SURVEY, page_of
from channels.channel import Envelope, Receipt
from channels.errors import TemplateProblem
from channels.mail_settings import MailSettings, mail_settings
from channels.mime import AddressRefused, Letterhead, Mail, address, letterhead, split
from channels.templates import Library, Rendered, Template
from channels.webhook import METHOD
from engine.rendering.asked import Answer, Asked, Refused, Renderer
from engine.store.consenting import may_track
from engine.store.delivering import WEBHOOK, Delivery, Draft
from engine.tokens import Tokens
from journeys import Journey
from journeys.project import Project

MAILBOXES = {"bounce": "b", "leave": "u"}
"""What stands before the + of our own mailboxes, by what their tokens are for."""

Made = tuple[Envelope, Draft | None] | Receipt


@dataclass(slots=True)
class Letters:
    """What turns a delivery into an envelope."""

    project: Project
    journeys: Mapping[str, Journey]
    library: Library
    tokens: Tokens
    renderer: Renderer | None = None  # None: in this process
    _heads: dict[tuple[str, ...], Letterhead] = field(default_factory=dict)
    _mail: dict[str, MailSettings] = field(default_factory=dict)
    _declared: dict[str, Any] = field(default_factory=dict)
    _entries: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._declared = {name: one.default for name, one in self.project.data.attributes.items()}

    def envelopes(
        self, deliveries: Iterable[Delivery], now: datetime, unread: Container[str] = ()
    ) -> Iterator[tuple[Delivery, Made]]:
        """Give for each delivery its envelope, or why there can be none; `unread`: channels whose bodies nobody asks.

        The order is that of the deliveries, but for those that need no rendering: they may come later.
        ChannelUnavailable: nothing can be rendered at the moment.
        """
        if self.renderer is None:
            for delivery in deliveries:
                yield delivery, self.envelope(delivery, now, unread=delivery.channel in unread)
            return
        begun: deque[tuple[Delivery, Template]] = deque()
        ready: list[tuple[Delivery, Made]] = []

        def asked() -> Iterator[Asked]:
            for delivery in deliveries:
                first = self._begun(delivery, unread=delivery.channel in unread)
                if isinstance(first, Template):
                    begun.append((delivery, first))
                    yield self._asked(delivery, first)
                else:
                    ready.append((delivery, first))

        for answer in self.renderer.rendered(asked()):
            delivery, template = begun.popleft()
            yield delivery, self._ended(delivery, template, answer, now)
        yield from ready

    def envelope(self, delivery: Delivery, now: datetime, *, unread: bool = False) -> Made:
        """Return the envelope with what to note about it, or why there can be none; `unread`: its body is not asked."""
        begun = self._begun(delivery, unread=unread)
        if not isinstance(begun, Template):
            return begun
        try:
            rendered = begun.render(self.variables(delivery, begun.pages), self._links(delivery))
            return self._packed(delivery, begun, (rendered, now))
        except (TemplateProblem, ValueError, KeyError) as problem:
            return _refused(delivery, problem)

    def _begun(self, delivery: Delivery, *, unread: bool) -> Template | Made:
        """Return the template that a delivery needs, or what is made of it without one."""
        if delivery.channel == WEBHOOK:
            return _call(delivery, self.project.webhooks)
        if delivery.address is None:
            why = "suppressed" if delivery.suppressed else "unreachable"
            return Receipt(delivery.key, "failed", "", why)
        try:
            template = self.library[delivery.message]
        except TemplateProblem as problem:
            return _refused(delivery, problem)
        except KeyError:
            return Receipt(delivery.key, "failed", "render", f"there is no template for {delivery.message}")
        if unread:
            return Envelope(delivery.key, delivery.address, b""), Draft(delivery.key, template.version)
        return template

    def _asked(self, delivery: Delivery, template: Template) -> Asked:
        """Return what a renderer in another process needs."""
        variables, link = self.variables(delivery, template.pages), self._links(delivery)
        static = template.variants[template.locale(variables)].static
        return Asked(delivery.message, template.version, variables, {n: link(n) for n in static}, link)

    def _ended(self, delivery: Delivery, template: Template, answer: Answer, now: datetime) -> Made:
        if isinstance(answer, Refused):
            if answer.stale:
                return Receipt(delivery.key, "deferred", "", answer.says)
            return Receipt(delivery.key, "failed", "render", answer.says[:500])
        try:
            return self._packed(delivery, template, (answer, now))
        except (TemplateProblem, ValueError) as problem:
            return _refused(delivery, problem)

    def preview(self, delivery: Delivery) -> Rendered:
        """Return the message as its reader sees it; TemplateProblem when it cannot be rendered."""
        template = self.library[delivery.message]
        return template.render(self.variables(delivery, template.pages), self._links(delivery))

    def variables(self, delivery: Delivery, pages: frozenset[str]) -> dict[str, Any]:
        """Return the names that a template may use; of our own pages those that it names: signing costs."""
        request = delivery.request
        journey = self.journeys.get(delivery.journey)
        topic = self.project.topics.get(delivery.topic)
        vars_ = {**(journey.vars if journey else {}), **(request.get("vars") or {})}
        return {
            "contact": {**self._declared, **delivery.attributes},
            "entry": {**self._entered(journey), **(request.get("entry") or {})},
            "journey": {"name": delivery.journey, "state": delivery.state, **(request.get("values") or {})},
            "vars": vars_,
            "message": {
                "id": delivery.message,
                "channel": delivery.channel,
                "topic": delivery.topic,
                "title": topic.title if topic else "",
            },
            "currency": self.project.currency,
            CONTENT: delivery.content,
            **{page: self._page(page, delivery.key) for page in pages},
        }

    def _entered(self, journey: Journey | None) -> dict[str, Any]:
        """Return the declared properties of the events that start a journey, each without a value."""
        if journey is None:
            return {}
        declared = self._entries.get(journey.name)
        if declared is None:
            events = self.project.data.events
            declared = dict.fromkeys(prop for event in journey.enter.events for prop in events.get(event, {}))
            self._entries[journey.name] = declared
        return declared

    def _page(self, name: str, key: str) -> str:
        """Return the signed address of one of our own pages."""
        base, tokens = self.project.base_url, self.tokens
        if name == "unsubscribe_url":
            return f"{base}/u/{tokens.unsubscribe(key)}"
        if name.startswith(SURVEY):
            survey = name.removeprefix(page_of(""))
            return f"{base}/s/{survey}/{tokens.survey(key, survey)}"
        if name == "confirm_url":
            return f"{base}/o/{tokens.confirm(key)}"
        return f"{base}/p/{tokens.preferences(key)}" if name == "preferences_url" else f"{base}/v/{tokens.view(key)}"

    def _links(self, delivery: Delivery) -> Any:
        """Return what gives a link's address by its number: signed when clicks are counted, else as written."""
        base, key, click = self.project.base_url, delivery.key, self.tokens.click
        if self.project.clicks and delivery.request.get("track", True):
            return lambda number: f"{base}/c/{click(key, number)}"
        static = self.library[delivery.message].static_links  # a personal address still needs our redirect
        return lambda number: static.get(number) or f"{base}/c/{click(key, number)}"

    def _packed(self, delivery: Delivery, template: Template, made: tuple[Rendered, datetime]) -> Made:
        rendered, now = made
        draft = Draft(delivery.key, template.version, _own(rendered))
        to = str(delivery.address)
        if template.is_push:
            headers = {"urgency": "normal"}
            if rendered.ttl is not None:
                headers["ttl"] = str(rendered.ttl)
            return Envelope(delivery.key, to, rendered.payload(delivery.key), headers=headers), draft
        head, how = self._head(delivery), self._how(delivery.channel)
        leaves = not delivery.transactional
        mail = Mail(
            delivery.key, to, rendered.subject, rendered.text, self._seen(delivery, rendered.html),
            now.replace(microsecond=0),
            unsubscribe_url=self._page("unsubscribe_url", delivery.key) if leaves else "",
            unsubscribe_mailto=self._mailbox("leave", delivery.key, how) if leaves else "",
        )  # fmt: skip
        sender = self._mailbox("bounce", delivery.key, how) or head.address
        return Envelope(delivery.key, to, dkim.sign(head.pack(mail), how.signers), sender=sender), draft

    def _seen(self, delivery: Delivery, html: str) -> str:
        """Return the HTML with the picture that shows an open, for those who consent to that and nobody else."""
        if self.project.opens == "off" or not html or not may_track(delivery.consents):
            return html
        picture = (
            f'<img src="{self.project.base_url}/i/{self.tokens.opened(delivery.key)}" width="1" height="1" alt="">'
        )
        body, end, rest = html.rpartition("</body>")
        return f"{body}{picture}{end}{rest}" if end else html + picture

    def _how(self, channel: str) -> MailSettings:
        """Return how mail of this channel is signed and where it comes back to; app.build has read it before."""
        found = self._mail.get(channel)
        if found is None:
            found = self._mail[channel] = mail_settings(channel, self.project.channels.get(channel, {}))
        return found

    def _mailbox(self, purpose: str, key: str, how: MailSettings) -> str:
        """Return a signed mailbox of our own: b+ takes bounces, u+ takes wishes to leave; "" when there is none."""
        token = self.tokens.mailbox(purpose, key) if how.bounces else None
        return f"{MAILBOXES[purpose]}+{token}@{how.bounces}" if token else ""

    def _head(self, delivery: Delivery) -> Letterhead:
        settings = self.project.channels.get(delivery.channel, {})
        request = delivery.request
        sender = str(request.get("from") or settings.get("from") or "")
        reply_to = str(request.get("reply_to") or settings.get("reply_to") or "")
        if not sender:
            raise ValueError(f"no sender: set `from` under channels.{delivery.channel} in sojourn.yaml")
        stream = (sender, reply_to, delivery.topic, delivery.journey, delivery.message)
        found = self._heads.get(stream)
        if found is None:
            once = self._how(delivery.channel).idempotency_header
            found = letterhead(
                sender, reply_to=reply_to, idempotency_header=once, headers=self._stream(delivery, sender)
            )
            self._heads[stream] = found
        return found

    def _stream(self, delivery: Delivery, sender: str) -> dict[str, str]:
        """Return the headers by which mailbox providers tell our streams apart: RFC 2919, and Google's Feedback-ID."""
        domain = address(split(sender)[1]).rpartition("@")[2]
        words = (delivery.journey, delivery.message, delivery.topic, domain)
        headers = {"Feedback-ID": ":".join(word.replace(":", "-").replace(" ", "-") for word in words)}
        topic = self.project.topics.get(delivery.topic)
        if topic is None or delivery.transactional:
            return headers
        title = topic.title.replace("<", "").replace(">", "") if topic.title.isascii() else ""
        return headers | {"List-Id": f"{title} <{delivery.topic}.{domain}>".strip()}


def _refused(delivery: Delivery, problem: Exception) -> Receipt:
    kind: Literal["hard", "render"] = "hard" if isinstance(problem, AddressRefused) else "render"
    return Receipt(delivery.key, "failed", kind, str(problem)[:500])


def _own(rendered: Rendered) -> dict[str, str] | None:
    """Return the destinations that only this person's message has, by link number."""
    return {str(n): url for n, url in rendered.personal_links.items()} or None


def _call(delivery: Delivery, webhooks: Mapping[str, Mapping[str, Any]]) -> Made:
    """Return a call as an envelope, with the headers that sojourn.yaml gives to its host."""
    request = delivery.request
    url = str(request["url"])
    body = json.dumps(request.get("json") or {}, ensure_ascii=False, default=str).encode()
    host = urlsplit(url).netloc
    own: Any = next((h.get("headers") for h in webhooks.values() if urlsplit(str(h.get("url"))).netloc == host), {})
    headers = {str(name): str(value) for name, value in (own or {}).items()}
    headers[METHOD] = str(request.get("method") or "POST")
    seconds = float(request.get("timeout") or 10.0)
    return Envelope(delivery.key, url, body, headers=headers, timeout=seconds), None
