"""Who clicked: a person, or a machine that reads mail before people do (scanners, previews, prefetchers)."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from starlette.requests import Request

from engine.store.links import Link

_TOO_SOON = timedelta(seconds=2)
_BURST = timedelta(seconds=2)
_BURST_LINKS = 3
_REMEMBERED = 10_000  # messages clicked lately

_MACHINES = re.compile(
    r"bot\b|bot/|crawl|spider|scan|preview|fetch|monitor|headless|phantom|python|curl|wget|java/|okhttp|libwww|"
    r"go-http-client|axios|node|ruby|perl|php|httpclient|facebookexternalhit|whatsapp|slack|skypeuripreview|"
    r"barracuda|proofpoint|mimecast|safelinks|symantec|messagelabs|cloudmark|fireeye|trendmicro|sophos|fortinet|"
    r"mailguard|forcepoint|zscaler|kaspersky|bitdefender|ironport|googleimageproxy|yahoomailproxy|"
    r"existence discovery|ms-office|microsoft office",
    re.IGNORECASE,
)


@dataclass(slots=True)
class _Clicks:
    times: list[datetime] = field(default_factory=list)
    links: list[int] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)


def machine_rule(request: Request, link: Link, now: datetime, bot_filter: str) -> str:
    """Return the rule that gives a machine away, "" for a person; HEAD and OPTIONS are never a click."""
    if request.method != "GET":
        return "method"
    if bot_filter == "off":
        return ""
    agent = request.headers.get("user-agent", "").strip()
    if agent in {"", "Mozilla/5.0"} or _MACHINES.search(agent):
        return "agent"
    if "prefetch" in (request.headers.get("sec-purpose") or request.headers.get("purpose") or "").lower():
        return "prefetch"
    if bot_filter == "basic":
        return ""
    early = link.status in {"queued", "claimed", "sending"}
    return "early" if early or (link.sent_at is not None and now - link.sent_at < _TOO_SOON) else ""


class Bursts:
    """Remembers the clicks of the last seconds: three different links of one message in two seconds is a machine."""

    def __init__(self) -> None:
        self._recent: OrderedDict[str, _Clicks] = OrderedDict()

    def note(self, key: str, link: int, at: datetime, event_id: str) -> list[str] | None:
        """Note a click; return the ids of the earlier ones when all of them together are a burst."""
        clicks = self._recent.pop(key, None) or _Clicks()
        late = sum(1 for time in clicks.times if at - time > _BURST)
        del clicks.times[:late], clicks.links[:late], clicks.ids[:late]
        earlier = list(clicks.ids)
        clicks.times.append(at)
        clicks.links.append(link)
        clicks.ids.append(event_id)
        self._recent[key] = clicks
        if len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)
        return earlier if len(set(clicks.links)) >= _BURST_LINKS else None
