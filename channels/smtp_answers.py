"""What a server's words mean for the message, the address and the sender: one table, read from the top.

Sources: RFC 5321 4.2 (replies), RFC 3463 and its registry (enhanced codes), what large providers publish about their
own. A server that answered has decided, so nothing here is in doubt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from channels.channel import Block, Kind, Receipt

Stage = Literal["mail", "rcpt", "data", "dot", "report"]
"""Where an answer came: to MAIL, to RCPT, to DATA, to the whole message; `report`: later, in a bounce by mail."""

ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
TRY_AGAIN = re.compile(r"\b(?:in|after|for)\s+(\d{1,5})\s*(s|sec|m|min|h|hour)", re.IGNORECASE)
SOONEST, LATEST = timedelta(minutes=1), timedelta(days=1)

_WHO = r"(?:user|mailbox|recipient|address|account|alias|inbox)"
_NOBODY = re.compile(
    rf"{_WHO}\b.{{0,60}}\b(?:unknown|not found|not exist|no longer|disabled|unavailable|isn't available|not listed"
    r"|not available|invalid|does not have)|doesn't have an? .{0,40}account"
    rf"|(?:unknown|no such|invalid|inactive|non-?existent|bad) (?:local )?{_WHO}"
    r"|no mailbox here|not our customer|unrouteable address|couldn't find any host|(?:host|domain).{0,40}not found"
    r"|name service error|recipient.?not.?found|recipient address rejected|illegal alias"
    r"|all relevant mx records point to non-?existent",
    re.IGNORECASE,
)
_US = re.compile(
    r"\bspam|blacklist|blocklist|block list|black list|blocked|\bdnsbl|\brbl\b|reputation|spamhaus|barracuda|spamcop"
    r"|dmarc|\bspf\b|\bdkim\b|not authenticated|unauthenticated|access denied|polic(?:y|ies)"
    r"|content rejected|unsolicited|banned|phish|virus|malware|infected|reverse dns|\bptr\b"
    r"|relay(?:ing)? (?:access )?denied|relaying",
    re.IGNORECASE,
)
_FULL = re.compile(
    r"quota|mailbox.{0,30}\bfull|\bfull\b.{0,30}mailbox|out of storage|storage.{0,20}(?:exceed|full)"
    r"|insufficient (?:disk|storage|system)|over.?quota",
    re.IGNORECASE,
)
_LARGE = re.compile(r"too (?:large|big)|message size|size limit|exceeds.{0,30}size", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of a server."""

    code: int
    text: str

    @property
    def enhanced(self) -> str:
        """The last two parts of the enhanced status code: "1.1" of 5.1.1."""
        found = ENHANCED.search(self.text)
        return f"{found[2]}.{found[3]}" if found else ""

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row. Empty stages, enhanced and words fit everything; `words` are asked only of servers whose enhanced code
    says nothing. `block`: the next message to this provider would fare alike.
    """

    codes: range
    status: Literal["sent", "deferred", "failed"]
    kind: Kind = ""
    stages: frozenset[Stage] = frozenset()
    enhanced: re.Pattern[str] | None = None
    words: re.Pattern[str] | None = None
    block: Block = ""

    def fits(self, stage: Stage, reply: Reply) -> bool:
        if reply.code not in self.codes or (self.stages and stage not in self.stages):
            return False
        enhanced = reply.enhanced
        if self.enhanced is not None and self.enhanced.fullmatch(enhanced) is None:
            return False
        return self.words is None or (enhanced in _TELLS_NOTHING and self.words.search(reply.text) is not None)


_TELLS_NOTHING = frozenset({"", "0.0", "1.0", "2.0", "3.0", "4.0", "4.1", "5.0"})  # 4.1: Microsoft's "no such reader"
_GOOD, _LATER, _NO = range(200, 400), range(400, 500), range(500, 600)
_AUTH = re.compile(r"7\.(?:2[0-9]|30|31|32|5\d\d|9)")  # SPF, DKIM, DMARC, rDNS; 5.7.5xx: Microsoft's bulk senders
_POLICY = re.compile(r"7\.\d+")
_DEAD = re.compile(r"1\.(?:1|2|3|4|6|10|351)|2\.1|4\.(?:4|310)")  # no such mailbox, domain, route; switched off
_BEFORE_BODY: frozenset[Stage] = frozenset({"rcpt", "report"})
_AT_BODY: frozenset[Stage] = frozenset({"data", "dot"})

TABLE: tuple[Rule, ...] = (
    Rule(_GOOD, "sent"),
    *(Rule(range(code, code + 1), "deferred", "config") for code in (530, 534, 535, 538)),
    Rule(range(421, 422), "deferred", block="maybe"),
    Rule(_LATER, "deferred", "soft", enhanced=re.compile(r"2\.2")),
    Rule(_LATER, "deferred", "soft", words=_FULL),
    Rule(_LATER, "deferred", enhanced=_AUTH, block="maybe"),
    Rule(_LATER, "deferred"),
    Rule(_NO, "failed", "policy", enhanced=_AUTH, block="sure"),
    Rule(_NO, "failed", "policy", enhanced=_POLICY, block="maybe"),
    Rule(_NO, "failed", "hard", _BEFORE_BODY, enhanced=_DEAD),
    Rule(_NO, "failed", "hard", _AT_BODY, enhanced=re.compile(r"1\.\d+|2\.1")),
    Rule(_NO, "failed", "soft", enhanced=re.compile(r"2\.2")),
    Rule(_NO, "failed", "soft", words=_FULL),
    Rule(_NO, "failed", "content", enhanced=re.compile(r"2\.3|3\.4|6\.\d+")),
    Rule(_NO, "failed", "hard", _BEFORE_BODY, words=_NOBODY),
    Rule(_NO, "failed", "policy", words=_US, block="maybe"),
    Rule(_NO, "failed", "content", words=_LARGE),
    Rule(range(552, 553), "failed", "soft", frozenset({"rcpt"})),
    Rule(_NO, "failed", "policy", frozenset({"mail"}), block="maybe"),
    Rule(_NO, "failed", "content", _AT_BODY),
    Rule(_NO, "failed", "soft"),
)


def judge(stage: Stage, reply: Reply) -> Rule:
    """Return the first row that fits an answer."""
    return next((rule for rule in TABLE if rule.fits(stage, reply)), TABLE[-1])


def receipt(key: str, stage: Stage, reply: Reply) -> Receipt:
    """Return what an answer means for its message."""
    if reply.code < 400:
        return Receipt(key, "sent", detail=str(reply))
    rule = judge(stage, reply)
    again = retry_in(reply.text) if rule.status == "deferred" else None
    return Receipt(key, rule.status, rule.kind, str(reply), retry_in=again, block=rule.block)


def retry_in(text: str) -> timedelta | None:
    """Return when the server says to try again, None when it names no time."""
    found = TRY_AGAIN.search(text)
    if found is None:
        return None
    unit = {"s": "seconds", "m": "minutes", "h": "hours"}[found[2][0].lower()]
    return min(max(timedelta(**{unit: int(found[1])}), SOONEST), LATEST)
