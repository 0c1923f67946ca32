"""Handing an audience over: who came and who went since the last time, as files or to a webhook.

Rules
- First it is written who is to be told and who let go, then the world hears of it, then it is written that it has.
  A crash in between makes the next push say the same again; nobody is forgotten, neither in nor out.
- Whoever is let go is said before whoever comes in: an address that two people shared stays.
- A file is there as a whole or not at all. A webhook gets at most PIECE people at once, each piece under a key of its
  own; where it does not answer, the rest waits for the next push.
- Hashes alone leave the store. Every push is a row of the audit.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import sqlalchemy as sa

from channels.channel import Channel, Envelope
from engine.errors import ConfigError, NotHandedOver
from engine.hashing import hashes
from engine.store import auditing, membership, sharing
from engine.store.connect import reading, writing
from engine.store.sharing import REMOVING, TOLD, Person
from journeys.outward import Outlet
from journeys.project import Project

PIECE = 1000
_HEADS = {"google": ("Email", "Phone"), "meta": ("email", "phone")}
_PLAIN = ("email_sha256", "phone_sha256")


@dataclass(slots=True)
class Pushed:
    """What a push did, or would do: people, and those of whom there is nothing to tell. `files`: those written."""

    audience: str
    to: str
    added: int = 0
    changed: int = 0
    removed: int = 0
    nameless: int = 0  # in the segment and consenting, but without an address or number that can be hashed
    files: tuple[Path, ...] = ()


def look(store: sa.Engine, outlet: Outlet) -> Pushed:
    """Return what a push would do now."""
    found, after = Pushed(outlet.name, outlet.to), ""
    with reading(store) as conn:
        _filled(conn, outlet)
        found.removed = sharing.leaving(conn, outlet.name, outlet.segment)
        while page := sharing.page(conn, outlet.segment, outlet.phone, after) if outlet.segment else []:
            _news(conn, outlet, page, found)
            after = page[-1].id
    return found


def push(
    store: sa.Engine, project: Project, outlet: Outlet, door: Channel | None, clock: Callable[[], datetime]
) -> Pushed:
    """Tell the receiver who came and who went; NotHandedOver when it does not take it. `door`: the webhooks'."""
    found, now = Pushed(outlet.name, outlet.to), clock()
    _mark(store, outlet, found, now)
    with writing(store) as conn:
        waits = bool(sharing.waiting(conn, outlet.name, sharing.FIRST, 1))
        number = sharing.next_number(conn, outlet.name, now, 1 if waits else 0)
    if not waits:
        return found
    if outlet.to == "webhook":
        _post(store, project, outlet, (door, number, found))
    else:
        _write(store, project, outlet, (number, found))
    said = {"audience": outlet.name, "to": outlet.to, "number": number, "told": found.added + found.changed,
            "let_go": found.removed, "files": [str(file) for file in found.files]}  # fmt: skip
    with writing(store) as conn:
        auditing.note(conn, "audience_pushed", said, clock())
    return found


def _mark(store: sa.Engine, outlet: Outlet, found: Pushed, now: datetime) -> None:
    """Write who is to be told and who let go; a page is read and written at once, so nobody is erased in between."""
    with writing(store) as conn:
        _filled(conn, outlet)
        sharing.let_go(conn, outlet.name, outlet.segment, now)
    after = ""
    while outlet.segment:
        with writing(store) as conn:
            page = sharing.page(conn, outlet.segment, outlet.phone, after)
            rows = _news(conn, outlet, page, found)
            sharing.take_in(conn, [{**row, "at": now} for row in rows])
        if not page:
            return
        after = page[-1].id


def _filled(conn: sa.Connection, outlet: Outlet) -> None:
    """Refuse a segment that nobody was put into yet: everybody would be let go."""
    if outlet.segment and outlet.segment not in membership.numbers(conn):
        raise ConfigError(f"{outlet.name}: the segment {outlet.segment} is not filled yet; run: sojourn deploy")


def _news(conn: sa.Connection, outlet: Outlet, page: Sequence[Person], found: Pushed) -> list[dict[str, Any]]:
    """Return who is new or has other addresses than the receiver was told."""
    before = sharing.known(conn, outlet.name, [one.id for one in page])
    rows = []
    for one in page:
        told, row = hashes(outlet, one.mails, one.phone), before.get(one.id)
        nameless = not any(told.values())
        found.nameless += nameless
        if (nameless and row is None) or (row is not None and row.state == TOLD and dict(row.hashes) == told):
            continue
        new = row is None or row.state == REMOVING
        found.added, found.changed = found.added + new, found.changed + (not new)
        gone = {} if row is None else _without(_joined(row.hashes, row.gone), told)
        rows.append({"audience": outlet.name, "contact_id": one.id, "hashes": told, "gone": gone})
    return rows


def _joined(one: Mapping[str, Sequence[str]], other: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    return {kind: sorted({*one.get(kind, ()), *other.get(kind, ())}) for kind in ("email", "phone")}


def _without(all_: Mapping[str, Sequence[str]], told: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    left = {kind: sorted({*some} - {*told.get(kind, ())}) for kind, some in all_.items()}
    return left if any(left.values()) else {}


def _pieces(store: sa.Engine, audience: str) -> Iterator[Sequence[Any]]:
    after = sharing.FIRST
    while True:
        with reading(store) as conn:
            rows = sharing.waiting(conn, audience, after, PIECE)
        if not rows:
            return
        after = rows[-1].state, rows[-1].contact_id
        yield rows


def _sides(row: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is to be taken out and what put in for one person."""
    if row.state == REMOVING:
        return _joined(row.hashes, row.gone), {}
    return dict(row.gone), dict(row.hashes)


def _post(store: sa.Engine, project: Project, outlet: Outlet, how: tuple[Channel | None, int, Pushed]) -> None:
    door, number, found = how
    hook = project.webhooks[outlet.webhook]
    for place, rows in enumerate(_pieces(store, outlet.name), 1):
        sides = [_sides(row) for row in rows]
        told = {"audience": outlet.name, "segment": outlet.segment, "push": number, "piece": place,
                "remove": [out for out, _ in sides if any(out.values())],
                "add": [new for _, new in sides if any(new.values())]}  # fmt: skip
        key = f"{outlet.name}:{number}:{place}"
        body = json.dumps({"type": "audience.changed", "data": told}).encode()
        headers = {str(name): str(value) for name, value in (hook.get("headers") or {}).items()}
        envelope = Envelope(key, str(hook["url"]), body, headers=headers, timeout=30)
        if door is None:
            raise NotHandedOver(f"{outlet.name}: no webhook can be called here")
        for receipt in door.send([envelope], frozenset):
            if receipt.status != "sent":
                says = f"{outlet.webhook} did not take {outlet.name} ({receipt.detail or receipt.status})"
                raise NotHandedOver(f"{says}; what it has not heard waits: sojourn audience push {outlet.name}")
        with writing(store) as conn:
            sharing.settle(conn, outlet.name, rows)
        found.removed += sum(row.state == REMOVING for row in rows)


def _write(store: sa.Engine, project: Project, outlet: Outlet, how: tuple[int, Pushed]) -> None:
    number, found = how
    folder = project.root / Path(outlet.folder).expanduser()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    written = _Files(folder, f"{outlet.name}-{number:05d}", outlet)
    settled = []
    for rows in _pieces(store, outlet.name):
        settled.append(rows)
        for row in rows:
            written.add(*_sides(row))
    found.files = written.close()
    found.removed = sum(row.state == REMOVING for rows in settled for row in rows)
    with writing(store) as conn:
        for rows in settled:
            sharing.settle(conn, outlet.name, rows)


class _Files:
    """The two files of a push, -1-remove and -2-add, each made when the first row for it comes."""

    def __init__(self, folder: Path, stem: str, outlet: Outlet) -> None:
        self._folder, self._stem, self._outlet = folder, stem, outlet
        self._open: dict[str, tuple[Path, TextIO]] = {}
        self._suffix = "json" if outlet.to == "json" else "csv"

    def add(self, out: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        for side, told in (("1-remove", out), ("2-add", new)):
            if any(told.values()):
                stream = self._stream(side)
                if self._suffix == "json":
                    stream.write(json.dumps(dict(told)) + "\n")
                else:
                    csv.writer(stream, lineterminator="\n").writerows(_lines(told))

    def _stream(self, side: str) -> TextIO:
        if side not in self._open:
            path = self._folder / f"{self._stem}-{side}.{self._suffix}"
            handle = os.open(path.with_suffix(".part"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            self._open[side] = path, os.fdopen(handle, "w", encoding="utf-8", newline="")
            if self._suffix == "csv":
                csv.writer(self._open[side][1], lineterminator="\n").writerow(_HEADS.get(self._outlet.style, _PLAIN))
        return self._open[side][1]

    def close(self) -> tuple[Path, ...]:
        """Put the files in their place."""
        for path, stream in self._open.values():
            stream.flush()
            os.fsync(stream.fileno())
            stream.close()
            path.with_suffix(".part").replace(path)
        return tuple(path for path, _ in sorted(self._open.values(), key=lambda one: one[0]))


def _lines(told: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Yield a line for each mailbox; the number stands in the first."""
    mails, phones = [*told.get("email", ())], [*told.get("phone", ())]
    for place in range(max(len(mails), len(phones))):
        yield (mails[place] if place < len(mails) else "", phones[place] if place < len(phones) else "")
