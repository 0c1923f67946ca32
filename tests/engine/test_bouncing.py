"""Mail that comes back: believed by its token alone, settled once, from wherever it lies."""

from __future__ import annotations

import random
import socket
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
import sqlalchemy as sa
from examples import examples

from channels.errors import ChannelMisconfigured, ChannelUnavailable
from channels.mail_settings import Imap
from channels.report_samples import samples
from engine.bouncing import Mailroom
from engine.mailboxes import split_mbox, take_imap, take_maildir
from engine.store.connect import reading, writing
from engine.store.reporting import Rules, totals
from engine.store.tables import addresses, contacts, decisions, deliveries, events, suppressions
from engine.tokens import Tokens

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FORGED = examples(80)
TOKENS, OTHERS = Tokens([b"a secret of this project"]), Tokens([b"a secret of somebody else"])
SAMPLES = {one.name: one for one in samples("BOX")}
HARD, SOFT, POLICY = "postfix, user unknown", "postfix, quota", "postfix, dnsbl"
DELAY, DELIVERED, COMPLAINT = "postfix, still trying", "postfix, delivered", "rfc 5965, the smallest"


def digest(channel: str, address: str) -> str:
    return sha256(f"{channel}:{address.lower()}".encode()).hexdigest()


def mail(name: str, key: str = "r1:1", tokens: Tokens = TOKENS) -> bytes:
    return SAMPLES[name].raw.replace(b"BOX", f"b+{tokens.mailbox('bounce', key)}@bounces.shop.test".encode())


@pytest.fixture
def room(store):
    """A mailroom beside one message that was handed over to ana."""
    with writing(store) as conn:
        row = {"attributes": {}, "consents": "promo news", "created_at": NOON, "updated_at": NOON}
        conn.execute(contacts.insert().values(id="ana", **row))
        conn.execute(addresses.insert().values(contact_id="ana", channel="email", address="ana@a.test", added_at=NOON))
        post(conn, "r1:1")
    return Mailroom(store, TOKENS, Rules(digest, timedelta(days=1)), lambda: NOON)


def post(conn, key: str, status: str = "sent", **changes) -> None:
    row = {
        "key": key, "contact_id": "ana", "journey": "welcome", "state": "hello", "message": "email/hello",
        "channel": "email", "topic": "promo", "transactional": False, "counted": True, "decided": True, "request": {},
        "status": status, "queued_at": NOON, "due_at": NOON, "next_at": None, "attempt": 0, "fence": 1, "owner": "w",
        "sent_at": NOON, "ended_at": NOON, "address": "ana@a.test",
    }  # fmt: skip
    conn.execute(deliveries.insert().values(row | changes))
    conn.execute(
        decisions.insert().values(
            key=key,
            contact_id="ana",
            journey="welcome",
            version="v1",
            state="hello",
            at=NOON,
            group="learner",
            arms=["a"],
            chances=[1.0],
            arm="a",
            propensity=1.0,
            u=0.5,
            policy="uniform",
            features="",
            cost=0.0,
            starts_at=NOON,
            closes_at=NOON + timedelta(days=1),
            status="pending",
            touched=False,
        )
    )


def column(room: Mailroom, which, *where):
    with reading(room.store) as conn:
        return conn.execute(sa.select(which).where(*where)).scalars().all()


def test_a_hard_bounce_kills_the_address_and_tells_the_journey(room):
    assert room.take([mail(HARD)]).counts == {"hard": 1}
    assert column(room, addresses.c.suppressed) == ["hard"]
    assert column(room, suppressions.c.digest) == [digest("email", "ana@a.test")]
    (event,) = column(room, events.c.data, events.c.name == "bounced")
    assert (event["class"], event["key"], event["journey"]) == ("hard", "r1:1", "welcome")
    assert column(room, deliveries.c.kind) == ["hard"]
    assert column(room, deliveries.c.status) == ["sent"]


def test_the_same_report_counts_once_however_often_it_comes(room):
    first = room.take([mail(HARD), mail(HARD)])
    again = room.take([mail(HARD), mail("gmail, no such user")])
    assert (first.counts, again.counts) == ({"hard": 1, "repeated": 1}, {"repeated": 2})
    assert len(column(room, events.c.id)) == 1


def test_a_soft_bounce_and_a_refusal_of_us_leave_the_address_alone(room):
    assert room.take([mail(SOFT)]).counts == {"soft": 1}
    with writing(room.store) as conn:
        post(conn, "r2:1")
    assert room.take([mail(POLICY, "r2:1")]).counts == {"policy": 1}
    assert column(room, addresses.c.suppressed) == [None]
    assert column(room, events.c.name) == []


def test_a_complaint_withdraws_every_topic_and_suppresses_the_address(room):
    assert room.take([mail(COMPLAINT)]).counts == {"complained": 1}
    assert column(room, contacts.c.consents) == [""]
    assert column(room, addresses.c.suppressed) == ["complaint"]
    assert column(room, events.c.name) == ["complained"]


def test_a_mail_to_the_unsubscribe_mailbox_withdraws_its_topic(room):
    box = f"u+{TOKENS.mailbox('leave', 'r1:1')}@bounces.shop.test"
    said = f"From: ana@a.test\r\nTo: <{box.upper()}>\r\nSubject: unsubscribe\r\n\r\n".encode()
    assert room.take([said.replace(b"U+", b"u+")]).counts == {"unsubscribed": 1}
    assert column(room, contacts.c.consents) == ["news"]
    assert column(room, addresses.c.suppressed) == [None]


@pytest.mark.parametrize(
    ("name", "status", "decision"),
    [(HARD, "failed", "void"), (SOFT, "failed", "void"), (DELAY, "sent", "open"), (DELIVERED, "sent", "open"),
     (COMPLAINT, "sent", "open")],
)  # fmt: skip
def test_a_message_in_doubt_is_settled_by_what_comes_back(room, name, status, decision):
    with writing(room.store) as conn:
        post(conn, "r2:1", "unknown")
    room.take([mail(name, "r2:1")])
    assert column(room, deliveries.c.status, deliveries.c.key == "r2:1") == [status]
    assert column(room, decisions.c.status, decisions.c.key == "r2:1") == [decision]


def test_forged_reports_change_nothing_and_are_counted(room):
    draw = random.Random(8)
    speaking = [s for s in SAMPLES.values() if s.what not in ("other", "auto_reply")]
    forged = []
    for n in range(FORGED):
        key = f"r{draw.randrange(3)}:{draw.randrange(3)}"
        raw = draw.choice(speaking).raw
        token = draw.choice([
            OTHERS.mailbox("bounce", key), TOKENS.mailbox("leave", key), "a" * 16 + "r1-1", f"{'b' * 16}r1-{n}",
            (TOKENS.mailbox("bounce", "r1:1") or "")[:-1] + "2",
        ])  # fmt: skip
        forged.append(raw.replace(b"BOX", f"b+{token}@bounces.shop.test".encode()))
    found = room.take(forged)
    assert found.counts == {"forged": FORGED}
    assert column(room, addresses.c.suppressed) == [None]
    assert column(room, contacts.c.consents) == ["promo news"]
    assert column(room, events.c.id) == []
    with reading(room.store) as conn:
        assert totals(conn, NOON) == {"forged": FORGED}


def test_absences_and_answers_of_people_are_no_bounces(room):
    names = [name for name, one in SAMPLES.items() if one.what in ("auto_reply", "other")]
    found = room.take([mail(name) for name in names])
    assert set(found.counts) == {"auto_reply", "other"}
    assert column(room, deliveries.c.kind) == [""]


def test_a_report_on_a_message_that_is_not_known_any_more_does_nothing(room):
    assert room.take([mail(HARD, "gone:1")]).counts == {"repeated": 1}


def test_a_maildir_is_emptied_into_its_read_folder(room, tmp_path):
    (tmp_path / "new").mkdir()
    for n, name in enumerate((HARD, COMPLAINT)):
        (tmp_path / "new" / f"{n}.eml").write_bytes(mail(name))
    assert take_maildir(room, tmp_path).counts == {"hard": 1, "complained": 1}
    assert list((tmp_path / "new").iterdir()) == []
    assert sorted(path.name for path in (tmp_path / "cur").iterdir()) == ["0.eml:2,S", "1.eml:2,S"]
    assert take_maildir(room, tmp_path).mails == 0
    with pytest.raises(ChannelMisconfigured, match="no Maildir"):
        take_maildir(room, tmp_path / "cur")


def test_an_mbox_is_cut_into_its_mails():
    text = b"From a@b Mon\r\nSubject: one\r\n\r\n>From here on\r\n\r\nFrom c@d Tue\r\nSubject: two\r\n\r\nx\r\n"
    assert list(split_mbox(text)) == [b"Subject: one\r\n\r\nFrom here on", b"Subject: two\r\n\r\nx\r\n"]
    assert list(split_mbox(b"Subject: one\r\n\r\nFrom me")) == [b"Subject: one\r\n\r\nFrom me"]


class ImapServer:
    """As much of RFC 3501 as a reader of a mailbox needs."""

    def __init__(self, mails: list[bytes]) -> None:
        self.mails, self.seen = mails, set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                with sock, sock.makefile("rwb") as wire:
                    self._talk(wire)

    def _talk(self, wire) -> None:
        def say(text: bytes) -> None:
            wire.write(text + b"\r\n")
            wire.flush()

        say(b"* OK IMAP4rev1 ready")
        while line := wire.readline():
            tag, verb, *rest = line.decode().split()
            command = f"{verb} {rest[0]}" if verb == "UID" else verb
            if command == "LOGIN" and rest[1] != '"right"':
                say(f"{tag} NO wrong".encode())
                continue
            if command == "CAPABILITY":
                say(b"* CAPABILITY IMAP4rev1")
            elif command == "UID SEARCH":
                say(
                    f"* SEARCH {' '.join(str(n) for n in range(1, len(self.mails) + 1) if n not in self.seen)}".encode()
                )
            elif command == "UID FETCH":
                for n in map(int, rest[1].split(",")):
                    content = self.mails[n - 1]
                    say(f"* {n} FETCH (UID {n} BODY[] {{{len(content)}}}".encode() + b"\r\n" + content + b")")
            elif command == "UID STORE":
                self.seen.update(map(int, rest[1].split(",")))
            say(f"{tag} OK done".encode())
            if command == "LOGOUT":
                return


def test_a_mailbox_behind_imap_is_read_and_marked(room):
    server = ImapServer([mail(HARD), mail(COMPLAINT)])
    box = Imap("127.0.0.1", "bounces", "right", server.port, tls=False)
    assert take_imap(room, box).counts == {"hard": 1, "complained": 1}
    assert server.seen == {1, 2}
    assert take_imap(room, box).mails == 0
    with pytest.raises(ChannelMisconfigured, match="refused user"):
        take_imap(room, Imap("127.0.0.1", "bounces", "wrong", server.port, tls=False))
    server.listener.close()


def test_a_mailbox_that_does_not_answer_is_one_clear_error(room):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ChannelUnavailable, match="does not answer"):
        take_imap(room, Imap("127.0.0.1", "bounces", "x", port, tls=False))
