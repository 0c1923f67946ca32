"""Nobody makes us talk to our own network: not by an address, not by a name, not by a name that changes its mind."""

from __future__ import annotations

import socket

import pytest

from channels import reach
from channels.channel import Envelope
from channels.reach import Unreachable, allowed, connect, public
from channels.webhook import Host, WebhookChannel
from engine.drill.reaching import NAMES, PRIVATE

PUBLIC = (
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "64:ff9b::101:101",
    "2002:101:101::1",
)


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_public_is_refused(address):
    assert not public(address)
    with pytest.raises(Unreachable, match="private network"):
        allowed("hook.example", 443, lookup=lambda *_: [address])


def test_what_is_public_is_allowed():
    assert [address for address in PUBLIC if not public(address)] == []


def test_one_private_address_among_public_ones_refuses_the_name():
    with pytest.raises(Unreachable):
        allowed("hook.example", 443, lookup=lambda *_: ["1.1.1.1", "10.0.0.1"])


@pytest.mark.parametrize("host", NAMES)
def test_other_ways_to_write_this_machine_reach_nobody(host):
    with pytest.raises(Unreachable):
        connect(host, 80, 0.05)


@pytest.mark.parametrize("trouble", [socket.gaierror("no such host"), UnicodeError("label too long")])
def test_a_name_that_cannot_be_looked_up_is_refused(trouble):
    def lookup(*_: object) -> list[str]:
        raise trouble

    with pytest.raises(Unreachable, match="has no address"):
        allowed("hook.example", 443, lookup=lookup)
    with pytest.raises(Unreachable, match="has no address"):
        allowed("hook.example", 443, lookup=lambda *_: [])


def test_a_name_that_changes_its_mind_is_asked_once_and_the_checked_address_is_connected_to(monkeypatch):
    answers, connected = iter([["93.184.216.34"], ["127.0.0.1"]]), []
    monkeypatch.setattr(reach.allowed, "__kwdefaults__", {"private": False, "lookup": lambda *_: next(answers)})
    monkeypatch.setattr(socket, "create_connection", lambda address, _: connected.append(address))
    connect("rebinding.example", 80, 1)
    assert connected == [("93.184.216.34", 80)]
    with pytest.raises(Unreachable):
        connect("rebinding.example", 80, 1)
    assert len(connected) == 1


@pytest.mark.parametrize(
    "url", [f"http://{a}/" for a in ("127.0.0.1", "[::1]", "169.254.169.254", "10.0.0.1", "localhost")]
)
def test_a_webhook_goes_into_our_own_network_only_where_sojourn_yaml_says_so(url):
    hosts = [Host(name) for name in ("127.0.0.1", "::1", "169.254.169.254", "10.0.0.1", "localhost")]
    (answer,) = WebhookChannel(hosts=hosts).send(
        [Envelope("k", url, b"{}", timeout=0.1)], frozenset(["k"]).intersection
    )
    assert (answer.status, answer.kind) == ("failed", "config")
    assert "private: true" in answer.detail


def test_a_port_that_nobody_listed_and_a_login_in_the_address_are_refused():
    hook = WebhookChannel(hosts=[Host("crm.example", private=True)])
    for url in ("http://crm.example:6379/", "http://user:pw@crm.example/"):
        (answer,) = hook.send([Envelope("k", url, b"{}", timeout=0.1)], frozenset(["k"]).intersection)
        assert (answer.status, answer.kind) == ("failed", "config")
