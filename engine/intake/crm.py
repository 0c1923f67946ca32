"""People from HubSpot and Salesforce, a page at a time, each with the cursor from which to go on after it.

Sources: https://developers.hubspot.com/docs/api/crm/contacts, https://developers.hubspot.com/docs/api/crm/search,
https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_query.htm

Rules
- The first import reads everybody, and goes on where it was interrupted; later ones read who changed since.
- "Too many requests" and failures of theirs are tried again, as long as they say that we shall wait.
- The tokens come from the environment and are never written anywhere.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

from engine.errors import ConfigError
from engine.intake.clocks import instant

if TYPE_CHECKING:
    import httpx

TRIES: Final = 6
LONGEST_WAIT: Final = 60.0
OVERLAP: Final = timedelta(minutes=5)  # their clock may be behind ours
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_.]*")
SEARCHED: Final = 9_900  # HubSpot's search gives its first 10,000 results and no more

Record = Mapping[str, str]
Cursor = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """Some people, texts by the field's name ("id": theirs), and where to go on once they are stored."""

    records: Sequence[Record]
    cursor: Cursor


class Crm(Protocol):
    """Where people come from. `name` is their source, `fields` what is asked for, `places` which attribute some are."""

    name: str
    fields: tuple[str, ...]
    places: Mapping[str, str]

    def pages(self, cursor: Cursor, now: datetime) -> Iterator[Page]:
        """Give people from the cursor on."""


def _sleep(seconds: float) -> None:
    time.sleep(seconds)


@dataclass(slots=True)
class Http:
    """Asks one host with a token, again where it says to come later."""

    base: str
    token: str
    sleep: Callable[[float], None] = _sleep
    _client: httpx.Client | None = field(default=None, init=False)

    def ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """Return the JSON object of an answer; ConfigError when there is none to be had."""
        said = "no answer"
        for attempt in range(TRIES):
            answer = self._once(method, path, more)
            if isinstance(answer, str):
                said, wait = answer, 2.0**attempt
            elif answer.status_code == 429 or answer.status_code >= 500:
                said, wait = f"answer {answer.status_code}", _wait(answer.headers.get("retry-after"), attempt)
            else:
                return self._read(answer)
            if attempt < TRIES - 1:
                self.sleep(min(wait, LONGEST_WAIT))
        raise ConfigError(f"{self.base} does not serve us after {TRIES} tries ({said}); run the same again to go on")

    def _once(self, method: str, path: str, more: Mapping[str, Any]) -> httpx.Response | str:
        try:
            import httpx  # noqa: PLC0415 - an extra
        except ImportError:
            raise ConfigError("imports from a CRM need an extra: pip install 'sojourn[crm]'") from None
        if self._client is None:
            headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
            self._client = httpx.Client(base_url=self.base, headers=headers, timeout=30)
        try:
            return self._client.request(method, path, **more)
        except httpx.HTTPError as error:
            return str(error) or type(error).__name__

    def _read(self, answer: httpx.Response) -> dict[str, Any]:
        if answer.status_code in (401, 403):
            raise ConfigError(
                f"{self.base} refuses the token ({answer.status_code}); is it valid, may it read contacts?"
            )
        if answer.status_code >= 400:
            raise ConfigError(f"{self.base} refuses the request ({answer.status_code}): {answer.text[:300]}")
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ConfigError(f"{self.base} answers something else than JSON; is the address right?")
        return found

    def close(self) -> None:
        if self._client is not None:
            self._client.close()


def _wait(said: str | None, attempt: int) -> float:
    try:
        return float(said) if said else 2.0**attempt
    except ValueError:
        return 2.0**attempt


class HubSpot:
    """Contacts of HubSpot: all of them by `after`, later those whose `lastmodifieddate` is new."""

    name = "hubspot"
    places: Mapping[str, str] = {"zip": "postal_code", "hs_language": "locale"}

    def __init__(self, http: Http, more: Sequence[str] = ()) -> None:
        own = ("email", "firstname", "lastname", "phone", "city", "country", "zip", "company", "hs_language")
        self._http = http
        self.fields = tuple(dict.fromkeys([*own, *more]))

    def pages(self, cursor: Cursor, now: datetime) -> Iterator[Page]:
        """Give everybody, or who changed since the last time."""
        return self._changed(cursor["since"]) if cursor.get("since") else self._all(cursor, now)

    def _all(self, cursor: Cursor, now: datetime) -> Iterator[Page]:
        began = cursor.get("began") or (now - OVERLAP).isoformat()
        after = cursor.get("after")
        while True:
            params = {"limit": "100", "properties": ",".join((*self.fields, "lastmodifieddate"))}
            found = self._http.ask(
                "GET", "/crm/v3/objects/contacts", params=params | ({"after": after} if after else {})
            )
            after = _after(found)
            yield Page(self._records(found), {"after": after, "began": began} if after else {"since": began})
            if not after:
                return

    def _changed(self, since: str) -> Iterator[Page]:
        after, begin = "", since
        while True:
            found = self._http.ask("POST", "/crm/v3/objects/contacts/search", json=self._query(begin, after))
            seen = [str(one.get("properties", {}).get("lastmodifieddate") or "") for one in _listed(found, "results")]
            since = max([since, *(at for at in seen if at)], key=_instant)
            after = _after(found)
            yield Page(self._records(found), {"since": since})
            if not after:
                return
            if int(after) >= SEARCHED:
                after, begin = "", since

    def _query(self, since: str, after: str) -> dict[str, Any]:
        newer = {"propertyName": "lastmodifieddate", "operator": "GTE", "value": str(int(_instant(since) * 1000))}
        return {
            "filterGroups": [{"filters": [newer]}], "limit": 100, "properties": [*self.fields, "lastmodifieddate"],
            "sorts": [{"propertyName": "lastmodifieddate", "direction": "ASCENDING"}],
        } | ({"after": after} if after else {})  # fmt: skip

    def _records(self, found: Mapping[str, Any]) -> list[Record]:
        return [
            {"id": str(one["id"])} | {name: _text(one.get("properties", {}).get(name)) for name in self.fields}
            for one in _listed(found, "results")
        ]


class Salesforce:
    """Contacts of Salesforce in the order of their `SystemModstamp`: the last one stored is where to go on."""

    name = "salesforce"
    places: Mapping[str, str] = {
        "MailingCity": "city", "MailingCountry": "country", "MailingPostalCode": "postal_code",
        "FirstName": "first_name", "LastName": "last_name",
    }  # fmt: skip

    def __init__(self, http: Http, more: Sequence[str] = ()) -> None:
        own = ("Email", "FirstName", "LastName", "Phone", "MailingCity", "MailingCountry", "MailingPostalCode")
        self._http = http
        self.fields = tuple(dict.fromkeys([*own, *more]))
        if wrong := [name for name in self.fields if not _FIELD.fullmatch(name)]:
            raise ConfigError(f'"{wrong[0]}" is no name of a field of Salesforce')

    def pages(self, cursor: Cursor, now: datetime) -> Iterator[Page]:
        """Give everybody, or who changed since the last time."""
        since = cursor.get("since")
        newer = f" WHERE SystemModstamp >= {since}" if since else ""
        fields = ", ".join(("Id", *self.fields, "SystemModstamp"))
        asked = f"SELECT {fields} FROM Contact{newer} ORDER BY SystemModstamp, Id"  # noqa: S608 - only names of fields
        found = self._http.ask("GET", "/services/data/v59.0/query", params={"q": asked})
        while True:
            records = _listed(found, "records")
            since = _stamp(records[-1]["SystemModstamp"]) if records else since
            yield Page([self._record(one) for one in records], {"since": since} if since else {})
            if found.get("done", True):
                return
            found = self._http.ask("GET", str(found["nextRecordsUrl"]))

    def _record(self, one: Mapping[str, Any]) -> Record:
        return {"id": str(one["Id"])} | {name: _text(one.get(name)) for name in self.fields}


def _listed(found: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    listed = found.get(name)
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise ConfigError(f"the answer has no list of {name}; is the address that of the CRM?")
    return listed


def _stamp(text: str) -> str:
    """Return an instant as SOQL reads it."""
    at = instant(text)
    return text if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def _after(found: Mapping[str, Any]) -> str:
    return str(found.get("paging", {}).get("next", {}).get("after") or "")


def _instant(text: str) -> float:
    at = instant(text)
    return 0.0 if at is None else at.timestamp()


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()
