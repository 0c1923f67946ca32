"""Signatures hold by the judgement of others; what was promised of every mail's bytes is looked up in its bytes."""

from __future__ import annotations

import itertools

import dkim
import pytest
from examples import examples

from channels.dkim import KeyRefused, generate, record, relaxed_body, relaxed_header, sign, signer, zone_line
from channels.dkim_check import fault, signed_names
from channels.wire_proof import Proof, Sample

PROOF = Proof.new()
RECORDS = dict(record(one) for one in PROOF.signers)
# RFC 8463, appendix A
FOOTBALL = (
    "\r\n".join(
        """\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
""".splitlines()
    ).encode()
    + b"\r\n"
)
BRISBANE = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


def found(name: str) -> str:
    return RECORDS.get(name, "")


def verified_by_dkimpy(sample: Sample) -> bool:
    def dns(name: bytes, timeout: int = 5) -> bytes:
        return found(name.decode().rstrip(".")).encode()

    return bool(dkim.verify(sample.raw, dnsfunc=dns))


@pytest.mark.parametrize("hostile", [False, True], ids=["readers", "attackers"])
def test_mails_are_right_to_the_byte(hostile: bool) -> None:
    faults = {n: PROOF.faults(s) for n, s in enumerate(PROOF.mails(7, examples(60), hostile=hostile))}
    assert {n: said for n, said in faults.items() if said} == {}


def test_another_implementation_verifies_them() -> None:
    proof = Proof(PROOF.signers[:1])  # RSA: the other one needs a package more for Ed25519
    samples = itertools.chain(proof.mails(3, examples(15)), proof.mails(4, examples(15), hostile=True))
    assert all(verified_by_dkimpy(sample) for sample in samples)


def test_our_verifier_agrees_with_the_example_of_the_rfc() -> None:
    assert fault(FOOTBALL, lambda _: BRISBANE) == ""
    assert "body" in fault(FOOTBALL.replace(b"hungry", b"angry"), lambda _: BRISBANE)
    assert "headers" in fault(FOOTBALL.replace(b"dinner", b"supper"), lambda _: BRISBANE)


@pytest.mark.parametrize(
    "change",
    [
        (b"\r\nFrom: ", b"\r\nFrom: Eve <eve@evil.test>\r\nFrom: "),
        (b"\r\nList-Unsubscribe: <https://go", b"\r\nList-Unsubscribe: <https://no"),
        (b"List-Unsubscribe=One-Click", b"List-Unsubscribe=None"),
        (b"\r\nSubject: ", b"\r\nSubject: Re: "),
        (b"\r\nMessage-ID: <", b"\r\nMessage-ID: <x"),
        (b"\r\nDate: Mon", b"\r\nDate: Tue"),
    ],
    ids=["a second From", "unsubscribe", "one click", "subject", "id", "date"],
)
def test_what_is_changed_on_the_way_does_not_verify(change: tuple[bytes, bytes]) -> None:
    (sample,) = PROOF.mails(5, 1)
    assert fault(sample.raw.replace(*change, 1), found)
    assert not verified_by_dkimpy(Sample(sample.raw.replace(*change, 1), sample.to, (), ""))


def test_the_proof_finds_what_is_wrong() -> None:
    (good,) = PROOF.mails(6, 1)

    def faults(raw: bytes) -> str:
        return "; ".join(PROOF.faults(Sample(raw, good.to, good.unsubscribe, good.subject)))

    assert faults(good.raw) == ""
    assert "CR LF" in faults(good.raw.replace(b"\r\n", b"\n", 1))
    assert "998" in faults(good.raw + b"x" * 999)
    assert "recipients" in faults(good.raw.replace(b"\r\nTo: ", b"\r\nTo: eve@evil.test, "))
    assert "headers are" in faults(good.raw.replace(b"\r\nTo: ", b"\r\nBcc: eve@evil.test\r\nTo: "))
    assert "List-Unsubscribe" in faults(good.raw.replace(b"<https://go", b"=?utf-8?q?<https://go"))


def test_both_unsubscribe_headers_are_signed_and_from_twice() -> None:
    names = signed_names(sign(b"From: a@b.test\r\nTo: c@d.test\r\nList-Unsubscribe: <https://x.test>\r\n"
                              b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nHi\r\n", PROOF.signers[:1])
                         .partition(b"\r\nFrom")[0])  # fmt: skip
    assert names.count("from") == 2
    assert {"list-unsubscribe", "list-unsubscribe-post"} <= set(names)


@pytest.mark.parametrize(
    ("body", "relaxed"),
    [
        (b"", b""),
        (b"\r\n\r\n", b""),
        (b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n"),
        (b"x", b"x\r\n"),
        (b"x  ", b"x\r\n"),
        (b" \r\n", b""),
    ],
)
def test_bodies_are_relaxed_as_the_rfc_says(body: bytes, relaxed: bytes) -> None:
    assert relaxed_body(body) == relaxed


def test_headers_are_relaxed_as_the_rfc_says() -> None:
    assert relaxed_header(b"B : Y\t\r\n\tZ  ") == b"b:Y Z"


def test_a_key_that_cannot_sign_says_why() -> None:
    pem = generate("ed25519")
    for wrong, says in [
        (("shop", "s1", pem), "domain"),
        (("shop.test", "s 1", pem), "selector"),
        (("shop.test", "s1", "secret"), "PEM"),
        (("shop.test", "s1", generate().replace("M", "N", 1)), "PEM"),
    ]:
        with pytest.raises(KeyRefused, match=says):
            signer(*wrong)


def test_a_record_is_cut_into_strings_that_dns_can_hold() -> None:
    line = zone_line(PROOF.signers[0])
    assert line.startswith("rsa1._domainkey.shop.test. IN TXT ")
    strings = line.split('"')[1::2]
    assert "".join(strings) == record(PROOF.signers[0])[1]
    assert max(map(len, strings)) <= 255
