"""Encryption, certificates and passwords, against a real mail server."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from channels.channel import Envelope, Receipt
from channels.errors import ChannelMisconfigured
from channels.smtp import SmtpChannel
from channels.smtp_line import SmtpSettings, Timeouts

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::ResourceWarning")
MAIL = Envelope("k", "ana@x.test", b"Subject: Hi\r\n\r\n.x\r\n", "b@acme.test")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    today = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    place = tmp_path_factory.mktemp("certificate") / "relay.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    place.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return place


@dataclass
class Inbox:
    mails: list[Any] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the server's name for it
        self.mails.append((session, envelope))
        return "250 2.0.0 kept as 9"


@dataclass
class Running:
    inbox: Inbox
    settings: SmtpSettings

    def send(self, **changes: Any) -> list[Receipt]:
        channel = SmtpChannel(replace(self.settings, **changes))
        try:
            return list(channel.send([MAIL], frozenset))
        finally:
            channel.close()


def let_in(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (b"shop", b"secret"), handled=False)


def running(certificate: Path, *, tls: bool = False, starttls: bool = True) -> Iterator[Running]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    inbox, options = Inbox(), {"authenticator": let_in, "auth_require_tls": starttls and not tls}
    how = {"ssl_context": context} if tls else {"tls_context": context} if starttls else {}
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port(), **how, **options)
    controller.start()
    port = controller.port
    timeouts = Timeouts(connect=5, reply=5, data=5, write=5, after_dot=5)
    yield Running(
        inbox, SmtpSettings("localhost", port, connections=1, ca_file=str(certificate), tls=tls, timeouts=timeouts)
    )
    controller.stop()


@pytest.fixture
def relay(certificate: Path) -> Iterator[Running]:
    yield from running(certificate)


@pytest.fixture
def plain(certificate: Path) -> Iterator[Running]:
    yield from running(certificate, starttls=False)


@pytest.fixture
def implicit(certificate: Path) -> Iterator[Running]:
    yield from running(certificate, tls=True)


def test_starttls_and_login_carry_the_message(relay: Running) -> None:
    (answer,) = relay.send(user="shop", password="secret", starttls="required")
    assert (answer.status, answer.detail) == ("sent", "250 2.0.0 kept as 9")
    ((session, envelope),) = relay.inbox.mails
    assert session.ssl is not None
    assert session.authenticated
    assert (envelope.mail_from, envelope.rcpt_tos, envelope.content) == ("b@acme.test", ["ana@x.test"], MAIL.body)


def test_implicit_tls_carries_the_message(implicit: Running) -> None:
    assert [r.status for r in implicit.send(user="shop", password="secret")] == ["sent"]


def test_a_large_message_passes_through_tls(relay: Running) -> None:
    channel = SmtpChannel(relay.settings)
    body = b"Subject: big\r\n\r\n" + (b"x" * 70 + b"\r\n") * 20_000
    assert [r.status for r in channel.send([replace(MAIL, body=body)], frozenset)] == ["sent"]
    channel.close()
    assert relay.inbox.mails[0][1].content == body


def test_a_certificate_that_is_not_trusted_names_the_setting(relay: Running) -> None:
    with pytest.raises(ChannelMisconfigured, match="ca_file"):
        relay.send(ca_file="")
    with pytest.raises(ChannelMisconfigured, match="ca_file"):
        relay.send(ca_file="/nowhere.pem")


def test_a_wrong_password_names_the_setting(relay: Running) -> None:
    with pytest.raises(ChannelMisconfigured, match=r"channels\.email\.user and \.password"):
        relay.send(user="shop", password="wrong")


def test_a_relay_without_starttls_is_refused_when_it_is_required(plain: Running) -> None:
    with pytest.raises(ChannelMisconfigured, match="starttls"):
        plain.send(starttls="required")
    assert [r.status for r in plain.send(starttls="auto")] == ["sent"]


def test_a_relay_without_login_says_so(certificate: Path) -> None:
    controller = Controller(Inbox(), hostname="127.0.0.1", port=free_port())
    controller.start()
    port = controller.port
    channel = SmtpChannel(SmtpSettings("127.0.0.1", port, user="shop", password="x"))
    with pytest.raises(ChannelMisconfigured, match="asks for no password"):
        list(channel.send([MAIL], frozenset))
    channel.close()
    controller.stop()
