"""Sealing single values: what stands in the store about a person is unreadable without the project's keys.

Rules
- AES-SIV (RFC 5297): authenticated, and the same value under the same key is the same text. So a sealed address is
  its own blind index: keys, joins and lookups by address go on as they are. Where nobody looks a value up (a private
  attribute), a random number goes in: equal values do not look equal.
- The first key seals, each of them opens; a text says which key it was sealed with ("sealed:<key id>:<base64>").
- What does not begin like that is read as it stands: a store may be sealed while it is in use.
- The place of a value (its column, an attribute's name) is authenticated: nothing opens elsewhere.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from engine.errors import ConfigError
from engine.store.values import from_json, to_json

MARK: Final = "sealed:"
_NONCE: Final = 12
_BYTES: Final = 64  # of a key: AES-256 in SIV mode takes two halves


def new_key() -> str:
    """Return a new random key as text."""
    return urlsafe_b64encode(os.urandom(_BYTES)).decode().rstrip("=")


def key_id(key: str) -> str:
    """Return the eight letters by which a sealed text names its key."""
    return sha256(b"sojourn key " + key.encode()).hexdigest()[:8]


class Sealing:
    """The keys of a store, newest first, and the names of the attributes that are private."""

    def __init__(self, keys: Sequence[str], private: Collection[str] = ()) -> None:
        self.private = frozenset(private)
        self._ciphers = {key_id(key): AESSIV(_raw(key)) for key in keys}
        self.ids = tuple(self._ciphers)
        self._first = self._ciphers[self.ids[0]]
        self._prefix = f"{MARK}{self.ids[0]}:"

    def seal(self, value: str, place: str) -> str:
        """Return the text that stands in the store for `value`; the same for the same value."""
        return self._prefix + _text(self._first.encrypt(value.encode() or b"\0", [place.encode()]))

    def candidates(self, value: str, place: str) -> list[str]:
        """Return every text that may stand for `value`: one for each key, and itself where it was never sealed."""
        raw, said = value.encode() or b"\0", [place.encode()]
        sealed = [f"{MARK}{id_}:{_text(cipher.encrypt(raw, said))}" for id_, cipher in self._ciphers.items()]
        return [*sealed, value]

    def open(self, text: str, place: str) -> str:
        """Return the value of a sealed text; one that is not sealed is its own value."""
        if not text.startswith(MARK):
            return text
        return self._opened(text, place, 0).decode().removeprefix("\0")

    def seal_once(self, value: Any, place: str) -> str:
        """Return a text that stands for a JSON value; another one every time."""
        nonce = os.urandom(_NONCE)
        return self._prefix + _text(nonce + self._first.encrypt(to_json(value).encode(), [place.encode(), nonce]))

    def open_once(self, text: Any, place: str) -> Any:
        """Return the JSON value that `seal_once` sealed; anything else as it is."""
        if not isinstance(text, str) or not text.startswith(MARK):
            return text
        return from_json(self._opened(text, place, _NONCE).decode())

    def current(self, text: Any) -> bool:
        """Return whether this text needs no new seal: it has the first key's."""
        return isinstance(text, str) and text.startswith(self._prefix)

    def seal_private(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """Return attributes with the private ones sealed."""
        return {
            name: self.seal_once(value, f"attribute {name}") if name in self.private and value is not None else value
            for name, value in attributes.items()
        }

    def open_private(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """Return attributes readable: those that were sealed, whatever data.yaml says of them now."""
        return {
            name: self.open_once(value, f"attribute {name}") if type(value) is str else value
            for name, value in attributes.items()
        }

    def _opened(self, text: str, place: str, nonce: int) -> bytes:
        id_, _, body = text[len(MARK) :].partition(":")
        cipher = self._ciphers.get(id_)
        if cipher is None:
            raise ConfigError(
                f"a value is sealed with the key {id_}, which `encryption.keys` does not have; "
                f"it has {', '.join(self.ids)} - put the old key back behind the new one"
            )
        try:
            raw = urlsafe_b64decode(body + "=" * (-len(body) % 4))
            said = [place.encode(), raw[:nonce]] if nonce else [place.encode()]
            return cipher.decrypt(raw[nonce:], said)
        except (InvalidTag, NotBase64, ValueError):
            raise ConfigError(f"a sealed {place} was altered: it does not open with its key {id_}") from None


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _raw(key: str) -> bytes:
    try:
        raw = urlsafe_b64decode(key + "=" * (-len(key) % 4))
    except (NotBase64, ValueError):
        raw = b""
    if len(raw) != _BYTES:
        raise ConfigError("encryption.keys: this is no key; `sojourn keys add` makes one")
    return raw
