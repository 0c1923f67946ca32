"""One line of the table of commands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """`name` may be two words; `call` is module:function; `examples` close the help page."""

    group: str
    name: str
    takes: str
    says: str
    call: str
    examples: tuple[str, ...] = ()
