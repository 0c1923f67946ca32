"""What belongs to people: every table with a row about a person, by which column, and what an erasure does with it.

Rules
- A table is named here or its column makes the test fail: nothing personal is forgotten because it is new.
- `delete`: the row goes. `pseudonym`: the row stays for the figures under a random name, without what `clears` names.
  `keep`: it stays as it is, and `why` says what makes that lawful.
- `through` says how a row belongs to somebody whom it does not name: its column holds that table's key.
- A merge of two people renames `column` in every row that names its contact itself (`through` None).
- The order is that of an erasure: what belongs through another table comes before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Treatment = Literal["delete", "pseudonym", "keep"]


@dataclass(frozen=True, slots=True)
class Belonging:
    """One table's rows about people. `clears`: columns that say more than a figure needs, and what they hold after."""

    table: str
    column: str
    treatment: Treatment
    why: str = ""
    through: str | None = None  # "table.column" whose value `column` holds
    clears: Mapping[str, Any] = field(default_factory=dict)
    also: str | None = None  # another column that names a person: the row is about both


PERSONAL: tuple[Belonging, ...] = (
    Belonging("moves", "enrollment_id", "keep", "states and times of a run without a name", "enrollments.id"),
    Belonging("waits", "enrollment_id", "delete", through="enrollments.id"),
    Belonging("placed", "run", "delete", through="enrollments.id"),
    Belonging("displaced", "run", "delete", through="enrollments.id"),
    Belonging("shadows", "key", "keep", "chances of arms; no person is in them", "decisions.key"),
    Belonging("mail_reports", "key", "keep", "that a message bounced, and how; no person is in it", "deliveries.key"),
    Belonging("moved", "merge_id", "delete", through="merges.id"),
    Belonging("merges", "contact_id", "delete", also="gone"),
    Belonging("proposals", "contact_id", "delete", also="other"),
    Belonging("identities", "contact_id", "delete"),
    Belonging("profile_values", "contact_id", "delete"),
    Belonging("memberships", "contact_id", "delete"),
    Belonging("problems", "contact_id", "delete"),
    Belonging("alarms", "contact_id", "delete"),
    Belonging("changes", "contact_id", "delete"),
    Belonging("traits", "contact_id", "delete"),
    Belonging("audiences", "contact_id", "pseudonym", "campaigns are measured", clears={"reasons": []}),
    Belonging("reservations", "contact_id", "delete"),
    Belonging("shown", "contact_id", "delete"),
    Belonging("standings", "contact_id", "delete"),
    Belonging("segment_moves", "contact_id", "delete"),
    Belonging("notices", "contact_id", "delete"),
    Belonging("shared", "contact_id", "pseudonym", "until the receiver is told to let go of them: the next push"),
    Belonging("addresses", "contact_id", "delete"),
    Belonging("refusals", "contact_id", "pseudonym", "caps and quiet hours are counted", clears={"detail": ""}),
    Belonging("decisions", "contact_id", "pseudonym", "learning data; private attributes are never in its features"),
    Belonging(
        "deliveries", "contact_id", "pseudonym", "messages are counted",
        clears={"request": {}, "detail": "", "address": None, "links": None, "provider_id": None},
    ),
    Belonging("enrollments", "contact_id", "pseudonym", "runs are counted", clears={"entry": {}, "values": {}}),
    Belonging("events", "contact_id", "pseudonym", "outcomes are counted: of the body what money needs stays"),
    Belonging("confirmations", "contact_id", "delete"),
    Belonging("opens", "contact_id", "delete"),
    Belonging(
        "consents", "contact_id", "pseudonym", "when what was allowed: the proof for what was sent",
        clears={"ip": None, "source": "", "proof": None},
    ),
    Belonging("suppressions", "digest", "keep", "a keyed hash: the wish never to be written to again"),
    Belonging("tombstones", "digest", "keep", "a keyed hash: nobody brings back who asked to be forgotten"),
    Belonging("contacts", "id", "delete"),
)  # fmt: skip


def belonging(table: str) -> Belonging:
    """Return how rows of this table belong to people; KeyError when they do not."""
    return _BY_TABLE[table]


def named() -> tuple[Belonging, ...]:
    """Return the tables whose rows name their contact themselves: what a merge of two people touches."""
    apart = {"contacts", "suppressions", "tombstones"}
    return tuple(one for one in PERSONAL if one.through is None and one.table not in apart)


_BY_TABLE = {one.table: one for one in PERSONAL}
