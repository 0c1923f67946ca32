"""Addresses as the ad networks hash them, to the byte: the texts are those of their own documentation."""

from __future__ import annotations

import pytest

from engine.hashing import email, hashed, hashes, phone
from journeys.outward import Outlet

# given, google, meta, plain
MAILS = [
    ("  Test@Example.com ", "test@example.com", "test@example.com", "test@example.com"),
    ("Jefferson.Loves.hiking@Gmail.com", *["jefferson.loves.hiking@gmail.com"] * 3),
    ("spa ced@example.com", "spaced@example.com", None, None),
    ("name+tag@shop.example", *["name+tag@shop.example"] * 3),
    ("nobody", None, None, None),
    ("a@b@c.de", None, None, None),
]
PHONES = [  # given, calling code, google and plain, meta
    ("+1 (212) 565-0000", "", "+12125650000", "12125650000"),
    ("+44 20 7031 3000", "", "+442070313000", "442070313000"),
    ("0044 20 7031 3000", "", "+442070313000", "442070313000"),
    ("+49 (0)176 5464 8789", "", "+4917654648789", "4917654648789"),
    ("06 12 34 56 78", "33", "+33612345678", "33612345678"),
    ("06 12 34 56 78", "", None, None),
    ("+0612345678", "", None, None),
    ("+33 ext", "", None, None),
    ("+1234567890123456", "", None, None),
]


@pytest.mark.parametrize(("given", "google", "meta", "plain"), MAILS)
def test_a_mailbox_is_written_as_each_network_wants_it(given, google, meta, plain):
    assert [email(given, style) for style in ("google", "meta", "plain")] == [google, meta, plain]


@pytest.mark.parametrize(("given", "code", "e164", "meta"), PHONES)
def test_a_number_is_written_as_each_network_wants_it(given, code, e164, meta):
    assert [phone(given, style, code) for style in ("google", "meta", "plain")] == [e164, meta, e164]


def test_hashes_are_those_that_the_networks_publish():
    assert hashed("test@example.com") == "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"
    told = hashes(Outlet("x", "vip", "google", "google"), [" TEST@example.com", "test@example.com"], "+12125650000")
    assert told == {"email": [hashed("test@example.com")], "phone": [hashed("+12125650000")]}
    assert hashes(Outlet("x", "vip", "csv", "plain"), [], None) == {"email": [], "phone": []}
