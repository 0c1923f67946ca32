"""The one place where parts meet: files, store, channels and clock become an Engine."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, partial
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from channels import pace
from channels.build import build_channel
from channels.channel import Channel
from channels.mail_settings import mail_settings
from channels.templates import Library
from engine.clock import Clock, SystemClock
from engine.content import Content
from engine.doctor import no_room
from engine.double_opt_in import messages_of
from engine.engine import Engine, Limits
from engine.entering import Entrances
from engine.errors import ConfigError, DefinitionError
from engine.letters import Letters
from engine.pacing import Pacing, WarmUp
from engine.posting import Post
from engine.sent_log import SentLog
from engine.shelves import Shelves
from engine.store import restoring
from engine.store.connect import check_schema, expect, open_store, writing
from engine.store.delivering import WEBHOOK, Terms
from engine.store.leases import by_database
from engine.store.sealing import Sealing
from engine.teaching import Teacher
from engine.tokens import Tokens, load_secrets
from engine.versions import begin, known
from journeys import parse_span
from journeys.load import find_root, load
from journeys.project import Definitions, Project

YOUNG = 50_000
"""Values that may be new before the garbage collector looks at them: about what 1,000 contacts on their way are."""


@dataclass(frozen=True, slots=True)
class Options:
    """What may differ from the files: store URL, clock, channels, seed, how much at once, and what runs."""

    url: str | None = None
    clock: Clock = field(default_factory=SystemClock)
    channels: Mapping[str, Channel] | None = None
    seed: str | None = None
    limits: Limits = field(default_factory=Limits)
    durability: str = "full"
    store: sa.Engine | None = None
    follows: bool = True  # False: what is given runs, whatever is deployed (a simulation)
    check: Callable[[Definitions], None] = lambda _: None  # raises what keeps definitions from running


def read(root: Path | None, env: Mapping[str, str] | None = None) -> Definitions:
    """Read the project that `root` (or the current folder) lies in; every problem is in the result."""
    start = root or Path.cwd()
    found = find_root(start)
    if found is None:
        raise ConfigError(f"no sojourn.yaml in {start} or above it; run `sojourn init`, or name the project with -C")
    return load(found, env if env is not None else os.environ)


def usable(definitions: Definitions) -> Project:
    """Return the project, or raise what keeps it from running."""
    if definitions.project is None or not definitions.ok:
        raise DefinitionError(definitions.problems)
    return definitions.project


def build(definitions: Definitions, options: Options | None = None) -> Engine:
    """Build the engine that runs what is deployed; refuses an outdated store, and a project with errors."""
    options = options or Options()
    project = usable(definitions) if not options.follows else known(definitions)
    store = options.store or open_store(
        expect(options.url or project.store),
        "normal" if options.durability == "normal" else "full",
        sealing=sealing_for(project),
    )
    check_schema(store)
    if isinstance(options.clock, SystemClock):
        store = by_database(store)
    versions, running = begin(store, definitions, options.clock.now(), options.check)
    definitions = running if options.follows else definitions
    options.check(definitions)
    project = known(definitions)
    settle()
    zone = ZoneInfo(project.timezone)
    secrets = load_secrets(project.root, project.secret)
    letters = Letters(project, definitions.journeys, Library(messages_of(project)), Tokens(secrets))
    channels = options.channels if options.channels is not None else open_channels(project)
    post = Post(channels, letters, terms(project), pacing_of(project), project.limits.skip_after)
    post.content = Content(project.data, Shelves(project, secrets))
    if isinstance(options.clock, SystemClock):
        watch_over(post, store, project.root)
    return Engine(
        store=store,
        clock=options.clock,
        definitions=definitions,
        post=post,
        teacher=Teacher(definitions.journeys, zone),
        entrances=Entrances(definitions.journeys, project.data.segments, zone),
        seed=options.seed or project.name,
        zone=zone,
        limits=options.limits,
        versions=versions if options.follows else None,
    )


def watch_over(post: Post, store: sa.Engine, root: Path) -> None:
    """Have what leaves noted beside the store, and send nothing from a store that is older than those notes."""
    post.room = partial(no_room, store)
    with writing(store) as conn:
        post.log = SentLog(root, restoring.ledger(conn))
        post.restored = restoring.pending(conn)
        if not post.restored and restoring.missing(conn, post.log.last(1)):
            post.halted = RESTORED


RESTORED = (
    "nothing is sent: this store does not know what was sent from here last, so it is an older copy; "
    "run: sojourn db restored"
)


@cache
def settle() -> None:
    """Tell the garbage collector, once, that what is loaded stays.

    Our values hold no cycles and go when nobody names them any more; looking through all of them again and again
    took a tenth of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)


def open_channels(project: Project) -> dict[str, Channel]:
    """Return the project's channels by name, and the webhook door when it names webhooks."""
    channels = {name: build_channel(name, settings, project.root) for name, settings in project.channels.items()}
    door = webhook_door(project)
    return channels | ({} if door is None else {WEBHOOK: door})


def webhook_door(project: Project) -> Channel | None:
    """Return what calls the project's webhooks, None when it names none."""
    if not project.webhooks:
        return None
    hosts = [_host(hook) for hook in project.webhooks.values()]
    return build_channel(WEBHOOK, {"provider": "webhook", "hosts": hosts}, project.root)


def _host(hook: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the webhook door must know of one that may be called: a port of its own stands in its name."""
    parts = urlsplit(str(hook.get("url") or ""))
    name = parts.netloc.rpartition("@")[2] if parts.port not in {None, 80, 443} else parts.hostname
    return {"name": name or "", "private": hook.get("private") is True, "secret": hook.get("secret") or ()}


def terms(project: Project) -> Terms:
    """Return what holds for answers: how addresses are remembered, and which channels send again when in doubt."""
    resend = {name for name, some in project.channels.items() if mail_settings(name, some).resends}
    resend.add(WEBHOOK)  # its receiver is told the key, and must bear a second copy
    return Terms(digest_of(project), frozenset(resend), give_up=_patience(project))


def _patience(project: Project) -> timedelta:
    """Return how long a message is tried: `expires_after` of the e-mail channel, 48 hours where it says nothing."""
    said = str(project.channels.get("email", {}).get("expires_after") or "48h")
    span = parse_span(said)
    if span is None:
        raise ConfigError(f"channels.email.expires_after: cannot read {said!r}; write 48h")
    return span


def sealing_for(project: Project) -> Sealing | None:
    """Return the project's keys with the names of its private attributes, None where it has no keys."""
    if not project.encryption:
        return None
    private = [name for name, attribute in project.data.attributes.items() if attribute.private]
    return Sealing(project.encryption, private)


def digest_of(project: Project) -> Callable[[str, str], str]:
    """Return the project's digest of addresses.

    It is keyed by the oldest secret: a rotation must not make us forget who must not be written to.
    """
    return digest_with(load_secrets(project.root, project.secret)[-1])


def digest_with(secret: bytes) -> Callable[[str, str], str]:
    """Return the keyed hash under which an address that must not be used is remembered, by channel."""

    def digest(channel: str, address: str) -> str:
        said = f"{channel}:{address.strip().lower()}".encode()
        return blake2b(said, key=secret[:64], digest_size=16, person=b"suppression").hexdigest()

    return digest


def pacing_of(project: Project) -> Pacing:
    """Return how fast the channels may send: `rate`, `provider_rates`, `warm_up`."""
    some = project.channels.items()
    warm_ups = {name: WarmUp(*ramp) for name, how in some if (ramp := pace.warm_up(name, how))}
    return Pacing(
        {name: pace.rate(name, "rate", how["rate"]) for name, how in some if how.get("rate")},
        {name: said for name, how in some if (said := pace.provider_rates(name, how))},
        warm_ups,
    )
