"""Mail that comes back is read as its program meant it, and whatever the bytes, there is an answer."""

from __future__ import annotations

import random

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.feedback import Mailbox, heard
from channels.report_samples import Sample, samples

TOKEN = "abcdefghijklmnop0123456789abcdef-1"
SAMPLES = list(samples(f"b+{TOKEN}@bounces.shop.test"))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_means_what_its_writer_meant(sample: Sample) -> None:
    found = heard(sample.raw)
    assert (found.what, found.kind) == (sample.what, sample.kind), found
    if sample.raw:
        assert found.mailboxes == (Mailbox("b", TOKEN),)


def test_there_are_samples_of_everything() -> None:
    assert len(SAMPLES) >= 80
    assert {(s.what, s.kind) for s in SAMPLES if s.what == "failed"} == {
        ("failed", "hard"), ("failed", "soft"), ("failed", "policy"),
    }  # fmt: skip
    assert {"delayed", "delivered", "complained", "unsubscribed", "auto_reply", "other"} <= {s.what for s in SAMPLES}


def test_the_status_and_the_servers_words_are_kept() -> None:
    found = heard(next(s.raw for s in SAMPLES if s.name == "gmail, no such user"))
    assert found.status == "5.1.1"
    assert found.detail.startswith("550-5.1.1 The email account")


def test_a_mail_to_the_unsubscribe_mailbox_is_a_wish_to_leave() -> None:
    mail = f"From: ana@mail.test\r\nTo: u+{TOKEN}@bounces.shop.test\r\nSubject: x\r\n\r\nplease\r\n".encode()
    assert heard(mail).what == "unsubscribed"
    assert heard(mail.replace(b"From:", b"Auto-Submitted: auto-replied\r\nFrom:")).what == "auto_reply"
    quoted = f"From: ana@mail.test\r\nTo: hello@shop.test\r\n\r\n> u+{TOKEN}@bounces.shop.test\r\n".encode()
    assert heard(quoted).what == "other"


@settings(deadline=None, max_examples=examples(60))
@given(st.binary(max_size=600))
def test_any_bytes_have_an_answer(raw: bytes) -> None:
    assert heard(raw).what


def test_a_damaged_sample_has_an_answer() -> None:
    draw = random.Random(5)
    for sample in SAMPLES:
        raw = bytearray(sample.raw or b"x")
        for _ in range(12):
            raw[draw.randrange(len(raw))] = draw.randrange(256)
        assert heard(bytes(raw)).what
        assert heard(sample.raw[: draw.randrange(len(sample.raw) + 1)]).what
