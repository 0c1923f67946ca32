"""Settings become a channel, or one sentence about what to set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from channels.build import build_channel
from channels.channel import Envelope
from channels.errors import ChannelMisconfigured
from channels.smtp import SmtpChannel
from channels.webpush import generate_vapid_key


def test_each_provider_has_a_channel(tmp_path: Path) -> None:
    private, _ = generate_vapid_key()
    for provider, settings in {
        "smtp": {"host": "localhost"},
        "maildir": {},
        "console": {},
        "captured": {},
        "webhook": {"hosts": ["a.test"]},
        "webpush": {"key": private, "contact": "mailto:a@b.test"},
    }.items():
        channel = build_channel("x", {"provider": provider, **settings}, tmp_path)
        assert channel.name == "x"
        channel.close()


def test_the_settings_of_a_relay_arrive() -> None:
    settings = {
        "provider": "smtp", "host": "relay.test", "port": "2525", "user": "u", "password": "p", "starttls": "required",
        "connections": 2, "timeout_after_dot": 900,
    }  # fmt: skip
    channel = build_channel("email", settings)
    assert isinstance(channel, SmtpChannel)
    found = channel.settings
    assert (found.host, found.port, found.user, found.password) == ("relay.test", 2525, "u", "p")
    assert (found.starttls, found.connections, found.timeouts.after_dot) == ("required", 2, 900)
    assert "password" not in repr(found)
    channel.close()


def test_a_maildir_stands_beside_the_project_file(tmp_path: Path) -> None:
    channel = build_channel("email", {"provider": "maildir"}, tmp_path)
    list(channel.send([Envelope("k", "a@b.test", b"x")], frozenset))
    assert len(list((tmp_path / "mailbox" / "new").glob("*.k.eml"))) == 1


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, r"channels\.mail\.provider"),
        ({"provider": "pigeon"}, "smtp, maildir"),
        ({"provider": "smtp"}, r"channels\.mail\.host"),
        ({"provider": "smtp", "host": ""}, r"channels\.mail\.host"),
        ({"provider": "smtp", "host": "x", "port": "smtp"}, r"channels\.mail\.port"),
        ({"provider": "smtp", "host": "x", "starttls": "maybe"}, "auto, required or off"),
        ({"provider": "webpush", "contact": "mailto:a@b.test"}, r"channels\.mail\.key"),
        ({"provider": "webpush", "key": "x"}, r"channels\.mail\.contact"),
        ({"provider": "webpush", "key": "x", "contact": "ops"}, "mailto: or https:"),
    ],
)
def test_a_missing_setting_is_named(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ChannelMisconfigured, match=says):
        build_channel("mail", settings)
