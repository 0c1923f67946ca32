"""A webhook's receiver can tell that it is ours, that it is fresh, and that nobody changed it."""

from __future__ import annotations

import base64

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.signing import ID, SIGNATURE, TIMESTAMP, TOLERANCE, secret_of, signed, verified

NEW, OLD = b"n" * 32, b"o" * 32
AT = 1_774_000_000.0


def test_the_example_of_the_specification_is_made_byte_by_byte():
    secret = secret_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    headers = signed([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert headers[SIGNATURE] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_either_secret_is_good_while_one_is_taken_over():
    headers = signed([NEW, OLD], "k", AT, b"{}")
    assert verified([OLD], headers, b"{}", AT)
    assert verified([NEW], headers, b"{}", AT + TOLERANCE)
    assert not verified([b"x" * 32], headers, b"{}", AT)


@settings(max_examples=examples(40), deadline=None)
@given(st.sampled_from([ID, TIMESTAMP, SIGNATURE, "body", "late", "early"]), st.text(min_size=1, max_size=9))
def test_whatever_is_changed_is_noticed(what, noise):
    headers, body, now = signed([NEW], "k", AT, b"{}"), b"{}", AT
    if what == "body":
        body += noise.encode()
    elif what in ("late", "early"):
        now += (TOLERANCE + 1) * (1 if what == "late" else -1)
    elif headers[what] + noise not in (headers[what], f"{headers[what]} "):
        headers[what] = noise + headers[what][1:] if noise[0] != headers[what][0] else noise * 2
    assert not verified([NEW], headers, body, now)


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_%%%", base64.b64encode(b"short").decode()])
def test_a_secret_that_is_none_is_refused_with_the_way_out(text):
    with pytest.raises(ValueError, match="webhook secret"):
        secret_of(text)
