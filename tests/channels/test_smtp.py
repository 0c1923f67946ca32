"""Every answer and every silence of a mail server has one meaning."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from channels import smtp
from channels.channel import Envelope, Receipt
from channels.errors import ChannelUnavailable
from channels.smtp import SmtpChannel
from channels.smtp_answers import Reply, receipt, retry_in
from channels.smtp_line import SmtpSettings, Timeouts
from channels.smtp_pool import START

BODY = b"Subject: Hi\r\n\r\n.dots\r\n..\r\nend\r\n"
TIMEOUTS = Timeouts(connect=2, reply=0.15, data=0.15, write=0.15, after_dot=0.15)  # where a stall is meant
PATIENT = Timeouts(connect=10, reply=10, data=10, write=10, after_dot=10)


@dataclass
class Relay:
    """A mail server whose answer to each message is written in the address: `stage-action-...@x.test`."""

    pipelining: bool = True
    greeting: str = "220 relay"
    accepted: list[tuple[str, bytes]] = field(default_factory=list)
    verbs: list[str] = field(default_factory=list)
    connections: int = 0
    log: list[str] = field(default_factory=list)
    live: list[socket.socket] = field(default_factory=list)
    most: int = 10_000  # connections at a time; one more is told to go away
    per_connection: int = 10_000  # messages after which the server hangs up

    def __post_init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections += 1
                self.live.append(sock)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), sock, sock.makefile("rb") as reader:
            if sum(other.fileno() >= 0 for other in self.live) > self.most:
                self._say(sock, "421 4.7.0 too many connections")
                return
            self._say(sock, self.greeting)
            to, mails = "", 0
            while line := reader.readline():
                verb = line.decode().split()[0].upper()
                self.verbs.append(verb)
                if verb == "EHLO":
                    self._say(sock, "250-relay\r\n250-PIPELINING" if self.pipelining else "250-relay")
                    self._say(sock, "250 8BITMIME")
                elif verb == "RCPT":
                    to = line.decode().partition("<")[2].partition(">")[0]
                    self._do(sock, to, "rcpt", "250 2.1.5 ok")
                elif verb == "DATA":
                    if self._do(sock, to, "data", "354 go"):
                        content = self._content(reader)
                        if self._do(sock, to, "dot", "250 2.0.0 queued as 77", accepted=(to, content)):
                            mails += 1
                    if mails >= self.per_connection:
                        return
                elif verb == "MAIL":
                    self._say(sock, "250 ok")
                else:
                    self._say(sock, "250 ok")

    def _content(self, reader: object) -> bytes:
        lines = []
        while (line := reader.readline()) not in {b".\r\n", b""}:  # type: ignore[attr-defined]
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def _do(self, sock: socket.socket, to: str, stage: str, usual: str, accepted: object = None) -> bool:
        """Follow the script in the address; True when the dialogue goes its usual way."""
        where, _, action = to.partition("@")[0].partition("--")
        if where != stage:
            if accepted:
                self.accepted.append(accepted)  # type: ignore[arg-type]
            self._say(sock, usual)
            return True
        if action == "drop":
            sock.shutdown(socket.SHUT_RDWR)
            raise OSError("dropped")
        if action == "accept-drop":
            self.accepted.append(accepted)  # type: ignore[arg-type]
            sock.shutdown(socket.SHUT_RDWR)
            raise OSError("dropped")
        if action == "stall":
            time.sleep(0.2)
            raise OSError("stalled")
        self._say(sock, action.replace("_", " "))
        if action.startswith("421"):
            raise OSError("closing")
        return False

    def _say(self, sock: socket.socket, text: str) -> None:
        self.log.append(text)
        sock.sendall(f"{text}\r\n".encode())

    def close(self) -> None:
        for sock in [self.listener, *self.live]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


@pytest.fixture(params=[True, False], ids=["pipelining", "step by step"])
def relay(request: pytest.FixtureRequest) -> Iterator[Relay]:
    made = Relay(pipelining=request.param)
    yield made
    made.close()


@pytest.fixture
def channel(relay: Relay) -> Iterator[SmtpChannel]:
    made = SmtpChannel(settings(relay, connections=1))
    yield made
    made.close()


def settings(relay: Relay, connections: int = 4, timeouts: Timeouts = PATIENT) -> SmtpSettings:
    return SmtpSettings("127.0.0.1", relay.port, connections=connections, hello="sojourn.test", timeouts=timeouts)


def everything(keys: Sequence[str]) -> frozenset[str]:
    return frozenset(keys)


def envelope(local: str, key: str = "") -> Envelope:
    return Envelope(key or local, f"{local}@x.test", BODY, "bounce@acme.test")


def send(channel: SmtpChannel, *locals_: str, intend: Callable[..., frozenset[str]] = everything) -> list[Receipt]:
    return list(channel.send([envelope(local, f"{n}:{local}") for n, local in enumerate(locals_)], intend))


TABLE = [
    ("ana", "sent", ""),
    ("rcpt--450_4.7.1_greylisted", "deferred", ""),
    ("rcpt--451_try_later", "deferred", ""),
    ("rcpt--452_4.2.2_mailbox_full", "deferred", "soft"),
    ("rcpt--421_4.7.0_busy", "deferred", ""),
    ("rcpt--550_5.1.1_unknown", "failed", "hard"),
    ("rcpt--550_5.1.2_bad_domain", "failed", "hard"),
    ("rcpt--550_5.1.6_moved", "failed", "hard"),
    ("rcpt--556_5.1.10_null_mx", "failed", "hard"),
    ("rcpt--550_5.2.1_disabled", "failed", "hard"),
    ("rcpt--550_No_such_user_here", "failed", "hard"),
    ("rcpt--550_no", "failed", "soft"),
    ("rcpt--552_5.2.2_full", "failed", "soft"),
    ("rcpt--550_5.7.1_blocked", "failed", "policy"),
    ("rcpt--550_5.7.515_not_authenticated", "failed", "policy"),
    ("rcpt--554_client_blocked_using_zen.spamhaus.org", "failed", "policy"),
    ("rcpt--554_5.0.0_relay_access_denied", "failed", "policy"),
    ("rcpt--550_5.4.4_host_not_found", "failed", "hard"),
    ("rcpt--550_mailbox_over_quota", "failed", "soft"),
    ("rcpt--421_4.7.28_unusual_rate_of_mail", "deferred", ""),
    ("rcpt--530_5.7.0_log_in_first", "deferred", "config"),
    ("rcpt--drop", "deferred", ""),
    ("rcpt--stall", "deferred", ""),
    ("data--451_4.3.0_later", "deferred", ""),
    ("data--554_5.7.1_no", "failed", "policy"),
    ("data--554_no", "failed", "content"),
    ("data--552_5.3.4_too_large", "failed", "content"),
    ("data--drop", "deferred", ""),
    ("data--stall", "deferred", ""),
    ("dot--452_4.3.1_storage", "deferred", ""),
    ("dot--421_shutting_down", "deferred", ""),
    ("dot--554_5.6.0_content", "failed", "content"),
    ("dot--550_5.1.1_unknown", "failed", "hard"),
    ("dot--550_5.7.1_spam", "failed", "policy"),
    ("dot--drop", "unknown", ""),
    ("dot--accept-drop", "unknown", ""),
    ("dot--stall", "unknown", ""),
    ("dot--hello", "unknown", ""),
]


@pytest.mark.parametrize(("local", "status", "kind"), TABLE)
def test_an_answer_means(relay: Relay, local: str, status: str, kind: str) -> None:
    channel = SmtpChannel(settings(relay, connections=1, timeouts=TIMEOUTS if "stall" in local else PATIENT))
    (first, second) = send(channel, local, "next")
    channel.close()
    assert (first.status, first.kind) == (status, kind), first
    assert second.status == "sent", second


@pytest.mark.parametrize(
    ("words", "block"),
    [
        ("550 5.7.515 Access denied, sending domain does not meet the required authentication level", "sure"),
        ("550 5.7.26 unauthenticated", "sure"),
        ("550 5.7.1 blocked", "maybe"),
        ("421 4.7.0 too many connections", "maybe"),
        ("550 5.1.1 unknown", ""),
        ("450 4.2.0 greylisted", ""),
        ("552 5.2.2 full", ""),
    ],
)
def test_it_is_known_whether_we_or_the_reader_were_refused(words: str, block: str) -> None:
    code, _, text = words.partition(" ")
    assert receipt("k", "rcpt", Reply(int(code), text)).block == block


@pytest.mark.parametrize(
    ("words", "wait"),
    [
        ("try again in 5 minutes", timedelta(minutes=5)),
        ("please retry after 90 seconds", timedelta(seconds=90)),
        ("greylisted for 300s", timedelta(minutes=5)),
        ("come back in 2 hours", timedelta(hours=2)),
        ("in 5 sec", timedelta(minutes=1)),
        ("in 99999 hours", timedelta(days=1)),
        ("later", None),
    ],
)
def test_a_time_to_try_again_is_read_and_kept_within_reason(words: str, wait: timedelta | None) -> None:
    assert retry_in(words) == wait


def test_the_servers_words_are_kept(channel: SmtpChannel) -> None:
    (answer,) = send(channel, "rcpt--550_5.1.1_unknown")
    assert answer.detail == "550 5.1.1 unknown"


def test_a_server_that_names_a_time_is_believed(channel: SmtpChannel) -> None:
    (answer,) = send(channel, "rcpt--450_try_again_in_90_seconds")
    assert answer.retry_in == timedelta(seconds=90)


def test_the_message_arrives_byte_for_byte(channel: SmtpChannel, relay: Relay) -> None:
    odd = Envelope("k", "ana@x.test", b".\r\n..\r\n\n.\nbare\rends", "b+tok@acme.test")
    assert [r.status for r in channel.send([odd], everything)] == ["sent"]
    assert relay.accepted == [("ana@x.test", b".\r\n..\r\n\r\n.\r\nbare\r\nends\r\n")]


def test_a_null_sender_is_allowed_and_a_bad_address_never_leaves(channel: SmtpChannel, relay: Relay) -> None:
    good = Envelope("good", "ana@x.test", BODY)
    bad = Envelope("bad", "ana@x.test>\r\nRCPT TO:<eve@x.test", BODY)
    assert {r.key: (r.status, r.kind) for r in channel.send([bad, good], everything)} == {
        "bad": ("failed", "hard"),
        "good": ("sent", ""),
    }
    assert [to for to, _ in relay.accepted] == ["ana@x.test"]


def test_nothing_leaves_before_its_intent(channel: SmtpChannel, relay: Relay) -> None:
    def intend(keys: Sequence[str]) -> frozenset[str]:
        assert "DATA" not in relay.verbs
        assert len(relay.accepted) == 0
        return frozenset(keys)

    assert [r.status for r in send(channel, "ana", intend=intend)] == ["sent"]


def test_a_withheld_message_is_not_sent_and_the_line_goes_on(channel: SmtpChannel, relay: Relay) -> None:
    answers = send(channel, "ana", "bob", intend=lambda keys: frozenset(k for k in keys if "bob" in k))
    assert [r.status for r in answers] == ["withheld", "sent"]
    assert [to for to, _ in relay.accepted] == ["bob@x.test"]
    assert relay.connections == 1


def test_ready_lines_share_one_intent(relay: Relay) -> None:
    groups = []

    def intend(keys: Sequence[str]) -> frozenset[str]:
        groups.append(len(keys))
        return frozenset(keys)

    channel = SmtpChannel(settings(relay))
    answers = send(channel, *["ana"] * 4, intend=everything)
    answers += send(channel, *["ana"] * 40, intend=intend)
    channel.close()
    assert Counter(r.status for r in answers) == {"sent": 44}
    assert len(groups) < 40
    assert relay.connections <= 4


def test_a_stalled_line_does_not_stop_the_others(relay: Relay) -> None:
    slow = Timeouts(connect=2, reply=0.19, data=0.19, write=0.19, after_dot=0.19)
    channel = SmtpChannel(settings(relay, connections=2, timeouts=slow))
    order = [r.key for r in channel.send([envelope("dot--stall"), *(envelope(f"n{n}") for n in range(20))], everything)]
    channel.close()
    assert order[-1] == "dot--stall"


def test_connections_are_kept_between_batches(channel: SmtpChannel, relay: Relay) -> None:
    for _ in range(3):
        send(channel, "ana", "bob")
    assert relay.connections == 1


def test_a_kept_connection_that_died_is_opened_anew_once(channel: SmtpChannel, relay: Relay) -> None:
    relay.per_connection = 1
    answers = send(channel, "ana", "bob", "eve") + send(channel, "ann")
    assert [r.status for r in answers] == ["sent"] * 4
    assert relay.connections == 4
    assert len(relay.accepted) == 4


def test_a_refusal_right_after_a_reset_is_asked_again_on_a_fresh_line(channel: SmtpChannel, relay: Relay) -> None:
    send(channel, "rcpt--550_5.1.1_unknown")
    (answer,) = send(channel, "rcpt--550_no")
    assert (answer.status, answer.kind, relay.connections) == ("failed", "soft", 2)


def test_a_relay_that_is_not_there_stops_the_batch() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    channel = SmtpChannel(SmtpSettings("127.0.0.1", port, timeouts=TIMEOUTS))
    with pytest.raises(ChannelUnavailable, match="does not answer"):
        send(channel, "ana")
    channel.close()


@pytest.mark.parametrize("greeting", ["421 too many connections", "554 go away", "hello"])
def test_a_relay_that_greets_with_a_refusal_stops_the_batch(relay: Relay, channel: SmtpChannel, greeting: str) -> None:
    relay.greeting = greeting
    with pytest.raises(ChannelUnavailable):
        send(channel, "ana")


def test_a_relay_that_dies_in_the_middle_defers_the_rest(channel: SmtpChannel, relay: Relay) -> None:
    send(channel, "ana")
    relay.listener.shutdown(socket.SHUT_RDWR)
    relay.per_connection = 1
    answers = send(channel, "bob", "eve", "ann")
    assert [r.status for r in answers] == ["sent", "deferred", "deferred"]


def test_an_interrupted_batch_leaves_no_line_in_the_middle(channel: SmtpChannel) -> None:
    def broken(keys: Sequence[str]) -> frozenset[str]:
        raise RuntimeError("the database is gone")

    with pytest.raises(RuntimeError, match="database"):
        send(channel, "ana", intend=broken)
    assert [line.phase for line in channel.lines] == []
    assert [r.status for r in send(channel, "ana")] == ["sent"]


def test_a_relay_that_wants_few_connections_is_believed_and_nobody_waits_for_it(relay: Relay) -> None:
    relay.most = 2
    channel = SmtpChannel(settings(relay, connections=6))
    answers = send(channel, *["ana"] * 30)
    assert Counter(r.status for r in answers) == {"sent": 30}
    assert 1 <= len(channel.lines) <= 2
    assert channel.pool.most <= 2
    channel.close()


def test_a_far_relay_gets_more_lines_and_a_near_one_keeps_few(relay: Relay) -> None:
    near = SmtpChannel(settings(relay, connections=20))
    send(near, *["ana"] * 40)
    assert len(near.lines) <= near.pool.needed <= 20
    pool = near.pool
    for _ in range(50):
        pool.measured(reply=0.2, own=0.01)
    assert pool.needed == 20
    for _ in range(50):
        pool.measured(reply=0.001, own=0.01)
    assert pool.needed == START
    near.close()


def test_lines_that_nobody_needs_any_more_are_closed(relay: Relay) -> None:
    channel = SmtpChannel(settings(relay, connections=20))
    for _ in range(50):
        channel.pool.measured(reply=1.0, own=0.01)
    send(channel, *["ana"] * 60)
    for _ in range(200):
        channel.pool.measured(reply=0.0, own=0.01)
    send(channel, "ana")
    assert len(channel.lines) <= START
    channel.close()


def test_a_long_wait_is_told_to_whoever_holds_the_claim(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "PULSE", 0.03)
    asked: list[int] = []

    def intend(keys: Sequence[str]) -> frozenset[str]:
        asked.append(len(keys))
        return frozenset(keys)

    channel = SmtpChannel(settings(relay, connections=1, timeouts=TIMEOUTS))
    (answer,) = send(channel, "dot--stall", intend=intend)
    channel.close()
    assert answer.status == "unknown"
    assert asked[0] == 1
    assert 0 in asked[1:]


def test_messages_that_are_withheld_in_the_middle_of_a_batch_are_never_asked_for(relay: Relay) -> None:
    channel = SmtpChannel(settings(relay, connections=1))
    answers = []
    for answer in channel.send([envelope("rcpt--550_5.7.1_no"), *(envelope(f"n{n}") for n in range(9))], everything):
        answers.append(answer)
        channel.withhold(frozenset(f"n{n}" for n in range(2, 9)))
    channel.close()
    assert Counter(a.status for a in answers) == {"failed": 1, "sent": 2, "withheld": 7}
    assert len(relay.accepted) == 2
