"""No table holds a person's rows without saying so in belongings.PERSONAL."""

from __future__ import annotations

import re

import engine.store.schema  # noqa: F401 - it knows every table
from engine.store.belongings import PERSONAL, named
from engine.store.tables import metadata

SPEAKS_OF_PEOPLE = re.compile(
    r"(^|_)(contact|contacts|person|people|address|email|phone|recipient|survivor|enrollment|run|ip|gone|other)(_id)?$"
)
NOT_PEOPLE: frozenset[str] = frozenset()  # "table.column" with such a name that is about nobody


def test_every_table_with_a_column_about_people_says_what_an_erasure_does_with_it() -> None:
    listed = {one.table for one in PERSONAL}
    found = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.c
        if SPEAKS_OF_PEOPLE.search(column.name) and f"{table.name}.{column.name}" not in NOT_PEOPLE
    }
    forgotten = sorted(one for one in found if one.split(".")[0] not in listed)
    assert not forgotten, f"add them to engine/store/belongings.py: {', '.join(forgotten)}"


def test_what_is_listed_exists() -> None:
    for one in PERSONAL:
        table = metadata.tables[one.table]
        assert {one.column, *one.clears, *filter(None, [one.also])} <= set(table.c.keys()), one.table
        if one.through is not None:
            other, column = one.through.split(".")
            assert column in metadata.tables[other].c


def test_what_is_kept_says_why_and_no_table_stands_twice() -> None:
    assert all(one.why for one in PERSONAL if one.treatment == "keep")
    assert len({one.table for one in PERSONAL}) == len(PERSONAL)


def test_what_belongs_through_a_table_is_erased_before_it() -> None:
    order = [one.table for one in PERSONAL]
    for one in PERSONAL:
        if one.through is not None:
            assert order.index(one.table) < order.index(one.through.split(".")[0])


def test_a_merge_renames_the_contact_wherever_a_row_names_them() -> None:
    assert {one.table for one in named()} == {one.table for one in PERSONAL if one.column == "contact_id"}
