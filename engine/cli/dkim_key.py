"""`sojourn config dkim-key`: a new key that signs mail, and the DNS record that holds its other half."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.session import Session
from engine.errors import ConfigError

WAY_ON = """\
Publish the record, then set in sojourn.yaml, under channels.email:
  dkim: {{domain: {domain}, selector: {selector}, key: "${{file:{file}}}"}}
Keep the private key to yourself; for a new one take a new selector, and leave the old record for a week."""


def dkim_key(
    ctx: typer.Context,
    *,
    domain: Annotated[str, typer.Option(metavar="D", help="Default: that of channels.email.from.")] = "",
    selector: Annotated[str, typer.Option(metavar="S", help="The record's first label.")] = "sojourn1",
    ed25519: Annotated[bool, typer.Option("--ed25519", help="Small and fast; not everybody verifies it yet.")] = False,
    output: Annotated[Path | None, typer.Option("-o", metavar="FILE", help="Write the private key here.")] = None,
) -> Answer:
    """Make a DKIM key pair: the private half for sojourn.yaml, the public half for the DNS of the sender's domain."""
    from channels.dkim import KeyRefused, generate, record, signer, zone_line

    session: Session = ctx.obj
    domain = domain or _own_domain(session)
    pem = generate("ed25519" if ed25519 else "rsa")
    try:
        made = signer(domain, selector, pem)
    except KeyRefused as error:
        raise WrongUse(f"--{error}") from None
    if output is not None:
        _write(output, pem)
    name, text = record(made)
    if not session.speaks_json:
        session.note(WAY_ON.format(domain=made.domain, selector=selector, file=output or "dkim.pem"))
    data = {"domain": made.domain, "selector": selector, "record": name, "text": text, "file": output}
    private = [] if output is not None else pem.splitlines()
    told = [f"wrote {output}"] if output is not None else []
    return Answer(data | ({} if output else {"private": pem}), [*private, *told, zone_line(made)])


def _own_domain(session: Session) -> str:
    """Return the domain that the project writes from."""
    from channels.mime import split

    try:
        sender = str(session.project().channels.get("email", {}).get("from") or "")
    except ConfigError:
        sender = ""
    domain = split(sender)[1].rpartition("@")[2]
    if not domain:
        raise WrongUse("for which domain? write --domain shop.example, or set channels.email.from in sojourn.yaml")
    return domain


def _write(file: Path, pem: str) -> None:
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise WrongUse(f"{file} is there already, and a key is never written over; name another file") from None
    with os.fdopen(handle, "w", encoding="ascii") as out:
        out.write(pem)
