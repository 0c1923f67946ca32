"""From a channel's settings in sojourn.yaml to the channel."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from channels.captured import CapturedChannel
from channels.channel import Channel
from channels.console import ConsoleChannel
from channels.errors import ChannelMisconfigured
from channels.fcm import URL, FcmChannel, FcmSettings
from channels.maildir import MaildirChannel
from channels.signing import secret_of
from channels.smtp import SmtpChannel
from channels.smtp_line import SmtpSettings, Timeouts
from channels.webhook import Host, WebhookChannel
from channels.webpush import WebPushChannel, WebPushSettings

STARTTLS: Mapping[str, Literal["auto", "required", "off"]] = {"auto": "auto", "required": "required", "off": "off"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A channel to be made."""

    name: str
    settings: Mapping[str, Any]
    root: Path


def build_channel(name: str, settings: Mapping[str, Any], root: Path = Path()) -> Channel:
    """Make the channel its `provider` names; relative folders stand beside `root`'s sojourn.yaml."""
    provider = str(settings.get("provider") or "")
    make = PROVIDERS.get(provider)
    if make is None:
        known = ", ".join(PROVIDERS)
        says = f"provider {provider!r} is not known" if provider else "no provider is set"
        raise ChannelMisconfigured(name, f"{says}; set channels.{name}.provider to one of {known}")
    return make(Asked(name, settings, root))


def _smtp(asked: Asked) -> Channel:
    name, settings = asked.name, asked.settings
    starttls = str(settings.get("starttls") or "auto").lower()
    if settings.get("starttls") is False:
        starttls = "off"
    if starttls not in STARTTLS:
        raise ChannelMisconfigured(name, f"set channels.{name}.starttls to auto, required or off, not {starttls!r}")
    timeouts = Timeouts()
    if settings.get("timeout_after_dot") is not None:
        timeouts = replace(timeouts, after_dot=_number(name, settings, "timeout_after_dot", 600))
    return SmtpChannel(
        SmtpSettings(
            host=_needed(name, settings, "host"),
            port=_number(name, settings, "port", 587),
            user=str(settings.get("user") or ""),
            password=str(settings.get("password") or ""),
            starttls=STARTTLS[starttls],
            tls=settings.get("tls") is True,
            connections=_number(name, settings, "connections", 10),
            hello=str(settings.get("hello") or ""),
            ca_file=str(settings.get("ca_file") or ""),
            timeouts=timeouts,
            name=name,
        )
    )


def _maildir(asked: Asked) -> Channel:
    channel = MaildirChannel(asked.root / str(asked.settings.get("folder") or "mailbox"))
    channel.name = asked.name
    return channel


def _webpush(asked: Asked) -> Channel:
    name, settings = asked.name, asked.settings
    contact = _needed(name, settings, "contact")
    if not contact.startswith(("mailto:", "https:")):
        raise ChannelMisconfigured(name, f"channels.{name}.contact begins with mailto: or https:, not {contact!r}")
    return WebPushChannel(
        WebPushSettings(
            key=_needed(name, settings, "key", "it is the private VAPID key"),
            contact=contact,
            connections=_number(name, settings, "connections", 4),
            name=name,
            loopback=settings.get("loopback") is True,
        )
    )


def _fcm(asked: Asked) -> Channel:
    name, settings = asked.name, asked.settings
    said = _needed(name, settings, "credentials", "the service account's JSON: ${file:firebase.json}")
    try:
        credentials = json.loads(said)
    except ValueError:
        raise ChannelMisconfigured(name, f"channels.{name}.credentials is not JSON; write ${{file:PATH}}") from None
    url = str(settings.get("url") or URL)
    return FcmChannel(FcmSettings(credentials, url, _number(name, settings, "connections", 8), name))


def _console(asked: Asked) -> Channel:
    return ConsoleChannel(asked.name)


def _captured(asked: Asked) -> Channel:
    return CapturedChannel(asked.name)


def _webhook(asked: Asked) -> Channel:
    return WebhookChannel(asked.name, [_host(asked.name, one) for one in asked.settings.get("hosts") or ()])


def _host(name: str, said: Any) -> Host:
    """Read a host: its name, or a mapping of name, private, and secret or a list of them."""
    if isinstance(said, str):
        return Host(said)
    secrets = said.get("secret") or ()
    try:
        read = tuple(secret_of(str(one)) for one in ([secrets] if isinstance(secrets, str) else secrets))
    except ValueError as error:
        raise ChannelMisconfigured(name, f"{error} (webhooks, {said.get('name')})") from None
    return Host(str(said.get("name")), said.get("private") is True, read)


PROVIDERS: Mapping[str, Callable[[Asked], Channel]] = {
    "smtp": _smtp,
    "maildir": _maildir,
    "webpush": _webpush,
    "fcm": _fcm,
    "console": _console,
    "captured": _captured,
    "webhook": _webhook,
}


def _needed(name: str, settings: Mapping[str, Any], setting: str, way_out: str = "") -> str:
    value = str(settings.get(setting) or "")
    if not value:
        says = f"{setting} is not set; set channels.{name}.{setting} in sojourn.yaml"
        raise ChannelMisconfigured(name, f"{says}; {way_out}" if way_out else says)
    return value


def _number(name: str, settings: Mapping[str, Any], setting: str, usual: int) -> int:
    value = settings.get(setting)
    if value is None or value == "":
        return usual
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if not 0 < number < 65536:
        raise ChannelMisconfigured(name, f"channels.{name}.{setting} is a positive number, not {value!r}")
    return number
