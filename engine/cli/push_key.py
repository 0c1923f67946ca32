"""`sojourn config push-key`: a new key pair for web push. It is printed, never stored."""

from __future__ import annotations

import typer

from engine.cli.answer import Answer
from engine.cli.session import Session

WAY_ON = """\
Set VAPID_KEY to the private key (channels.push.key), and keep it: with another key every subscription is lost.
The public key is the applicationServerKey of the page on which people subscribe."""


def push_key(ctx: typer.Context) -> Answer:
    """Make a VAPID key pair: the private half for sojourn.yaml, the public half for the page that subscribes."""
    from channels.webpush import generate_vapid_key

    session: Session = ctx.obj
    private, public = generate_vapid_key()
    if not session.speaks_json:
        session.note(WAY_ON)
    return Answer({"private": private, "public": public}, [f"private  {private}", f"public   {public}"])
