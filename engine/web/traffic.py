"""Who clicked: a person, or a machine that reads mail before people do (scanners, previews, prefetchers)."""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address

from starlette.requests import Request

from engine.store.links import Link

_TOO_SOON = timedelta(seconds=2)
_BURST = timedelta(seconds=2)
_BURST_LINKS = 3
_REMEMBERED = 10_000  # messages clicked lately
_CROWD = timedelta(seconds=60)
_CROWD_PEOPLE = 20

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


@dataclass(slots=True)
class _Crowd:
    clicks: deque[tuple[datetime, str, str]] = field(default_factory=deque)  # when, whose message, event id
    people: dict[str, int] = field(default_factory=dict)  # clicks in the deque by message

    def add(self, at: datetime, key: str, event_id: str) -> None:
        while self.clicks and at - self.clicks[0][0] > _CROWD:
            old = self.clicks.popleft()[1]
            self.people[old] -= 1
            if not self.people[old]:
                del self.people[old]
        self.clicks.append((at, key, event_id))
        self.people[key] = self.people.get(key, 0) + 1


class Ranges:
    """Remembers where clicks of the last minute came from: a gateway reads the same message for many people at once.

    More than 20 people of one message from one range of addresses (/24, /48) within 60 seconds are one machine, or a
    house so large that nobody can tell. Addresses that are not public say nothing: there, everybody comes through a
    proxy of our own.
    """

    def __init__(self) -> None:
        self._recent: OrderedDict[tuple[str, str], _Crowd] = OrderedDict()

    def note(self, host: str, message: str, key: str, seen: tuple[datetime, str]) -> list[str] | None:
        """Note a click at an instant under an event id; return the ids of the earlier ones when all are a crowd."""
        place = _range(host)
        if place is None:
            return None
        crowd = self._recent.pop((place, message), None) or _Crowd()
        earlier = [event_id for _, _, event_id in crowd.clicks] if len(crowd.people) >= _CROWD_PEOPLE else []
        crowd.add(seen[0], key, seen[1])
        self._recent[place, message] = crowd
        if len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)
        return earlier if len(crowd.people) > _CROWD_PEOPLE else None


def _range(host: str) -> str | None:
    """Return the range of a public address, None for any other."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if not address.is_global:
        return None
    return address.exploded[:14] if address.version == 6 else host.rpartition(".")[0]
