"""A call of a tracking client -> what it means here: an event, whom it is about, what it says of them. Pure.

Rules
- The six calls of the Segment specification (identify, track, page, screen, group, alias) are six events: `identified`,
  the tracked event's own name, `page_viewed`, `screen_viewed`, `grouped`, `aliased`.
- A call that cannot be taken is a Trouble, alone; of one that can, each value that cannot be read is one.
- (source, messageId) is the event's id: whatever is sent again counts once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import get_close_matches
from hashlib import blake2b
from typing import Any, Final
from uuid import uuid4

from channels.mime import AddressRefused, address
from engine.audience.identity import ANONYMOUS, Who
from engine.intake.clocks import happened, instant
from engine.intake.traits import attributes_of, by_name, plain, properties_of, text_of, unknown
from engine.store.problems import Trouble, shown
from journeys.data_file import BUILT_IN
from journeys.project import Data

ITEM_BYTES: Final = 32 * 1024
EMAIL: Final = "email"
NAMES: Final[Mapping[str, str]] = {
    "identify": "identified", "page": "page_viewed", "screen": "screen_viewed", "group": "grouped", "alias": "aliased",
}  # fmt: skip
TYPES: Final = ("track", *NAMES)
OURS: Final = frozenset(BUILT_IN) - set(NAMES.values())


@dataclass(frozen=True, slots=True)
class Call:
    """What somebody said. `at`: when it happened by our clock; `traits`: declared attributes, None = taken back."""

    id: str
    source: str
    name: str
    at: datetime
    who: Who
    data: Mapping[str, Any] = field(default_factory=dict)
    traits: Mapping[str, Any] = field(default_factory=dict)
    email: str | None = None
    company: str | None = None
    firm: Mapping[str, Any] = field(default_factory=dict)
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """How items came: by which source, when we received them, and when their sender says that it sent them."""

    source: str
    received: datetime
    sent: datetime | None = None


class Wrong(Exception):
    """Carries why a call is not taken."""


def read_call(item: Any, data: Data, how: Sent) -> Call | Trouble:
    """Return what one item of the tracking API means."""
    if not isinstance(item, dict):
        return Trouble(how.source, "", "a call is a JSON object", shown(item))
    given = text_of(item.get("messageId"))
    try:
        return _call(item, data, how, given or _made_id(item))
    except Wrong as wrong:
        return Trouble(how.source, given or "", str(wrong), shown(item))


def event_id(source: str, message_id: str) -> str:
    """Return the id of an event: the sender's, within its source."""
    return hashed(f"{source}:{message_id}")


def hashed(id_: str) -> str:
    """Return an id that fits where ids stand."""
    return id_ if len(id_) <= 200 else f"{id_[:120]}:{blake2b(id_.encode(), digest_size=16).hexdigest()}"


def _call(item: dict[str, Any], data: Data, how: Sent, message_id: str) -> Call:
    size = len(json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
    if size > ITEM_BYTES:
        raise Wrong(f"is {size // 1024} KB; at most {ITEM_BYTES // 1024} KB an item")
    kind = item.get("type")
    if kind not in TYPES:
        raise Wrong(f'no call of the type "{str(kind)[:40]}": {", ".join(TYPES)}')
    who = _who(item, kind)
    when = item.get("originalTimestamp", item.get("timestamp"))
    said = instant(when)
    if said is None and when is not None:
        raise Wrong(f'cannot read the timestamp "{str(when)[:40]}"; write 2026-03-01T09:30:00Z')
    at = happened(said, instant(item.get("sentAt")) or how.sent, how.received)
    call = Call(event_id(how.source, message_id), how.source, NAMES.get(kind, ""), at, who)
    troubles = _Troubles(how.source, message_id, item)
    return _READERS[kind](item, data, call, troubles)


@dataclass(frozen=True, slots=True)
class _Troubles:
    """Says what is wrong with the values of one item."""

    source: str
    message_id: str
    item: Mapping[str, Any]

    def of(self, reason: str) -> Trouble:
        return Trouble(self.source, self.message_id, reason, shown(self.item))


def _who(item: Mapping[str, Any], kind: str) -> Who:
    user, anonymous = _id(item, "userId"), _id(item, "anonymousId")
    previous = _id(item, "previousId") if kind == "alias" else None
    if user is None and anonymous is None:
        raise Wrong("names nobody: userId or anonymousId is needed")
    if user is not None and user.startswith(ANONYMOUS):
        raise Wrong(f'a userId does not begin with "{ANONYMOUS}"')
    if kind == "alias" and (user is None or previous is None):
        raise Wrong("alias needs previousId and userId")
    return Who(user, anonymous, previous, joins=kind in ("identify", "alias"))


def _id(item: Mapping[str, Any], name: str) -> str | None:
    value = item.get(name)
    if value is None or value == "":
        return None
    found = text_of(value, 200 - len(ANONYMOUS))
    if found is None:
        raise Wrong(f"{name} must be text of at most {200 - len(ANONYMOUS)} printable characters")
    return found


def _mapping(item: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = item.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Wrong(f"`{name}` must be a JSON object")
    return value


def _identify(item: Mapping[str, Any], data: Data, call: Call, troubles: _Troubles) -> Call:
    context = item.get("context")
    inner = context.get("traits") if isinstance(context, dict) else None  # where RudderStack's clients put them
    traits = {**(inner if isinstance(inner, dict) else {}), **_mapping(item, "traits")}
    found, wrong = attributes_of(traits, data.attributes)
    said = [troubles.of(f"the trait {name} {says}; the others were taken") for name, says in wrong]
    email = by_name(traits).get(EMAIL)
    mailbox = None
    if isinstance(email, str) and email.strip():
        try:
            mailbox = address(email.strip())
        except AddressRefused as error:
            found.pop(EMAIL, None)
            said.append(troubles.of(f"the trait email: {error}; the others were taken"))
    if mailbox is not None and EMAIL in data.attributes:
        found[EMAIL] = mailbox
    left = [*unknown(traits, data.attributes)]
    data_ = {"attributes": sorted(found)} | ({"unknown": left} if left else {})
    return replace(call, data=data_, traits=found, email=mailbox, troubles=tuple(said))


def _track(item: Mapping[str, Any], data: Data, call: Call, troubles: _Troubles) -> Call:
    return _happened(_mapping(item, "properties"), event_name(item.get("event"), data), data, call, troubles)


def event_name(value: Any, data: Data) -> str:
    """Return the declared event that is meant; Wrong says what to declare."""
    if not isinstance(value, str) or not value.strip():
        raise Wrong("`event` is missing")
    name = value if value in data.events else plain(value)
    if name in OURS:
        raise Wrong(f'"{name}" is an event of our own; call yours otherwise')
    if name not in data.events and name not in NAMES.values():
        near = get_close_matches(name, [one for one in data.events if one not in OURS], 1)
        hint = f'did you mean "{near[0]}"?' if near else "add it under `events`"
        raise Wrong(f'no event called "{name[:80]}" in data.yaml; {hint}')
    return name


def _happened(said: Mapping[str, Any], name: str, data: Data, call: Call, troubles: _Troubles) -> Call:
    found, wrong = properties_of(said, data.events.get(name, {}))
    why = tuple(troubles.of(f"{prop} of {name}: {says}; the event was kept without it") for prop, says in wrong)
    return replace(call, name=name, data=found, troubles=why)


def _view(item: Mapping[str, Any], data: Data, call: Call, troubles: _Troubles) -> Call:
    said = {key: item[key] for key in ("name", "category") if isinstance(item.get(key), str)}
    return _happened({**_mapping(item, "properties"), **said}, call.name, data, call, troubles)


def _group(item: Mapping[str, Any], data: Data, call: Call, troubles: _Troubles) -> Call:
    group = _id(item, "groupId")
    if group is None:
        raise Wrong("group needs groupId")
    firms = {name: one for name, one in data.attributes.items() if one.kind == "firm"}
    traits = _mapping(item, "traits")
    found, wrong = attributes_of(traits, firms)
    said = tuple(troubles.of(f"the trait {name} of a company {says}; the others were taken") for name, says in wrong)
    plain_traits = {plain(str(name)): value for name, value in traits.items() if not isinstance(value, dict | list)}
    bad = {name for name, _ in wrong}
    firm = {name: value for name, value in (plain_traits | found).items() if value is not None and name not in bad}
    return replace(call, data={"group": group}, company=group, firm=firm, troubles=said)


def _alias(_item: Mapping[str, Any], _data: Data, call: Call, _troubles: _Troubles) -> Call:
    return replace(call, data={"previous": call.who.previous})


_READERS = {
    "identify": _identify, "track": _track, "page": _view, "screen": _view, "group": _group, "alias": _alias,
}  # fmt: skip


def _made_id(item: Mapping[str, Any]) -> str:
    """Return an id for a call that has none: the same for the same words, where a time tells two apart."""
    if item.get("timestamp") is None and item.get("originalTimestamp") is None:
        return uuid4().hex
    kept = {name: value for name, value in item.items() if name not in ("sentAt", "writeKey")}
    return blake2b(json.dumps(kept, sort_keys=True, default=str).encode("utf-8", "replace"), digest_size=16).hexdigest()
