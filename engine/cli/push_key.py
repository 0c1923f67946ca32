"""`sojourn config push-key`: a new key pair for web push. It is printed, never stored."""

from __future__ import annotations

from engine.cli.answer import Answer


def push_key() -> Answer:
    """Make a VAPID key pair: the private half for sojourn.yaml, the public half for the page that subscribes."""
    from channels.webpush import generate_vapid_key

    private, public = generate_vapid_key()
    lines = [
        f"private   {private}",
        f"public    {public}",
        "Give the private key to sojourn as VAPID_KEY (channels.push.key); keep it: with another key every",
        "subscription is lost. The public key is the applicationServerKey of the page on which people subscribe.",
    ]
    return Answer({"private": private, "public": public}, lines)
