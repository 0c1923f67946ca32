"""What a renderer is asked for one message, what it answers, and what it may cost.

Rules
- A template gets plain data: text, numbers, flags, None, dates, lists and mappings. No key, no store, no callable.
- What a message may not cost is an answer about that message alone; everybody else's is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from channels.templates import Rendered

MEBIBYTE: Final = 1024 * 1024
COMPILING: Final = 5
"""A template is read and compiled within this many times the seconds of a message."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Named limits of one message: seconds of wall time, and bytes that the process may grow beyond its start."""

    seconds: float = 2.0
    memory: int = 256 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class Asked:
    """One message to be written: the template's name and version, its data, its links.

    `links`: the addresses of the static links, by number; `own` gives the address of any other number.
    """

    message: str
    version: str
    variables: Mapping[str, Any]
    links: Mapping[int, str] = field(default_factory=dict)
    own: Callable[[int], str] = str


@dataclass(frozen=True, slots=True)
class Refused:
    """No message can be made; `says` is the reason. `stale`: its files have changed, it may be asked again."""

    says: str
    stale: bool = False


Answer = Rendered | Refused


class Renderer(Protocol):
    """Writes messages; answers come in the order of asking, one for each."""

    def rendered(self, asked: Iterable[Asked]) -> Iterator[Answer]: ...
    def close(self) -> None: ...
