"""The one action of a state: send, wait_for, split, branch, set, emit, call, exit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from journeys.conditions import read_condition, read_value, read_values
from journeys.expression import Expression
from journeys.fields import Fields, pairs, read_name, read_share, shaped
from journeys.forms_state import BRANCH, CALL, EMIT, FIRST, METHODS, SEND, WAIT_FOR
from journeys.journey import Action, Awaited, Branch, Call, Emit, Leave, Send, Set, Split, WaitFor
from journeys.kinds import comparable, kind_of, kind_of_value
from journeys.node import Node
from journeys.spot import Desk, Spot, known_event, read_events, read_message, read_segment

SEND_KEYS = SEND.names
WAIT_KEYS = WAIT_FOR.names
FIRST_KEYS = FIRST.names
CALL_KEYS = CALL.names


def read_send(spot: Spot, node: Node, desk: Desk) -> Action | None:
    if node.kind == "text":
        message = read_message(spot.page, node, desk.project)
        return Send(message, message.partition("/")[0]) if message else None
    fields = Fields(spot.page, node, SEND_KEYS, "send")
    if not fields.needs("message"):
        return None
    message = read_message(spot.page, fields.node_of("message"), desk.project)
    ignore = fields.choice("quiet_hours", SEND.words("quiet_hours"), "respect") == "ignore"
    if ignore and not desk.transactional:
        at = fields.node_of("quiet_hours") or node
        helps = ("mark the journey `transactional: true` if these are order or account messages",)
        spot.page.add("P602", at, "only transactional messages may ignore the quiet hours", helps=helps)
    if message is None:
        return None
    return Send(
        message,
        message.partition("/")[0],
        fields.text("from"),
        fields.text("reply_to"),
        read_values(spot.page, fields.node_of("vars"), spot.names, "vars"),
        ignore,
        fields.flag("track", True),
    )


def read_wait(spot: Spot, node: Node, _desk: Desk) -> Action | None:
    fields = Fields(spot.page, node, WAIT_KEYS, "wait_for")
    if fields.node is None or fields.node.kind != "map":
        return None
    if "within" not in fields:
        spot.page.add(
            "F403",
            node,
            "this wait has no end: people who never do it would stay here for ever",
            label="add `within: 45m`",
            helps=("then say what happens when time is up with `else:` (default: the next state)",),
        )
    kinds = [key for key in ("event", "segment", "first") if key in fields]
    if len(kinds) != 1:
        says = "`wait_for` needs one of `event`, `segment` or `first`"
        spot.page.add("S113" if not kinds else "S104", node, says)
        return None
    then = spot.target(spot.body.get("then"), spot.following)
    if kinds == ["first"]:
        first = [one for item in fields.items("first") for one in _awaited(spot, item, then)]
    else:
        first = _things(spot, fields, then)
    return WaitFor(tuple(first), fields.span("within", timedelta(days=1)))


def _awaited(spot: Spot, node: Node, then: str) -> list[Awaited]:
    fields = Fields(spot.page, node, FIRST_KEYS, "first")
    if ("event" in fields) == ("segment" in fields):
        if fields.node is not None and fields.node.kind == "map":
            spot.page.add("S113", node, "each of `first` needs an `event` or a `segment`")
        return []
    return _things(spot, fields, spot.target(fields.node_of("then"), then))


def _things(spot: Spot, fields: Fields, then: str) -> list[Awaited]:
    data = spot.names.data
    events = read_events(spot.page, fields.node_of("event"), data)
    names = spot.seeing(events) if events else spot.names
    guard = read_condition(spot.page, fields.node_of("if"), names)
    segment = read_segment(spot.page, fields.node_of("segment"), data)
    if segment:
        return [Awaited(None, segment, guard, then)]
    return [Awaited(event, None, guard, then) for event in events]


def read_split(spot: Spot, node: Node, _desk: Desk) -> Action | None:
    if not shaped(spot.page, node, "map", "split"):
        return None
    shares = [(spot.target(key, ""), read_share(spot.page, share)) for key, share in pairs(node)]
    known = [(target, share) for target, share in shares if target and share is not None]
    if len(known) < len(node.entries):
        return None
    total = sum(share for _, share in known)
    if abs(total - 1) > 1e-6:
        spot.page.add("S109", node, f"the shares add up to {round(total * 100, 4):g}%, not 100%")
        return None
    return Split(tuple(known))


def read_branch(spot: Spot, node: Node, _desk: Desk) -> Action | None:
    if not shaped(spot.page, node, "list", "branch"):
        return None
    ways = []
    for item in node.items:
        fields = Fields(spot.page, item, BRANCH.names, "branch")
        if fields.needs("if", "then"):
            guard = read_condition(spot.page, fields.node_of("if"), spot.names)
            target = spot.target(fields.node_of("then"), "")
            if guard is not None and target:
                ways.append((guard, target))
    return Branch(tuple(ways))


def read_set(spot: Spot, node: Node, _desk: Desk) -> Action | None:
    if not shaped(spot.page, node, "map", "set"):
        return None
    values = []
    for key, value in pairs(node):
        root, _, name = key.raw.partition(".")
        if root not in ("contact", "journey") or not name:
            spot.page.add("S112", key, "`set` writes contact.x or journey.x", label="write contact.… or journey.…")
        elif root == "journey" or _writable(spot, key, name):
            values.append((root, name, _fitting(spot, root, name, value)))
    return Set(tuple(values))


def _writable(spot: Spot, key: Node, name: str) -> bool:
    known = spot.names.data.attributes
    if name in known:
        return True
    word = replace(key, raw=name, col=key.col + len("contact."))
    spot.page.unknown("X301", word, f'a contact has no attribute "{name}"', known)
    return False


def _fitting(spot: Spot, root: str, name: str, node: Node) -> Any:
    value = read_value(spot.page, node, spot.names)
    attribute = spot.names.data.attributes.get(name) if root == "contact" else None
    if attribute is None or value is None:
        return value
    wanted = kind_of(attribute.type, name, attribute.choices)
    found = kind_of(value.type) if isinstance(value, Expression) else kind_of_value(value)
    text = isinstance(value, str)
    if isinstance(value, Mapping):
        spot.page.add("X302", node, f"{wanted} cannot be set to a mapping")
    elif not comparable(wanted, found, "==") or (text and wanted.choices and value not in wanted.choices):
        spot.page.add("X302", node, f"{wanted} cannot be set to " + (f'"{value}"' if text else str(found)))
    return value


def read_emit(spot: Spot, node: Node, _desk: Desk) -> Action | None:
    fields = Fields(spot.page, node, EMIT.names, "emit")
    event = fields.node_of("event")
    if not fields.needs("event") or event is None or read_name(spot.page, event, "event") is None:
        return None
    if not known_event(spot.page, event, spot.names.data):
        return None
    known = spot.names.data.events[event.raw]
    for key, _ in fields.pairs("props"):
        if key.raw not in known:
            spot.page.unknown("X301", key, f'the event "{event.raw}" has no property "{key.raw}"', known)
    return Emit(event.raw, read_values(spot.page, fields.node_of("props"), spot.names, "props"))


def read_call(spot: Spot, node: Node, desk: Desk) -> Action | None:
    fields = Fields(spot.page, node, CALL_KEYS, "call")
    url = fields.text("url")
    if not fields.needs("url") or url is None:
        return None
    at = fields.node_of("url") or node
    hosts = [_host(str(hook.get("url", ""))) for hook in desk.project.webhooks.values()]
    host = _host(url)
    if not host or not url.startswith(("https://", "http://")):
        spot.page.add("S112", at, f'"{url}" is no address: write https://…')
        return None
    if host not in hosts:
        helps = (f"add it there: `webhooks: {{{host.split('.')[0]}: {{url: {url}}}}}`",)
        spot.page.add("R210", at, f"no webhook with the host {host} in sojourn.yaml", helps=helps)
    return Call(
        url,
        fields.choice("method", METHODS, "POST"),
        read_values(spot.page, fields.node_of("json"), spot.names, "json"),
        fields.span("timeout", timedelta(seconds=10)),
        fields.whole("retries", 5, 0, 20),
        fields.name("save_as"),
    )


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def read_exit(spot: Spot, node: Node, _desk: Desk) -> Action | None:
    reason = read_name(spot.page, node, "exit")
    return Leave(reason) if reason else None
