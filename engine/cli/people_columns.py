"""Which column of a people file is what: guessed from its name, or said with --map; then rows become contacts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from channels.mime import AddressRefused, address
from engine.cli.flags import WrongUse
from engine.cli.reading import NO, YES, Unreadable, subscription_of, value_of
from engine.cli.sheet import Row, Titled
from engine.store.consenting import PURPOSES
from engine.store.people import NewContact
from journeys.project import Project

ID, CONSENT, EMAIL, PUSH = "id", "consent", "email", "push"
GUESSES = {
    "e_mail": EMAIL, "mail": EMAIL, "email_address": EMAIL, "emailaddress": EMAIL, "courriel": EMAIL, "correo": EMAIL,
    "vorname": "first_name", "firstname": "first_name", "prenom": "first_name", "prénom": "first_name",
    "given_name": "first_name", "nombre": "first_name", "nachname": "last_name", "lastname": "last_name",
    "surname": "last_name", "family_name": "last_name", "nom": "last_name", "lang": "locale", "language": "locale",
    "sprache": "locale", "langue": "locale", "tz": "timezone", "time_zone": "timezone", "zeitzone": "timezone",
    "land": "country", "pays": "country", "country_code": "country", "birthdate": "birthday", "dob": "birthday",
    "date_of_birth": "birthday", "geburtstag": "birthday", "geburtsdatum": "birthday", "contact_id": ID,
    "customer_id": ID, "user_id": ID, "userid": ID, "customerid": ID, "kundennummer": ID, "topics": CONSENT,
    "topic": CONSENT, "consents": CONSENT, "subscriptions": CONSENT, "push_subscription": PUSH,
}  # fmt: skip


class Rejected(ValueError):
    """A row that is not taken; `kind` is what it is counted under."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Columns:
    """What each column of the file is ("" = ignored); `guessed` are those whose name is another."""

    project: Project
    file: str
    header: tuple[str, ...]
    targets: tuple[str, ...]
    guessed: frozenset[str] = frozenset()
    granted: frozenset[str] = frozenset()  # topics of --consent
    key: int | None = None  # the column of --id
    places: dict[str, int] = field(default_factory=dict)

    def said(self) -> str:
        """Return "email → email · vorname → first_name (guess) · plz → (ignored)"."""
        return " · ".join(
            f"{name} → {target or '(ignored)'}{' (guess)' if name in self.guessed else ''}"
            for name, target in zip(self.header, self.targets, strict=True)
            if name
        )

    @property
    def missing(self) -> tuple[str, ...]:
        """Return the required attributes that the file does not have."""
        declared = self.project.data.attributes
        return tuple(
            name
            for name, one in declared.items()
            if one.required and one.default is None and name not in self.targets and name != self._key_attribute
        )

    @property
    def _key_attribute(self) -> str:
        return self.targets[self.key] if self.key is not None else ""

    def contact(self, row: Row) -> NewContact:
        """Return the person of a row; Rejected says why there is none."""
        if row.wrong:
            raise Rejected("cells", row.wrong)
        addresses = self._addresses(row)
        id_ = self._id(row, addresses)
        attributes = {name: value for name, value in self._values(row) if value is not None}
        if EMAIL in addresses and EMAIL in self.project.data.attributes:
            attributes[EMAIL] = addresses[EMAIL]
        return NewContact(id_, attributes, addresses, self._consents(row), f"import {self.file}:{row.line}"[:200])

    def _cell(self, row: Row, target: str) -> str:
        at = self.places.get(target)
        return "" if at is None else row.cells[at].strip()

    def _addresses(self, row: Row) -> dict[str, str]:
        found = {}
        try:
            if email := self._cell(row, EMAIL):
                found[EMAIL] = address(email)
                if "." not in found[EMAIL].rpartition("@")[2]:
                    raise Rejected("bad address", f"{email}: the domain has no dot")
            if push := self._cell(row, PUSH):
                found[PUSH] = subscription_of(push)
        except (AddressRefused, Unreadable) as error:
            raise Rejected("bad address", str(error)) from None
        return found

    def _id(self, row: Row, addresses: dict[str, str]) -> str:
        if self.key is not None:
            said = row.cells[self.key].strip()
        else:
            said = self._cell(row, ID) if ID in self.places else addresses.get(EMAIL, "").lower()
        if not said:
            raise Rejected("missing", "no id and no email: nobody to add")
        if len(said) > 200 or not said.isprintable():
            raise Rejected("bad value", "an id has at most 200 printable characters")
        return said

    def _values(self, row: Row) -> list[tuple[str, Any]]:
        found = []
        for name, one in self.project.data.attributes.items():
            if name not in self.places:
                continue
            said = self._cell(row, name)
            if not said and one.required and one.default is None:
                raise Rejected("missing", f"{name} is required and empty")
            try:
                found.append((name, value_of(said, one.type, one.choices) if said else None))
            except Unreadable as error:
                raise Rejected("bad value", f"{name}: {error}") from None
        return found

    def _consents(self, row: Row) -> frozenset[str]:
        if CONSENT not in self.places:
            return self.granted
        said = self._cell(row, CONSENT).lower()
        if said in NO:
            return frozenset()
        if said in YES:
            if not self.granted:
                raise Rejected("bad value", "consent says yes, but not to what: add --consent promo,...")
            return self.granted
        topics = frozenset(part for part in said.replace(";", " ").replace(",", " ").replace("|", " ").split())
        if unknown := sorted(topics.difference(self.project.topics, PURPOSES)):
            raise Rejected("bad value", f'there is no topic "{unknown[0]}" in sojourn.yaml')
        return topics


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line says about columns: --map, --id, and the topics of --consent."""

    mapped: Sequence[str] = ()
    key: str | None = None
    granted: frozenset[str] = frozenset()


def columns_of(project: Project, sheet: Titled, wishes: Wishes) -> Columns:
    """Return what the columns are; WrongUse when --map or --id name what is not there."""
    header, key = sheet.header, wishes.key
    said = dict(_pair(one) for many in wishes.mapped for one in many.split(","))
    for name, target in said.items():
        _known(name, header, "the file has no column")
        if target:
            _known(target, [ID, CONSENT, EMAIL, PUSH, *project.data.attributes], "data.yaml has no attribute")
    if key is not None:
        _known(key, header, "the file has no column")
    targets: list[str] = []
    guessed: set[str] = set()
    sure = {*said.values(), *(name for name in header if name not in said)}
    for name in header:
        target = said[name] if name in said else _guess(name, project)
        if target in targets or (name not in said and target != name and target in sure):
            target = ""  # another column is it, by name or by --map
        if target and name not in said and target != name:
            guessed.add(name)
        targets.append(target)
    places = {target: at for at, target in enumerate(targets) if target}
    if key is None and not {ID, EMAIL} & places.keys():
        raise WrongUse(f"no column is an id or an email among {', '.join(header)}; say which: --id COLUMN")
    at = header.index(key) if key is not None else None
    return Columns(project, sheet.path.name, header, tuple(targets), frozenset(guessed), wishes.granted, at, places)


def _pair(one: str) -> tuple[str, str]:
    name, equals, target = one.partition("=")
    if not equals:
        raise WrongUse(f"cannot read --map {one}; write column=attribute, or column= to ignore it")
    return name.strip(), target.strip()


def _known(name: str, names: Sequence[str], says: str) -> None:
    if name not in names:
        near = get_close_matches(name, names, 1)
        raise WrongUse(f'{says} "{name}"' + (f'; did you mean "{near[0]}"?' if near else f": {', '.join(names)}"))


def _guess(name: str, project: Project) -> str:
    """Return the attribute, address, id or consent that a column of this name is, "" when nobody can tell."""
    word = "_".join(name.lower().replace("-", " ").split())
    target = GUESSES.get(word, word)
    return target if target in (ID, CONSENT, EMAIL, PUSH) or target in project.data.attributes else ""
