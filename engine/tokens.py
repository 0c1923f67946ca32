"""Signed tokens for the links in a message: who may click, unsubscribe, choose topics, read it again.

Rules
- A token carries the send key and a link number, never an address or a destination; those are looked up.
- One secret signs, all of them verify, so links in old mail outlive a rotation; tokens never expire.
- Each purpose signs for itself: a click token can never unsubscribe anybody.
- A token is read by making it again and comparing, so exactly one text is valid for each key and link.
- Mailboxes have names of at most 64 characters, and some programs write them in small letters: the tokens of return
  paths are shorter, and of small letters, digits, "-" and "_" alone.
- Layout: 24 characters of base64url (16 bytes of MAC, one for the step, one for the link), then the enrollment id as
  it is: 40 characters for the usual key. Longer numbers and unusual ids follow in longer forms.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from base64 import b32decode, b32encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from hmac import compare_digest
from pathlib import Path
from typing import Final

from engine.errors import ConfigError

SECRET_FILE: Final = Path(".sojourn") / "secret"
LONGEST: Final = 400  # characters of a token; anything longer is not ours
_SHORTEST_SECRET: Final = 16  # characters; a secret that people typed
_HEAD: Final = 24
_WIDE: Final = 254  # the step byte says: both numbers follow in eight more characters
_TEXT: Final = 255  # the step byte says: the rest is the whole key in base64url
_MAILBOX: Final = 62  # characters that fit behind "b+"
_SEAL: Final = 16  # characters of base32: 80 bits of MAC
_PURPOSES: Final = ("click", "unsubscribe", "preferences", "view", "bounce", "leave", "confirm", "open", "survey")

_Purposes = Mapping[str, "blake2b"]


class Tokens:
    """Makes and reads tokens; the first secret signs, every one of them verifies."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        if not secrets:
            raise ConfigError("no secret to sign links with; run `sojourn init`, or set `secret` in sojourn.yaml")
        self._signers = [_signers(secret) for secret in secrets]

    def click(self, key: str, n: int) -> str:
        """Return the token of link number `n` of the message with this send key."""
        return _make(self._signers[0]["click"], key, n)

    def unsubscribe(self, key: str) -> str:
        """Return the token that withdraws the topic of this message."""
        return _make(self._signers[0]["unsubscribe"], key, 0)

    def preferences(self, key: str) -> str:
        """Return the token of the topic list of the person this message went to."""
        return _make(self._signers[0]["preferences"], key, 0)

    def view(self, key: str) -> str:
        """Return the token that shows this message in a browser."""
        return _make(self._signers[0]["view"], key, 0)

    def confirm(self, key: str) -> str:
        """Return the token that says yes to what the mail with this key asks."""
        return _make(self._signers[0]["confirm"], key, 0)

    def read_click(self, token: str) -> tuple[str, int] | None:
        """Return (send key, link number), None unless we made the token for a click."""
        return self._read("click", token)

    def read_unsubscribe(self, token: str) -> str | None:
        """Return the send key, None unless we made the token to unsubscribe."""
        return self._key("unsubscribe", token)

    def read_preferences(self, token: str) -> str | None:
        """Return the send key, None unless we made the token for the topic list."""
        return self._key("preferences", token)

    def read_view(self, token: str) -> str | None:
        """Return the send key, None unless we made the token to show the message."""
        return self._key("view", token)

    def mailbox(self, purpose: str, key: str) -> str | None:
        """Return the token for a mailbox's name: `bounce` (return path) or `leave` (unsubscribing by mail).

        None: the key is too long for one.
        """
        token = _make_mailbox(self._signers[0][purpose], key)
        return token if len(token) <= _MAILBOX else None

    def read_mailbox(self, purpose: str, token: str) -> str | None:
        """Return the send key, None unless we made the token for this purpose; large and small letters are the same."""
        given = token.lower()
        key = _named_mailbox(given)
        if key is None:
            return None
        genuine = [
            compare_digest(given.encode("ascii"), _make_mailbox(signers[purpose], key).encode("ascii"))
            for signers in self._signers
        ]
        return key if any(genuine) else None

    def opened(self, key: str) -> str:
        """Return the token of the picture that shows that a message was opened."""
        return _make(self._signers[0]["open"], key, 0)

    def read_opened(self, token: str) -> str | None:
        """Return the send key, None unless we made the token of such a picture."""
        return self._key("open", token)

    def read_confirm(self, token: str) -> str | None:
        """Return the send key, None unless we made the token to confirm."""
        return self._key("confirm", token)

    def survey(self, key: str, survey: str) -> str:
        """Return the token that answers this survey, once, for the person this message went to."""
        return _make(self._signers[0]["survey"], key, _number(survey))

    def read_survey(self, token: str, survey: str) -> str | None:
        """Return the send key, None unless we made the token for this survey."""
        found = self._read("survey", token)
        return found[0] if found is not None and found[1] == _number(survey) else None

    def _key(self, purpose: str, token: str) -> str | None:
        found = self._read(purpose, token)
        return found[0] if found is not None and found[1] == 0 else None

    def _read(self, purpose: str, token: str) -> tuple[str, int] | None:
        named = _named(token)
        if named is None:
            return None
        key, n = named
        given = token.encode("ascii")
        genuine = [compare_digest(given, _make(signers[purpose], key, n).encode("ascii")) for signers in self._signers]
        return named if any(genuine) else None


def _number(survey: str) -> int:
    """Return what stands for a survey in a token: 16 bits of its name."""
    return int.from_bytes(blake2b(survey.encode(), digest_size=2).digest(), "big")


def _signers(secret: bytes) -> _Purposes:
    """Return one keyed hash per purpose, to be copied for every token."""
    key = blake2b(secret).digest()
    return {name: blake2b(key=key, digest_size=16, person=name.encode()) for name in _PURPOSES}


def _make(signer: blake2b, key: str, n: int) -> str:
    mac = signer.copy()
    mac.update(f"{n} {key}".encode())
    run, _, step = key.rpartition(":")
    usual = run.isascii() and run.isalnum() and step.isascii() and step.isdigit() and len(step) < 10
    if not usual or n >= 1 << 16 or str(int(step)) != step:
        tail = urlsafe_b64encode(n.to_bytes(4, "big") + key.encode()).decode().rstrip("=")
        return urlsafe_b64encode(mac.digest() + bytes((_TEXT, 0))).decode() + tail
    visit = int(step)
    if visit < _WIDE and n < 256:
        return urlsafe_b64encode(mac.digest() + bytes((visit, n))).decode() + run
    wide = visit.to_bytes(4, "big") + n.to_bytes(2, "big")
    return urlsafe_b64encode(mac.digest() + bytes((_WIDE, 0)) + wide).decode() + run


def _named(token: str) -> tuple[str, int] | None:
    """Return the key and link a token speaks of, before anything is verified."""
    if not _HEAD < len(token) <= LONGEST or not token.isascii():
        return None
    try:
        visit, n = urlsafe_b64decode(token[:_HEAD])[16:]
        rest = token[_HEAD:]
        if visit == _TEXT:
            text = urlsafe_b64decode(rest + "=" * (-len(rest) % 4))
            return text[4:].decode(), int.from_bytes(text[:4], "big")
        if visit == _WIDE:
            wide = urlsafe_b64decode(rest[:8])
            return f"{rest[8:]}:{int.from_bytes(wide[:4], 'big')}", int.from_bytes(wide[4:], "big")
    except (NotBase64, ValueError):
        return None
    return f"{rest}:{visit}", n


def _make_mailbox(signer: blake2b, key: str) -> str:
    mac = signer.copy()
    mac.update(key.encode())
    seal = b32encode(mac.digest()[:10]).decode().lower()
    run, _, step = key.rpartition(":")
    if run.isascii() and run.isalnum() and run == run.lower() and step.isascii() and step.isdigit():
        return f"{seal}{run}-{step}"
    return f"{seal}_{b32encode(key.encode()).decode().lower().rstrip('=')}"


def _named_mailbox(token: str) -> str | None:
    """Return the key a mailbox's token speaks of, before anything is verified."""
    rest = token[_SEAL:]
    if not rest or len(token) > LONGEST or not token.isascii():
        return None
    if not rest.startswith("_"):
        run, dash, step = rest.rpartition("-")
        return f"{run}:{step}" if dash else None
    try:
        return b32decode(rest[1:].upper() + "=" * (-(len(rest) - 1) % 8)).decode()
    except (NotBase64, ValueError):
        return None


def load_secrets(project_root: Path, configured: str | None) -> tuple[bytes, ...]:
    """Return every secret, the signing one first: the words of `secret`, else the lines of .sojourn/secret."""
    path = project_root / SECRET_FILE
    if configured is None:
        words = _lines(path)
        where = f"in {path}"
    else:
        words = configured.split()
        where = "`secret` in sojourn.yaml"
    if not words or min(map(len, words)) < _SHORTEST_SECRET:
        raise ConfigError(f"{where}: a secret needs at least {_SHORTEST_SECRET} characters; `sojourn init` makes one")
    return tuple(word.encode() for word in words)


def create_secret(project_root: Path) -> Path:
    """Write .sojourn/secret, readable by the owner alone, unless there is one; return its path."""
    path = project_root / SECRET_FILE
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
    return path


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except FileNotFoundError:
        raise ConfigError(
            f"no secret to sign links with: {path} is missing; run `sojourn init` here, or set SOJOURN_SECRET "
            "and `secret: ${SOJOURN_SECRET}` in sojourn.yaml"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the secret {path}: {error}") from None
