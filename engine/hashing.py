"""How the ad networks want an address before it is hashed: SHA-256, in small hex letters, of exactly these bytes.

Rules
- google (Customer Match, "Formatting guidelines for uploading hashed data"): e-mail in small letters without any
  space; telephone as E.164 with its plus.
- meta (Marketing API, "Customer File Custom Audiences", hashing and normalization): e-mail trimmed, in small letters;
  telephone as digits alone with the country's code, without leading zeros.
- plain: e-mail trimmed, in small letters; telephone as E.164 with its plus.
- What cannot be brought into that form is not told at all: a wrong hash meets nobody, or somebody else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

from journeys.outward import Outlet

_MAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_FILLING = re.compile(r"[\s().\-/·\u00a0\u2010-\u2015]+")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def email(address: str, style: str = "plain") -> str | None:
    """Return an address as a network hashes it, None when it is none."""
    said = address.strip().lower()
    if style == "google":
        said = re.sub(r"\s+", "", said)
    return said if _MAIL.fullmatch(said) else None


def phone(number: str, style: str = "plain", calling_code: str = "") -> str | None:
    """Return a number as a network hashes it; without a country's code it is None."""
    said = _FILLING.sub("", number.strip().replace("(0)", ""))
    if said.startswith("00"):
        said = f"+{said[2:]}"
    elif not said.startswith("+"):
        said = f"+{calling_code}{said.removeprefix('0')}" if calling_code else said
    if not _E164.fullmatch(said):
        return None
    return said[1:] if style == "meta" else said


def hashed(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, in hex."""
    return sha256(text.encode()).hexdigest()


def hashes(outlet: Outlet, mails: Iterable[str], number: object) -> dict[str, list[str]]:
    """Return what a receiver is told about somebody: {"email": [...], "phone": [...]}, each sorted."""
    said = {one for mail in mails if (one := email(mail, outlet.style))}
    told = phone(str(number), outlet.style, outlet.calling_code) if number not in (None, "") else None
    return {"email": sorted(map(hashed, said)), "phone": [hashed(told)] if told else []}
