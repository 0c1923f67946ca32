"""Where parts meet: what the settings say is what the parts get."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from lawbook import Case, definitions

from channels.errors import ChannelMisconfigured
from engine.app import digest_of, open_channels, pacing_of, terms
from engine.errors import ConfigError
from journeys.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    found = definitions(Case({"CAP_ALL": "9/day", "WHEN": "skip", "QUIET": "21:30"}, (), (), 1, ()), tmp_path).project
    assert found is not None
    return found


def with_email(project: Project, **settings: object) -> Project:
    email = {**project.channels["email"], **settings}
    return replace(project, channels={**project.channels, "email": email})


def test_a_message_is_tried_for_as_long_as_expires_after_says(project: Project) -> None:
    assert terms(project).give_up == timedelta(hours=48)
    assert terms(with_email(project, expires_after="6h")).give_up == timedelta(hours=6)
    with pytest.raises(ConfigError, match="write 48h"):
        terms(with_email(project, expires_after="soon"))


@pytest.mark.parametrize(("said", "per_second"), [("20/s", 20.0), ("600/min", 10.0), ("7200/h", 2.0)])
def test_a_rate_is_read_per_second(project: Project, said: str, per_second: float) -> None:
    assert pacing_of(with_email(project, rate=said)).rates == {"email": per_second}


def test_a_rate_that_cannot_be_read_names_its_setting(project: Project) -> None:
    for settings, named in [
        ({"rate": "many"}, "email.rate"),
        ({"rate": "0/s"}, "email.rate"),
        ({"provider_rates": {"gmail.com": "5"}}, "provider_rates.gmail.com"),
        ({"provider_rates": "5/s"}, "provider_rates"),
        ({"warm_up": {"start": "200"}}, "warm_up"),
        ({"warm_up": {"start": "200/day", "double_every": "soon"}}, "warm_up"),
    ]:
        with pytest.raises(ChannelMisconfigured, match=re.escape(f"channels.email.{named.removeprefix('email.')}")):
            pacing_of(with_email(project, **settings))


def test_a_domain_of_a_large_provider_stands_for_all_of_it(project: Project) -> None:
    found = pacing_of(with_email(project, provider_rates={"gmail.com": "60/min", "acme.test": "2/s", "*": "5/s"}))
    assert found.provider_rates == {"email": {"google": 1.0, "acme.test": 2.0, "*": 5.0}}


def test_channels_in_doubt_send_again_only_where_told_and_calls_always(project: Project) -> None:
    assert terms(project).resend == frozenset({"webhook"})
    assert terms(with_email(project, on_unknown="resend")).resend == {"email", "webhook"}


def test_a_rotated_secret_still_knows_who_must_not_be_written_to(project: Project) -> None:
    rotated = replace(project, secret="a-new-secret-for-signing a-secret-for-the-laws")
    assert digest_of(rotated)("email", "Ana@A.test ") == digest_of(project)("email", "ana@a.test")


def test_webhooks_open_a_door_for_their_hosts(project: Project) -> None:
    assert "webhook" not in open_channels(project)
    assert "webhook" in open_channels(replace(project, webhooks={"crm": {"url": "https://crm.test/hook"}}))
