"""What the settings of a mail channel say beside its relay: signatures, where bounces go, who keeps count of copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from channels.dkim import DOMAIN, KeyRefused, Signer, signer
from channels.errors import ChannelMisconfigured

UNKNOWN = ("hold", "resend", "resolve")


@dataclass(frozen=True, slots=True)
class Imap:
    """A mailbox that is read over IMAP."""

    host: str
    user: str
    password: str = field(default="", repr=False)
    port: int = 993
    folder: str = "INBOX"
    tls: bool = True


@dataclass(frozen=True, slots=True)
class MailSettings:
    """`bounces`: the domain of return paths ("": none of our own); `maildir` and `imap`: where their mail is kept."""

    signers: tuple[Signer, ...] = ()
    bounces: str = ""
    maildir: str = ""
    imap: Imap | None = None
    idempotency_header: str = ""
    on_unknown: str = "hold"

    @property
    def resends(self) -> bool:
        """Return whether a message in doubt goes out once more.

        `resolve` asks the relay, and there is one way to ask: the relay drops a second copy by its header.
        """
        return self.on_unknown == "resend" or (self.on_unknown == "resolve" and bool(self.idempotency_header))


def mail_settings(name: str, settings: Mapping[str, Any]) -> MailSettings:
    """Read the settings; raises ChannelMisconfigured with the setting and the way out."""
    on_unknown = str(settings.get("on_unknown") or "hold")
    if on_unknown not in UNKNOWN:
        raise ChannelMisconfigured(name, f"set channels.{name}.on_unknown to hold, resend or resolve, not {on_unknown}")
    bounces = settings.get("bounces") or {}
    some = bounces if isinstance(bounces, Mapping) else {"domain": bounces}
    return MailSettings(
        signers=_signers(name, settings.get("dkim")),
        bounces=_domain(name, some),
        maildir=str(some.get("maildir") or ""),
        imap=_imap(name, some.get("imap")),
        idempotency_header=str(settings.get("idempotency_header") or ""),
        on_unknown=on_unknown,
    )


def _signers(name: str, said: Any) -> tuple[Signer, ...]:
    """Return a signer for each key: one mapping, or a list of them (RSA beside Ed25519)."""
    if not said:
        return ()
    found = []
    for one in said if isinstance(said, list) else [said]:
        if not isinstance(one, Mapping):
            raise ChannelMisconfigured(name, f"channels.{name}.dkim is {{domain, selector, key}}")
        missing = [key for key in ("domain", "selector", "key") if not one.get(key)]
        if missing:
            raise ChannelMisconfigured(name, f"set channels.{name}.dkim.{missing[0]}; `sojourn config dkim-key` helps")
        try:
            found.append(signer(str(one["domain"]), str(one["selector"]), str(one["key"])))
        except KeyRefused as error:
            raise ChannelMisconfigured(name, f"channels.{name}.dkim.{error}") from None
    return tuple(found)


def _domain(name: str, said: Mapping[str, Any]) -> str:
    domain = str(said.get("domain") or "").lower()
    if not domain and said:
        raise ChannelMisconfigured(
            name, f"set channels.{name}.bounces.domain to the domain whose mail comes back to us"
        )
    if domain and DOMAIN.fullmatch(domain) is None:
        raise ChannelMisconfigured(name, f"channels.{name}.bounces: {domain!r} is not a domain")
    return domain


def _imap(name: str, said: Any) -> Imap | None:
    if not said:
        return None
    where = f"channels.{name}.bounces.imap"
    if not isinstance(said, Mapping) or not said.get("host") or not said.get("user"):
        raise ChannelMisconfigured(name, f"{where} needs host, user and password")
    port = said.get("port") or 993
    if not isinstance(port, int) or not 0 < port < 65536:
        raise ChannelMisconfigured(name, f"{where}.port is a number, not {port!r}")
    return Imap(
        host=str(said["host"]),
        user=str(said["user"]),
        password=str(said.get("password") or ""),
        port=port,
        folder=str(said.get("folder") or "INBOX"),
        tls=said.get("tls") is not False,
    )
