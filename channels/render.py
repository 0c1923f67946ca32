"""Run a compiled template for one person: bounded, and every error with the author's file and line."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from jinja2 import Template as Compiled
from jinja2 import TemplateError, TemplateSyntaxError
from markupsafe import Markup

from channels.asking import Asks, asked
from channels.errors import TemplateProblem
from channels.marks import Marks, Restored
from channels.sandbox import OWN, Sandbox, Turns, checked, counted

OUTPUT_LIMIT = 512 * 1024
MISTAKES = (TemplateError, ArithmeticError, TypeError, ValueError, LookupError, AttributeError, RecursionError)
WEB = re.compile(r"https?://[^/\s]", re.IGNORECASE)
OTHER_SCHEMES = re.compile(r"(?:mailto|tel|sms):|#|\Z", re.IGNORECASE)
UNSAFE = re.compile(r"[\x00-\x20\x7f\u0080-\u00a0\u2028\u2029\ufeff]")

Links = Callable[[int], str]


def check_source(file: str, text: str, environment: Sandbox, first_line: int = 1) -> Asks:
    """Refuse a template text that the sandbox would not run, naming the author's line; return what it asks for."""
    try:
        return asked(checked(environment.parse(text)))
    except TemplateSyntaxError as error:
        raise TemplateProblem(file, error.lineno + first_line - 1, _sentence(error)) from None
    except RecursionError:
        raise TemplateProblem(file, first_line, "its tags are nested too deeply") from None


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled template text that knows where its lines came from."""

    file: str
    compiled: Compiled
    restored: Restored

    @classmethod
    def of(cls, file: str, text: str, marks: Marks, environment: Sandbox) -> Program:
        """Compile a text with marks."""
        restored = marks.restore(text)
        try:
            tree = counted(checked(environment.parse(restored.source), own=True))
            code = environment.compile(tree, filename=file)
            return cls(file, Compiled.from_code(environment, code, {}), restored)
        except TemplateSyntaxError as error:
            raise TemplateProblem(file, restored.line(error.lineno), _sentence(error)) from None
        except (SyntaxError, RecursionError, MemoryError):
            raise TemplateProblem(file, 1, "its tags are nested too deeply") from None

    def run(self, variables: dict[str, Any]) -> str:
        """Render for one person; nothing grows past OUTPUT_LIMIT. What the template sets does not reach `variables`."""
        pieces: list[str] = []
        left = OUTPUT_LIMIT
        context = self.compiled.new_context(variables, shared=True)
        try:
            for piece in self.compiled.root_render_func(context):
                pieces.append(piece)
                left -= len(piece)
                if left < 0:
                    raise ValueError(f"the message grew past {OUTPUT_LIMIT // 1024} KiB")
        except MISTAKES as error:
            raise TemplateProblem(self.file, self._line(error.__traceback__), _sentence(error)) from error
        return "".join(pieces)

    def _line(self, trace: TracebackType | None) -> int:
        line = 1
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == self.file:
                line = self.restored.line(self.compiled.get_corresponding_lineno(trace.tb_lineno))
            trace = trace.tb_next
        return line


def _sentence(error: BaseException) -> str:
    text = (getattr(error, "message", None) or str(error) or type(error).__name__).strip().rstrip(".")
    return " ".join(text.split())[:300]


@dataclass(slots=True)
class PersonalLinks:
    """Number the addresses that only this person's message has, in order of first appearance."""

    links: Links
    first: int
    numbers: dict[tuple[int, str], int] = field(default_factory=dict)

    def __call__(self, slot: int, value: Any) -> str:
        """Give what stands in the message for one personal address: a signed link, or itself for mailto and #."""
        url = (html.unescape(str(value)) if isinstance(value, Markup) else str(value)).strip()
        if not WEB.match(url):
            if OTHER_SCHEMES.match(url):
                return url
            raise ValueError(f"{url[:60]!r} is not an address; a link begins with https://")
        url = UNSAFE.sub(lambda m: "".join(f"%{byte:02X}" for byte in m.group().encode()), url)
        number = self.numbers.setdefault((slot, url), self.first + len(self.numbers))
        return self.links(number)

    @property
    def by_number(self) -> dict[int, str]:
        return {number: url for (_, url), number in self.numbers.items()}


def own_names(links: Links, static: Mapping[int, str], personal: PersonalLinks) -> dict[str, Any]:
    """The names the compiler put into templates: signed links, the counter of turns, the numbering of addresses."""
    names: dict[str, Any] = {f"{OWN}link_{number}": links(number) for number in static}
    names[f"{OWN}turns"] = Turns()
    names[f"{OWN}personal"] = personal
    return names
