"""Proof-reading the templates: every message is read, checked and filled in once, before anybody gets it.

The values are invented: what data.yaml declares, without a value or with its default; products are. A template that
cannot be read is T700 (T702 where MJML has no such tag), a name that nothing declares T701, and what its readers would
mind T703-T706; what is recommended badly, T707 and W914.
What goes wrong with one person's values ends as failed(render) for that person.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from channels import checks
from channels.asking import sample as answered
from channels.errors import Flaw, TemplateProblem
from channels.templates import Template, load_template
from channels.uses import Call, Use, calls, uses
from journeys import Choose, Journey, Problem, Send, State
from journeys.facts import NO_FACTS, Facts
from journeys.ignoring import heeded
from journeys.page import near
from journeys.place import Place
from journeys.problem import Edit
from journeys.project import Definitions, Project

UNKNOWN = re.compile(r'^(there is no "|"[^"]+" is not known)')
FEW = 0.01  # of contacts; fewer without a value are no reason to say something else
PRODUCT = ("sku", "name", "family", "department", "price", "stock", "url", "image", "repeat_after")
PAGES = ("unsubscribe_url", "preferences_url", "view_url", "confirm_url")
LINK = "https://example.test/{}"


def proofs(definitions: Definitions, facts: Facts = NO_FACTS) -> list[Problem]:
    """Return what is wrong in the templates, by file and line."""
    project = definitions.project
    if project is None:
        return []
    readers = [Reader(message, files, definitions, facts) for message, files in sorted(project.messages.items())]
    found = [problem_of(flaw, project) for reader in readers for flaw in reader.flaws()]
    texts = {shown(file, project): _text(file) for reader in readers for file in reader.files}
    judged = () if any(one.severity == "error" for one in found) else tuple(texts)
    return sorted(dict.fromkeys(heeded(found, texts, judged)), key=lambda one: (one.file, one.line, one.col, one.code))


@dataclass(frozen=True, slots=True)
class Reader:
    """One message, with all that its templates may name."""

    message: str
    files: tuple[Path, ...]
    definitions: Definitions
    facts: Facts

    def flaws(self) -> Iterator[Flaw]:
        try:
            template = load_template(self.files)
        except TemplateProblem as wrong:
            yield from wrong.flaws
            return
        names = sample(self.message, self.definitions)
        unknown = [flaw for file in self.files for flaw in self._unknown(file, names)]
        unknown += [flaw for file in self.files for flaw in self._unasked(file)]
        yield from unknown
        for file in self.files:
            yield from self._looks(file, template)
            yield from self._gaps(file)
            yield from self._bare(file)
        for locale in template.variants:
            yield from self._filled(template, locale, (names, bool(unknown)))

    def _unknown(self, file: Path, names: Mapping[str, Any]) -> Iterator[Flaw]:
        for use in uses(str(file), _text(file)):
            known = names.get(use.root)
            if isinstance(known, Mapping) and use.name not in known:
                yield self._named(str(file), use, known)

    def _unasked(self, file: Path) -> Iterator[Flaw]:
        """Yield T701 for segments and surveys that data.yaml does not have."""
        data = self.definitions.project.data if self.definitions.project else None
        if data is None:
            return
        known = {"in_segment": ("segment", tuple(data.segments)), "survey_url": ("survey", tuple(data.surveys))}
        for one in calls(str(file), _text(file)):
            if one.what in known and one.name not in known[one.what][1]:
                what, names = known[one.what]
                yield _missing(str(file), one, f'there is no {what} "{one.name}" in data.yaml', names)

    def _bare(self, file: Path) -> Iterator[Flaw]:
        """Yield W914 and T707 where a message recommends and little can tell what, or prints what no product has."""
        project = self.definitions.project
        for one in calls(str(file), _text(file)) if project else ():
            close = get_close_matches(one.name, PRODUCT, 1, 0.75) if one.what == "product" else ()
            if close and one.name not in PRODUCT:
                says = f'products usually have no "{one.name}"; did you mean "{close[0]}"?'
                yield Flaw("T707", "warning", str(file), one.line, says, one.col, one.end_col)
            if one.what != "recommend" or project is None:
                continue
            place = (str(file), one.line)
            if self.facts.products == 0:
                help_ = "bring them in: `sojourn product import products.csv`"
                says = "there are no products: nothing is recommended here"
                yield Flaw("W914", "warning", *place, says, one.col, one.end_col, helps=(help_,))
            if project.data.buying is None:
                help_ = "add to data.yaml: `buying: {event: order_placed, value: total, items: items}`"
                says = "data.yaml does not say how people buy: everybody is recommended the same"
                yield Flaw("T707", "warning", *place, says, one.col, one.end_col, helps=(help_,))

    def _named(self, file: str, use: Use, known: Mapping[str, Any]) -> Flaw:
        guess = near(use.name, known) or _part(use.name, known)
        flaw = Flaw("T701", "error", file, use.line, _nothing(use, self._entries()), use.col, use.end_col)
        if guess is None:
            helps = (f"there {'are' if len(known) > 1 else 'is'}: {', '.join(known)}",) if known else ()
            return replace(flaw, helps=helps)
        edits = ((use.line, use.col, use.end_col, guess),) if use.col else ()
        return replace(flaw, label=f'did you mean "{guess}"?', helps=self._fallback(use, guess), edits=edits)

    def _fallback(self, use: Use, name: str) -> tuple[str, ...]:
        """Return the advice to say something else where a contact has no value."""
        missing = self.facts.without.get(name)
        project = self.definitions.project
        declared = project.data.attributes.get(name) if project else None
        if use.root != "contact" or use.guarded or declared is None or declared.default is not None:
            return ()
        share = "" if missing is None else f" (missing for {missing:.0%} of contacts)"
        return (f'give a fallback too: `{{{{ contact.{name} or "there" }}}}`{share}',)

    def _gaps(self, file: Path) -> Iterator[Flaw]:
        """Yield W910 for values that some contacts do not have, where nothing else is said to them."""
        for use in uses(str(file), _text(file)):
            share = self.facts.without.get(use.name, 0.0) if use.root == "contact" else 0.0
            if share >= FEW and not use.guarded:
                says = f"{share:.0%} of contacts have no {use.name}: for them nothing is printed here"
                help_ = f'say something else to them: `{{{{ contact.{use.name} or "there" }}}}`'
                yield Flaw("W910", "warning", str(file), use.line, says, use.col, use.end_col, helps=(help_,))

    def _entries(self) -> list[str]:
        return [journey.name for journey in used_by(self.message, self.definitions)]

    def _looks(self, file: Path, template: Template) -> Iterator[Flaw]:
        text = _text(file)
        yield from checks.in_source(str(file), text)
        found = self._leavable()
        if found is not None and file.suffix in {".mjml", ".html"} | ({".txt"} if len(self.files) == 1 else set()):
            journey, state, topic = found
            place = _named_at(state, self.message)
            note = f"used by {journey.file}:{place.line} (topic: {topic})"
            for flaw in checks.way_out(str(file), text, template, topic):
                yield replace(flaw, notes=(note,))

    def _leavable(self) -> tuple[Journey, State, str] | None:
        """Return the first use of this message under a topic that people may leave."""
        if not self.message.startswith("email/"):
            return None
        for journey in self.definitions.journeys.values():
            if not journey.transactional:
                for state in journey.states.values():
                    if self.message in _messages_of(state):
                        return journey, state, journey.topic
        return None

    def _filled(self, template: Template, locale: str, known: tuple[dict[str, Any], bool]) -> Iterator[Flaw]:
        """Fill one language in; a name that is unknown is said here only when the tree did not show it."""
        names, told = known
        try:
            names = {**names, **answered(template.asks, LINK.format("survey"))}
            rendered = template.render({**names, "contact": {**names["contact"], "locale": locale}}, LINK.format)
        except TemplateProblem as wrong:
            if UNKNOWN.match(wrong.says) and not told:
                yield Flaw("T701", "error", wrong.file, wrong.line, wrong.says)
            return
        yield from checks.size(str(self._file(locale)), rendered)

    def _file(self, locale: str) -> Path:
        end = f".{locale}" if locale else ""
        return next((file for file in self.files if file.stem.lower().endswith(end)), self.files[0])


def sample(message: str, definitions: Definitions) -> dict[str, Any]:
    """Return every name that a template of this message may use, with declared names and no values."""
    project = definitions.project
    assert project is not None  # noqa: S101 - proofs() has looked
    using = used_by(message, definitions)
    events = project.data.events
    entry = dict.fromkeys(p for journey in using for event in journey.enter.events for p in events.get(event, {}))
    channel, _, _ = message.partition("/")
    return {
        "contact": {name: one.default for name, one in project.data.attributes.items()},
        "entry": entry,
        "journey": {"name": "", "state": "", **_values(using)},
        "vars": {name: value for journey in using for name, value in _vars(journey, message).items()},
        "message": {"id": message, "channel": channel, "topic": "", "title": ""},
        "currency": project.currency,
        **dict.fromkeys(PAGES, LINK.format("")),
    }


def _missing(file: str, one: Call, says: str, known: Sequence[str]) -> Flaw:
    """Return T701 for a name that is asked for, with what may have been meant."""
    guess = near(one.name, known)
    flaw = Flaw("T701", "error", file, one.line, says, one.col, one.end_col)
    if guess is None:
        helps = (f"there {'are' if len(known) > 1 else 'is'}: {', '.join(known)}",) if known else ()
        return replace(flaw, helps=helps)
    edits = ((one.line, one.col, one.end_col, guess),) if one.col else ()
    return replace(flaw, label=f'did you mean "{guess}"?', edits=edits)


def used_by(message: str, definitions: Definitions) -> list[Journey]:
    """Return the journeys that may send this message."""
    return [
        journey
        for journey in definitions.journeys.values()
        if any(message in _messages_of(state) for state in journey.states.values())
    ]


def _named_at(state: State, message: str) -> Place:
    """Return where a state names the message: its arm, where each has a line."""
    arms = [arm.message for arm in state.action.arms] if isinstance(state.action, Choose) else []
    arm = f"choose.arms.{arms.index(message)}" if message in arms else ""
    return next((state.places[path] for path in ("send", arm, "choose") if path in state.places), state.place)


def _messages_of(state: State) -> Iterable[str]:
    if isinstance(state.action, Send):
        return (state.action.message,)
    return tuple(arm.message for arm in state.action.arms) if isinstance(state.action, Choose) else ()


def _vars(journey: Journey, message: str) -> dict[str, Any]:
    """Return the journey's vars with those that its sends of this message add."""
    found = dict(journey.vars)
    for state in journey.states.values():
        if isinstance(state.action, Send) and state.action.message == message:
            found |= {**state.vars, **state.action.vars}
        elif isinstance(state.action, Choose):
            own = [arm.vars for arm in state.action.arms if arm.message == message]
            found |= {name: value for one in own for name, value in {**state.vars, **one}.items()}
    return {name: value if isinstance(value, str | int | float | bool) else None for name, value in found.items()}


def _values(using: list[Journey]) -> dict[str, Any]:
    """Return the journey.* values that `set` and `save_as` may have written."""
    names: set[str] = set()
    for journey in using:
        for state in journey.states.values():
            names |= {name for where, name, _ in getattr(state.action, "values", ()) if where == "journey"}
            names |= {saved} if (saved := getattr(state.action, "save_as", None)) else set()
    return dict.fromkeys(sorted(names))


def _nothing(use: Use, journeys: list[str]) -> str:
    """Return what is said of a name that nothing declares."""
    where = f" of {journeys[0]}" if len(journeys) == 1 else ""
    return {
        "contact": f'a contact has no attribute "{use.name}"',
        "entry": f'the event at the start{where} has no "{use.name}"',
        "journey": f"no state{where} sets journey.{use.name}",
        "vars": f'there is no var "{use.name}"{where}',
    }.get(use.root, f'{use.root} has no "{use.name}"')


def _part(word: str, names: Iterable[str]) -> str | None:
    """Return the first name that has `word` among its parts: name -> first_name."""
    return next((name for name in names if word in name.split("_")), None)


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8-sig", errors="replace").replace("\r\n", "\n").replace("\r", "\n")


def shown(file: Path, project: Project) -> str:
    """Return a file as the project names it."""
    return file.relative_to(project.root).as_posix() if file.is_relative_to(project.root) else str(file)


def problem_of(flaw: Flaw, project: Project) -> Problem:
    """Return a flaw as lint says it, its file as the project names it."""
    file = Path(flaw.file)
    col, end_col = (flaw.col, flaw.end_col) if flaw.col else _whole(file, flaw.line)
    return Problem(
        flaw.code, flaw.severity, shown(file, project), flaw.line, col, end_col, flaw.says, label=flaw.label,
        helps=flaw.helps, notes=flaw.notes, fix=tuple(Edit(*edit) for edit in flaw.edits),
    )  # fmt: skip


def _whole(file: Path, number: int) -> tuple[int, int]:
    """Return the columns of what is written in a line."""
    try:
        line = _text(file).split("\n")[number - 1]
    except (OSError, IndexError):
        line = ""
    start = len(line) - len(line.lstrip()) + 1
    return start, max(len(line.rstrip()), start) + 1
