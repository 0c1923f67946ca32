"""What a log must not say: addresses, phone numbers, passwords in URLs, keys.

Rules
- By form alone: a log line is text from anywhere, and nobody knows what an exception holds. A domain stays, since
  "mail to x.org is refused" must be readable; the name before it goes.
- Numbers of fewer than eight digits stay: they are counts and codes.
"""

from __future__ import annotations

import re

_LOGIN = re.compile(r"(://[^\s:/@]*:)[^\s@]+@")
_NAMED = re.compile(
    r"(?i)\b((?:pass(?:word|wd)|secret|token|api[_-]?key|authorization)\b[\"']?\s*[=:]\s*[\"']?)(?:bearer\s+|basic\s+)?[^\s,;\"'}]+"
)
_MAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@(?=[\w-]+(?:\.[\w-]+)+)")
_PHONE = re.compile(r"(?<![\w:.-])(?:\+|00)\d[\d ()/.-]{6,18}\d(?![\w.-])")
MASK = "***"
_REACHES = re.compile(
    r"(?:^|_)(?:e?mail|courriel|correo|phone|telephone|telefon|tel|mobile|handy|fax|address|adresse|street|strasse)(?:$|_)"
)


def redacted(text: str) -> str:
    """Return a line without what it must not say."""
    if "@" in text:
        text = _LOGIN.sub(rf"\1{MASK}@", text)
        text = _MAIL.sub(f"{MASK}@", text)
    text = _NAMED.sub(rf"\1{MASK}", text)
    return _PHONE.sub(MASK, text)


def reaches(attribute: str) -> bool:
    """Return whether an attribute of this name says how somebody is reached: whatever form its values have."""
    return _REACHES.search(attribute.lower()) is not None
