"""How messages cross between the two processes: frames of a length, JSON, and the long texts as they are.

Rules
- No pickle: neither side can make the other build anything but data.
- JSON knows no dates and decimals: they cross as {"$": [kind, text]}, which no attribute can be mistaken for, because
  mappings that have "$" cross in the same way.
- A link that only this person has is a mark, which nobody can guess: the child signs nothing.
"""

from __future__ import annotations

import json
import os
import re
import struct
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from markupsafe import escape

from channels.render import OUTPUT_LIMIT
from channels.templates import Rendered
from engine.rendering.asked import MEBIBYTE, Answer, Asked, Refused

HEAD: Final = struct.Struct("!III")  # bytes of the JSON, of the HTML, of the text
NUMBER: Final = struct.Struct("!q")  # the message under way, in shared memory
ASKED_LIMIT: Final = 4 * MEBIBYTE  # bytes
LONGEST: Final = 16 * OUTPUT_LIMIT  # bytes of a part: four bytes a character, and room for links
KINDS: Final[Mapping[str, Any]] = {"date": date.fromisoformat, "datetime": datetime.fromisoformat, "Decimal": Decimal}
_ENCODING: Final = ("utf-8", "surrogatepass")


class Garbled(Exception):
    """What came is no frame."""


def frame(head: Any, html: str = "", text: str = "") -> list[bytes]:
    """Return the parts of a frame; TypeError or ValueError when `head` is not plain data."""
    said = _ENCODER.encode(head).encode()
    first, second = html.encode(*_ENCODING), text.encode(*_ENCODING)
    return [HEAD.pack(len(said), len(first), len(second)) + said, first, second]


def write_all(pipe: int, parts: list[bytes]) -> None:
    """Write to a pipe that waits for its reader."""
    view = memoryview(b"".join(parts))
    while view:
        view = view[os.write(pipe, view) :]


def lengths(head: bytes | bytearray) -> tuple[int, int, int]:
    """Return the lengths of the three parts; Garbled when one cannot be."""
    first, second, third = HEAD.unpack_from(head)
    if max(first, second, third) > LONGEST:
        raise Garbled(f"a part of {max(first, second, third)} bytes")
    return first, second, third


def asking(number: int, asked: Asked) -> bytes:
    """Return the frame that asks for a message."""
    parts = (asked.message, asked.version, asked.variables, asked.links)
    plain = frame([number, *parts])[0]
    if b'"$":' in plain:
        plain = frame([number, *parts[:2], _escaped(asked.variables), asked.links])[0]
    if len(plain) > ASKED_LIMIT:
        raise ValueError(f"the data of this message are over {ASKED_LIMIT // MEBIBYTE} MiB")
    return plain


def read_asking(said: bytes) -> tuple[int, str, str, dict[str, Any], dict[str, str]]:
    """Return number, message, version, variables, links."""
    hook = _untagged if b'{"$":' in said else None
    number, message, version, variables, links = json.loads(said, object_hook=hook)
    return number, message, version, variables, links


def answering(number: int, rendered: Rendered) -> list[bytes]:
    """Return the frame with a message."""
    head = [number, rendered.subject, rendered.personal_links, rendered.push, rendered.ttl]
    return frame(head, rendered.html, rendered.text)


def refusing(number: int, refused: Refused) -> list[bytes]:
    """Return the frame that says why there is no message."""
    return frame([number, refused.says, refused.stale])


def read_answer(said: bytes, html: bytes, text: bytes) -> tuple[int, Answer]:
    """Return the number of an asking and its answer; Garbled when it is none."""
    try:
        number, *rest = json.loads(said)
        if len(rest) == 2:
            return int(number), Refused(str(rest[0]), rest[1] is True)
        subject, links, push, ttl = rest
        own = {int(n): str(url) for n, url in links.items()}
        words = {str(name): str(value) for name, value in push.items()}
        return int(number), Rendered(
            str(subject),
            html.decode(*_ENCODING),
            text.decode(*_ENCODING),
            own,
            words,
            None if ttl is None else int(ttl),
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise Garbled(str(error)) from None


def mark(nonce: str, number: int) -> str:
    """Return what stands for a link of this number until it is signed."""
    return f"link-{nonce}-{number}-"


def with_links(said: str, nonce: str, own: Callable[[int], str], *, escaped: bool = False) -> str:
    """Return a text with links for marks; `escaped` for HTML."""

    def link(found: re.Match[str]) -> str:
        url = own(int(found[1]))
        return str(escape(url)) if escaped else url

    return re.sub(rf"link-{nonce}-(\d+)-", link, said) if nonce in said else said


def _tagged(value: Any) -> Any:
    kind = type(value).__name__
    if kind not in KINDS:
        if isinstance(value, Mapping):
            return dict(value)
        if isinstance(value, (set, frozenset)):
            return sorted(value, key=str)
        raise TypeError(f"{kind} is not plain data")
    return {"$": [kind, str(value) if kind == "Decimal" else value.isoformat()]}


_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), default=_tagged)


def _untagged(value: dict[str, Any]) -> Any:
    if value.keys() != {"$"}:
        return value
    kind, said = value["$"]
    return dict(said) if kind == "map" else KINDS[kind](said)


def _escaped(value: Any) -> Any:
    """Return data with every mapping that has "$" as a list of pairs."""
    if isinstance(value, Mapping):
        inner = {name: _escaped(one) for name, one in value.items()}
        return {"$": ["map", list(inner.items())]} if "$" in inner else inner
    return [_escaped(one) for one in value] if isinstance(value, list) else value
