"""`sojourn preview`: a message as its readers see it, before anybody gets it."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.answer import Answer
from engine.cli.flags import WrongUse
from engine.cli.session import Session
from engine.cli.text import columns, counted

if TYPE_CHECKING:
    from channels.errors import TemplateProblem
    from engine.preview.look import Look
    from engine.preview.readers import Reader
    from journeys.project import Definitions, Project


def preview(  # noqa: PLR0917 - flags are parameters
    ctx: typer.Context,
    message: Annotated[str, typer.Argument(metavar="MESSAGE", help="channel/name; every message with --all.")] = "",
    contact: Annotated[list[str] | None, typer.Option(metavar="ID", help="For this contact of the store.")] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="contact.tier=gold, entry.value=12")
    ] = None,
    locale: Annotated[str, typer.Option(help="In this language.")] = "",
    segment: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="For somebody in this segment; repeat it for more.")
    ] = None,
    to: Annotated[str, typer.Option("--to", metavar="ADDRESS", help="Also send it there, marked as a test.")] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Every message, for awkward readers and real ones.")
    ] = False,
    people: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="With --all: these readers, too.")] = None,
    most: Annotated[int, typer.Option("-n", min=0, max=10_000, help="With --all: contacts of the store.")] = 100,
    output: Annotated[Path | None, typer.Option("-o", metavar="FILE.html", help="Write the page there.")] = None,
    pictures: Annotated[bool, typer.Option("--pictures", help="Let the page fetch images of other hosts.")] = False,
    browser: Annotated[bool, typer.Option(help="Open the page.")] = True,
) -> Answer:
    """Show a message on desktop, phone, in the dark, as plain text; say what its readers would mind."""
    session: Session = ctx.obj
    if bool(message) == everything:
        raise WrongUse("name one message, as in `sojourn preview email/welcome_hello`, or --all")
    wish = Wish(contact or [], change or [], locale, people, most, segment or [])
    room = Room.of(session)
    found = _all(room, wish) if everything else _one(room, message, wish)
    if to:
        from engine.cli.preview_send import send

        send(session, room.project, found.looks[0], to)
    name = "all" if everything else message.replace("/", "-")
    file = output or room.project.root / ".sojourn" / "preview" / f"{name}.html"
    _write(file, found, everything, pictures)
    if browser and sys.stdout.isatty() and not session.flags.no_input and not session.speaks_json:
        webbrowser.open(file.resolve().as_uri())
    return _answer(found, file, everything)


@dataclass(frozen=True, slots=True)
class Wish:
    contacts: Sequence[str]
    changes: Sequence[str]
    locale: str
    people: Path | None
    most: int
    segments: Sequence[str] = ()


Failure = tuple[str, str, "TemplateProblem"]  # message, reader, what is wrong


@dataclass(frozen=True, slots=True)
class Found:
    """What was rendered, one look a message with --all, and what could not be."""

    looks: list[Look]
    failed: list[Failure]
    rendered: int


@dataclass(frozen=True, slots=True)
class Room:
    """The project's messages, and who may ask for people."""

    session: Session
    definitions: Definitions
    project: Project

    @classmethod
    def of(cls, session: Session) -> Room:
        from engine.errors import DefinitionError

        definitions = session.definitions()
        if definitions.project is None:
            raise DefinitionError(definitions.problems)
        return cls(session, definitions, definitions.project)

    def real(self, message: str, ids: Sequence[str], most: int) -> list[Reader]:
        """Return people of the store."""
        from engine.cli.contact import find_contact
        from engine.clock import SystemClock
        from engine.preview.readers import real
        from engine.preview.told import told
        from engine.store.connect import reading

        with self.session.store(self.project) as store:
            with reading(store) as conn:
                known = [find_contact(conn, one) for one in ids]
                readers = real(conn, message, self.definitions, ids=known, most=most)
            return told(store, self.project, message, readers, SystemClock().now())


def _one(room: Room, message: str, wish: Wish) -> Found:
    from channels.errors import TemplateProblem
    from channels.templates import load_template
    from engine.errors import DefinitionError
    from engine.preview.look import look
    from engine.preview.readers import invented
    from engine.proofs import problem_of, sample

    files = room.project.messages.get(_known(message, room.project))
    plain = [invented(message, room.definitions, room.project)]
    readers = room.real(message, wish.contacts, 0) if wish.contacts else plain
    try:
        template = load_template(files or ())
        names = sample(message, room.definitions)
        looks = [look(message, template, _changed(one, wish, room.project), names) for one in readers]
    except TemplateProblem as wrong:
        raise DefinitionError([problem_of(flaw, room.project) for flaw in wrong.flaws]) from None
    return Found(looks, [], len(looks))


def _all(room: Room, wish: Wish) -> Found:
    """Render every message for every reader; keep one look of each message, and every failure."""
    from engine.preview.readers import awkward
    from engine.proofs import sample

    looks: list[Look] = []
    failed: list[Failure] = []
    count = 0
    with room.session.bar("messages", len(room.project.messages)) as bar:
        for message in room.project.messages:
            readers = awkward(message, room.definitions, room.project)
            readers += _listed(wish, room, readers[0])
            readers += room.real(message, (), wish.most) if wish.most else []
            seen, wrong = _for_all(room, message, readers, sample(message, room.definitions))
            looks += seen[:1]
            failed += wrong
            count += len(readers)
            bar.advance()
    return Found(looks, failed, count)


def _listed(wish: Wish, room: Room, like: Reader) -> list[Reader]:
    """Return the readers of --people."""
    from engine.cli.preview_people import from_file

    return from_file(wish.people, room.project, like.entry) if wish.people else []


def _for_all(
    room: Room, message: str, readers: Sequence[Reader], names: dict[str, Any]
) -> tuple[list[Look], list[Failure]]:
    """Render one message for these readers; those for whom it cannot be rendered come back with the reason."""
    from channels.errors import TemplateProblem
    from channels.templates import load_template
    from engine.preview.look import look

    seen: list[Look] = []
    failed: list[Failure] = []
    try:
        template = load_template(room.project.messages[message])
    except TemplateProblem as wrong:
        return [], [(message, "everybody", wrong)]
    for reader in readers:
        try:
            seen.append(look(message, template, reader, names))
        except TemplateProblem as wrong:
            failed.append((message, reader.who, wrong))
    return seen, failed


def _known(message: str, project: Project) -> str:
    from difflib import get_close_matches

    from engine.errors import NotFound

    if message in project.messages:
        return message
    near = get_close_matches(message, project.messages, 1)
    there = f"did you mean {near[0]}?" if near else f"there are: {', '.join(project.messages) or 'none'}"
    raise NotFound(f"no message {message}; {there}")


def _changed(reader: Reader, wish: Wish, project: Project) -> Reader:
    """Return the reader with what --set and --locale say."""
    from engine.cli.reading import Unreadable, value_of

    contact, entry = dict(reader.contact), dict(reader.entry)
    for one in wish.changes:
        path, equals, said = one.partition("=")
        root, _, name = path.partition(".")
        if not equals or root not in ("contact", "entry") or not name:
            raise WrongUse(f'cannot read --set "{one}"; write contact.NAME=VALUE or entry.NAME=VALUE')
        known = project.data.attributes.get(name) if root == "contact" else None
        if root == "contact" and known is None:
            raise WrongUse(f'a contact has no attribute "{name}"; see data.yaml')
        try:
            value: Any = value_of(said, known.type, known.choices) if known else _guessed(said)
        except Unreadable as wrong:
            raise WrongUse(f"--set {one}: {wrong}") from None
        (contact if root == "contact" else entry)[name] = value
    if wish.locale:
        contact["locale"] = wish.locale
    content = {**reader.content, "segments": _segments(wish, project)} if wish.segments else reader.content
    return replace(reader, contact=contact, entry=entry, content=content)


def _segments(wish: Wish, project: Project) -> list[str]:
    from difflib import get_close_matches

    from engine.errors import NotFound

    known = project.data.segments
    for name in wish.segments:
        if name not in known:
            near = get_close_matches(name, known, 1)
            there = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known) or 'none'}"
            raise NotFound(f"no segment {name}; {there}")
    return list(wish.segments)


def _guessed(said: str) -> Any:
    from engine.cli.reading import Unreadable, value_of

    try:
        return value_of(said, "number")
    except Unreadable:
        return {"true": True, "false": False}.get(said, said)


def _write(file: Path, found: Found, everything: bool, pictures: bool) -> None:
    from engine.errors import ConfigError
    from engine.preview.page import page

    title = "All messages" if everything else found.looks[0].message
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_text(page(found.looks, title, pictures=pictures), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {file}: {error.strerror}") from None


def _answer(found: Found, file: Path, everything: bool) -> Answer:
    lines = _summary(found) if everything else [line for one in found.looks for line in _told(one)]
    mail = any(not one.is_push for one in found.looks)
    ways = "desktop, phone, dark, forced dark, plain text" if mail else "lock screen, opened"
    wrong = bool(found.failed) or any(check.weight == "error" for one in found.looks for check in one.checks)
    data = {
        "file": file, "rendered": found.rendered,
        "messages": [_data(one) for one in found.looks],
        "failed": [
            {"message": message, "reader": who, "file": wrong.file, "line": wrong.line, "says": wrong.says}
            for message, who, wrong in found.failed
        ],
    }  # fmt: skip
    return Answer(data, [*lines, f"wrote {file}   ({ways})"], code=1 if wrong else 0)


def _told(one: Look) -> list[str]:
    from engine.preview.page import MARKS, told

    heads = [("Title" if one.is_push else "Subject", one.rendered.subject), ("Preheader", one.preheader)]
    rows = [(f"  {check.name}", MARKS[check.weight], check.says) for check in one.checks]
    return [f"{one.message} {told(one)}", *columns(row for row in heads if row[1]), "", *columns(rows)]


def _summary(found: Found) -> list[str]:
    from engine.preview.page import MARKS

    lines = [
        f"{MARKS[check.weight]} {one.message}: {check.name.lower()} {check.says}"
        for one in found.looks
        for check in one.checks
        if check.weight != "ok"
    ]
    for message, who, wrong in found.failed[:50]:
        lines.append(f"{MARKS['error']} {message} for {who}: {Path(wrong.file).name}:{wrong.line}: {wrong.says}")
    if len(found.failed) > 50:
        lines.append(f"… and {len(found.failed) - 50:,} more that failed")
    readers = f"rendered {found.rendered:,} times"
    return [*lines, f"{counted(len(found.looks), 'message')} {readers}: {counted(len(found.failed), 'failure')}"]


def _data(one: Look) -> dict[str, Any]:
    return {
        "message": one.message, "reader": one.reader.who, "subject": one.rendered.subject, "preheader": one.preheader,
        "locale": one.asked, "variant": one.locale, "checks": one.checks,
    }  # fmt: skip
