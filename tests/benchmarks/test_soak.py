"""The soak's own witnesses: what they count as wrong, and what its people like."""

from __future__ import annotations

import pytest

from benchmarks.soak import Plan, _complains
from benchmarks.soak_checks import Check
from benchmarks.soak_people import BEST, CLICKS, Mail, Person, Tally

MAIL = b"""\
Message-ID: <1@soak>
Subject: Boats and bays
List-Unsubscribe: <http://127.0.0.1:1/u/token>
Content-Type: text/html

<a href="http://127.0.0.1:1/c/one">look</a> <a href="http://127.0.0.1:1/u/token">leave</a>
"""


def test_a_mail_after_the_answered_unsubscribe_is_found_and_one_that_nobody_can_leave_is_not():
    promo = Mail.read(MAIL, "p1@soak.example", 10.0)
    receipt = Mail.read(MAIL.replace(b"List-Unsubscribe", b"X-Other"), "p1@soak.example", 10.0)
    tally = Tally(mails=[promo, receipt])
    assert tally.late_mails() == []
    tally.left["p1"] = 9.9
    assert tally.late_mails() == [promo]


def test_a_mail_is_read_as_its_reader_sees_it():
    mail = Mail.read(MAIL, "p1@soak.example", 10.0)
    assert (mail.to, mail.subject, mail.links) == ("p1", "Boats and bays", ("http://127.0.0.1:1/c/one",))
    assert mail.leave == "http://127.0.0.1:1/u/token"


def test_each_taste_likes_another_message_and_a_person_is_the_same_every_time():
    for first, second in (("Boats and bays", "Huts and hills"), ("The tide is in", "The snow has gone")):
        assert CLICKS[first]["sea"] > CLICKS[second]["sea"]
        assert CLICKS[first]["hills"] < CLICKS[second]["hills"]
    assert all(arms["sea"] != arms["hills"] for arms in BEST.values())
    assert Person("p1").draw("click x") == Person("p1").draw("click x") != Person("p2").draw("click x")


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("03:41:39 tick   due 2 · entered 1 · decisions 1 · queued 1 · 0.0 s", False),
        ("03:41:39 tick   due 2 · errors 1 · 0.0 s", True),
        ("03:41:39 send   sent 3 (email 3) · failed 1", False),
        ("03:41:39 warn   deliver failed and will be tried again: OSError", True),
        ("Traceback (most recent call last):", True),
    ],
)
def test_what_counts_as_a_complaint_of_the_log(line, wrong):
    assert _complains(line) is wrong


def test_a_check_holds_only_what_is_equal():
    assert Check("x", {"a": 1}, {"a": 1}).ok
    assert not Check("x", 1, 2).ok


def test_nobody_signs_up_at_the_end(tmp_path):
    assert Plan(20, 10, tmp_path).entering == 20 * 60 - 150
    assert Plan(1, 10, tmp_path).entering == 30
