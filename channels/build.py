"""From a project's channel settings to a channel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from channels.captured import CapturedChannel
from channels.channel import Channel
from channels.errors import ChannelMisconfigured
from channels.maildir import MaildirChannel


def build_channel(name: str, settings: Mapping[str, Any]) -> Channel:
    """Return the channel that `provider` names; ChannelMisconfigured says which setting is missing or wrong."""
    provider = settings.get("provider")
    if provider == "captured":
        return CapturedChannel(name)
    if provider == "maildir":
        return MaildirChannel(Path(settings.get("root") or ".") / str(settings.get("folder") or "mailbox"))
    raise ChannelMisconfigured(name, f"there is no provider {provider!r}; set channels.{name}.provider in sojourn.yaml")
