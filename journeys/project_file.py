"""sojourn.yaml: the project's settings with ${VAR} filled in, checked, and defaults applied."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from journeys.check_private import refuse_private, tellable
from journeys.conditions import read_expression
from journeys.dayparts import read_dayparts
from journeys.expression import Expression
from journeys.fields import Fields
from journeys.journey import Repeat
from journeys.limits import project_limits
from journeys.names import Names
from journeys.node import Node, resolve
from journeys.outward import read_on, read_outlets, read_roles
from journeys.page import Page
from journeys.parse import parse
from journeys.place import Place
from journeys.project import Data, Project, Topic
from journeys.repeat import read_repeat
from journeys.signs import read_behaviour
from journeys.span import parse_span

KEYS = (
    "project", "timezone", "store", "currency", "secret", "channels", "topics", "caps", "quiet_hours", "holdout",
    "decisions", "tracking", "late", "webhooks", "retention", "web",
    "encryption", "audiences", "roles",
)  # fmt: skip
POLICIES = ("thompson", "vw", "beta", "random", "fixed")
CHALLENGERS = ("thompson", "vw", "beta", "none")
DECISION_KEYS = (
    "policy", "challenger", "warmup", "min_share", "random", "reward", "context", "dayparts", "behaviour",
    "new_arm_share", "repeat",
)  # fmt: skip
_VAR = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_FILE = re.compile(r"\$\{file:([^}]+)\}")
_LONGEST_FILE = 65_536
_MONTHS = re.compile(r"(\d+)mo")


def filled(page: Page, node: Node, at: tuple[Path, Mapping[str, str]]) -> Node:
    """Return the node with `${VAR}`, `${VAR:-default}` and `${file:PATH}` filled in; what is not there is reported."""
    if node.kind == "map":
        return replace(node, entries=tuple((key, filled(page, value, at)) for key, value in node.entries))
    if node.kind == "list":
        return replace(node, items=tuple(filled(page, item, at) for item in node.items))
    if node.kind != "text" or "${" not in node.raw:
        return node
    folder, env = at
    missing = [name for name, default in _VAR.findall(node.raw) if name not in env and f"{name}:-" not in node.raw]
    if missing or "${" in _FILE.sub("", _VAR.sub("", node.raw)):
        name = missing[0] if missing else "…"
        says = f"the environment variable {name} is not set" if missing else "cannot read this ${…}"
        page.add("S121", node, says, helps=(f"set it, or give a default: `${{{name}:-…}}`",))
        return replace(node, kind="broken")
    texts = {path: _read_secret(folder / path) for path in _FILE.findall(node.raw)}
    for path in (path for path, text in texts.items() if text is None):
        page.add(
            "S121", node, f"the file {path} cannot be read", helps=("a path is absolute, or from sojourn.yaml on",)
        )
        return replace(node, kind="broken")
    raw = _VAR.sub(lambda found: env.get(found[1]) or found[2] or "", node.raw)
    raw = _FILE.sub(lambda found: texts[found[1]] or "", raw)
    if texts or not (node.plain and raw):
        return replace(node, raw=raw, value=raw)
    kind, value = resolve(raw)
    return replace(node, raw=raw, kind=kind, value=value)


def _read_secret(path: Path) -> str | None:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(_LONGEST_FILE).strip()
    except (OSError, ValueError):
        return None


def read_project(page: Page, root: Node, data: Data, at: tuple[Path, Mapping[str, str]]) -> Project | None:
    """Return the project that sojourn.yaml describes; `at` is its folder and the environment."""
    folder, env = at
    top = Fields(page, filled(page, root, at), KEYS, "sojourn.yaml")
    if top.node is None or top.node.kind != "map":
        return None
    top.needs("project", "timezone", "store", "channels", "topics")
    channels, topics, webhooks = _channels(top), _topics(top), _webhooks(top, data)
    web = Fields(page, top.node_of("web"), ("base_url", "bind", "auth", "keys"), "web")
    bind = web.text("bind") or "127.0.0.1:8000"
    encryption = Fields(page, top.node_of("encryption"), ("keys",), "encryption")
    tracking = Fields(page, top.node_of("tracking"), ("clicks", "opens", "bot_filter", "domain"), "tracking")
    return Project(
        root=folder,
        name=top.text("project") or folder.name,
        timezone=read_zone(page, top.node_of("timezone")) or "UTC",
        store=_store(top, folder),
        secret=top.text("secret") or env.get("SOJOURN_SECRET") or None,
        currency=top.text("currency") or "EUR",
        base_url=(web.text("base_url") or f"http://{bind}").rstrip("/"),
        bind=bind,
        keys=tuple(_write_keys(web)),
        key_sources=_write_keys(web),
        channels=channels,
        topics=topics,
        limits=project_limits(top, tuple(topics), tuple(channels)),
        holdout=top.share("holdout", 0.0),
        decisions=_decisions(top, data),
        clicks=tracking.flag("clicks", True),
        opens=_opens(tracking),
        bot_filter=tracking.choice("bot_filter", ("off", "basic", "strict"), "strict"),
        webhooks=webhooks,
        retention=_retention(top),
        data=data,
        messages={},
        encryption=_keys(encryption),
        audiences=read_outlets(top, data, webhooks),
        roles=read_roles(top),
    )


def read_zone(page: Page, node: Node | None) -> str | None:
    """Return the name of a time zone that exists."""
    if node is None:
        return None
    try:
        return ZoneInfo(node.raw).key
    except (ValueError, OSError, KeyError):
        helps = ("zones are named like Europe/Paris or America/New_York",)
        page.add("R209", node, f'no time zone called "{node.raw}"', helps=helps)
        return None


def _write_keys(web: Fields) -> dict[str, str]:
    """Return write key -> the source that has it: a list of keys, or `keys: {shop: KEY, web: KEY}`."""
    node = web.node_of("keys")
    if node is not None and node.kind == "map":
        return {value.raw: name.raw for name, value in web.pairs("keys") if value.raw}
    return {item.raw: "web" for item in web.items("keys") if item.raw}


def _keys(fields: Fields) -> tuple[str, ...]:
    """Return the keys, the newest first: a list, or one text with several, as a variable has it."""
    node = fields.node_of("keys")
    if node is None:
        return ()
    said = [item.raw for item in fields.items("keys")] if node.kind == "list" else [node.raw]
    return tuple(key for text in said for key in text.replace(",", " ").split())


def _opens(tracking: Fields) -> str:
    """Return whether opens are noted; YAML reads `off` and `no` as false."""
    node = tracking.node_of("opens")
    if node is not None and node.kind == "flag":
        if not node.value:
            return "off"
        helps = ("of an open no more than its day may be kept, and of those alone who consent to `tracking`",)
        tracking.page.add("S112", node, "`opens` is off or date_only", helps=helps)
        return "off"
    return tracking.choice("opens", ("off", "date_only"), "off")


def _store(top: Fields, folder: Path) -> str:
    url = top.text("store") or "sqlite:///sojourn.db"
    found = re.match(r"(sqlite(?:\+\w+)?:///)(?!/|:memory:|file:)([^?]+)(.*)", url)
    if found is None:
        return url
    path = Path(found[2])
    return f"{found[1]}{path if path.is_absolute() else folder / path}{found[3]}"


def _channels(top: Fields) -> dict[str, dict[str, Any]]:
    channels = {}
    for key, node in top.pairs("channels"):
        fields = Fields(top.page, node, [name.raw for name, _ in node.entries], key.raw)
        if fields.node is not None and fields.node.kind == "map":
            channels[key.raw] = dict(node.data())
    return channels


def _topics(top: Fields) -> dict[str, Topic]:
    topics = {"general": Topic("General")}
    for key, node in top.pairs("topics"):
        fields = Fields(top.page, node, ("title", "transactional", "double_opt_in"), key.raw)
        title = fields.text("title") or key.raw.replace("_", " ").capitalize()
        topics[key.raw] = Topic(title, fields.flag("transactional", False), fields.flag("double_opt_in", False))
    return topics


def _decisions(top: Fields, data: Data) -> dict[str, Any]:
    fields = Fields(top.page, top.node_of("decisions"), DECISION_KEYS, "decisions")
    names = Names(data, journey=False)
    reward = {}
    for key, node in fields.pairs("reward"):
        if key.raw not in data.events:
            top.page.unknown("R202", key, f'no event called "{key.raw}" in data.yaml', data.events)
        else:
            seen = replace(names, event=data.events[key.raw])
            reward[key.raw] = read_expression(top.page, node, seen, "number")
    seen_of = [(node, read_expression(top.page, node, names)) for node in fields.items("context")]
    for node, said in seen_of:
        refuse_private(top.page, node, said, data)
    context = [said for _, said in seen_of]
    return {
        "policy": fields.choice("policy", POLICIES, "thompson"),
        "challenger": fields.choice("challenger", CHALLENGERS, "") or None,
        "warmup": fields.whole("warmup", 300),
        "min_share": fields.share("min_share", 0.005),
        "random": fields.share("random", 0.02),
        "reward": {name: score for name, score in reward.items() if score is not None},
        "dayparts": read_dayparts(top.page, fields),
        "behaviour": read_behaviour(top.page, fields.node_of("behaviour"), data),
        "new_arm_share": fields.share("new_arm_share", 0.1),
        "repeat": read_repeat(top.page, fields.node_of("repeat"), Repeat()),
        "context": tuple(one for one in context if one) if "context" in fields else _usual_context(top.page, data),
    }


def _usual_context(page: Page, data: Data) -> tuple[Expression, ...]:
    """Return what a decision looks at when nobody says: every flag, number and enum that may be told, and the time."""
    place, names = Place(page.file, 1, 1), Names(data, journey=False)
    plain = {name: one for name, one in data.attributes.items() if tellable(one)}
    known = [f"contact.{name}" for name, one in plain.items() if one.type in ("flag", "number", "enum")]
    found = [parse(source, place, names)[0] for source in [*known, "now.hour", "now.weekday"]]
    return tuple(one for one in found if one)


def _webhooks(top: Fields, data: Data) -> dict[str, dict[str, Any]]:
    webhooks = {}
    for key, node in top.pairs("webhooks"):
        fields = Fields(top.page, node, ("url", "headers", "secret", "private", "on"), key.raw)
        read_on(fields, data)
        if fields.needs("url"):
            webhooks[key.raw] = dict(node.data())
    return webhooks


def _retention(top: Fields) -> dict[str, timedelta]:
    kept = {
        "events": timedelta(days=761), "renders": timedelta(days=90), "log": timedelta(days=761),
        "inactive": timedelta(days=1096),
    }  # fmt: skip
    fields = Fields(top.page, top.node_of("retention"), tuple(kept), "retention")
    for key in fields.values:
        node = fields.node_of(key)
        months = _MONTHS.fullmatch(node.raw) if node else None
        span = timedelta(days=round(int(months[1]) * 30.4375)) if months else parse_span(node.raw) if node else None
        if span is not None:
            kept[key] = span
        elif node:
            top.page.add("S106", node, f'cannot read "{node.raw}" as a length of time', label="write 25mo or 90d")
    return kept
