"""Orders become arrays, whatever their order; the file is ours and whole, or it is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from little_shop import PEOPLE, rows, shop

from engine.audience import arrays_file
from engine.audience.arrays import Rows, assemble, with_affinities
from engine.audience.collect import Collector
from engine.errors import ConfigError
from journeys.project import Buying

KEY = b"a secret of this project"


@pytest.fixture(scope="module")
def fields():
    return with_affinities(assemble(*rows(), 30_000_000))


def test_the_order_in_which_orders_are_read_changes_nothing(fields):
    ids, products, lines, visits = rows()
    mixed = np.random.default_rng(3).permutation(len(lines.who))
    other = Rows(lines.who[mixed], lines.minute[mixed], lines.money[mixed], lines.what[mixed])
    again = assemble(ids, products, other, visits, 30_000_000)
    assert np.array_equal(again["when"], fields["when"]) and np.array_equal(again["start"], fields["start"])
    assert again["skus"] == fields["skus"]
    assert fields["first"].sum() == len(np.unique(lines.who.astype(np.int64) * 99 + lines.what))


def test_a_file_gives_back_what_was_saved_and_finds_people(fields, tmp_path):
    made = arrays_file.save(fields, tmp_path, KEY)
    read = arrays_file.load(arrays_file.newest(tmp_path), (b"a newer secret", KEY))
    for name in ("start", "item", "when", "money", "ease", "before", "ids"):
        assert np.array_equal(getattr(read, name), fields[name])
    assert (read.version, read.skus) == (made.version, fields["skus"])
    assert read.find(["p003", "nobody", "é"]).tolist() == [3, -1, -1]
    assert arrays_file.save(fields, tmp_path, KEY).version == made.version


def test_what_is_not_ours_or_not_whole_is_refused_with_the_way_out(fields, tmp_path):
    arrays_file.save(fields, tmp_path, KEY)
    path = arrays_file.newest(tmp_path)
    whole = path.read_bytes()
    with pytest.raises(ConfigError, match=r"secret.*campaign refresh"):
        arrays_file.load(path, (b"of another project",))
    for bad, says in ((whole[:-5000], "cut"), (whole[:-9] + b"x" * 9, "changed"), (b"PK" + whole, "no arrays")):
        path.write_bytes(bad)
        with pytest.raises(ConfigError, match=says):
            arrays_file.load(path, (KEY,))


def test_two_versions_are_kept_and_all_are_forgotten(fields, tmp_path):
    for minute in (1, 2, 3):
        arrays_file.save({**fields, "minute": minute}, tmp_path, KEY)
    assert len(list(tmp_path.glob("arrays-*.bin"))) == 2
    assert arrays_file.forget(tmp_path) == 2
    assert arrays_file.newest(tmp_path) is None


def test_orders_are_read_as_data_yaml_says_and_odd_ones_do_no_harm():
    taker = Collector(Buying("order_placed", "total", "items"), refusing={"no"})
    bodies = [
        {
            "total": 9,
            "items": [{"sku": "A", "quantity": 2, "price": 4}, {"sku": "B"}, {"price": 1}, "x", {"sku": None}],
        },
        {"total": "many", "items": "none"},
        {},
        {"total": 5, "items": [{"sku": "A"}]},
    ]
    taker.orders(
        [
            (who, 60_000_000 * n, json.dumps(body))
            for n, (who, body) in enumerate(zip(["a", "a", "b", "no"], bodies, strict=True))
        ]
    )
    taker.visits([("b", 1), ("stranger", 1)])
    lines, visits = taker.rows()
    assert (lines.who.tolist(), lines.money.tolist(), list(taker.skus)) == ([0, 0], [8, 0], ["A", "B"])
    assert (visits.who.tolist(), visits.money.tolist()) == ([0, 0, 1, 1], [9, 0, 0, 0])


def test_an_empty_shop_has_arrays_too(tmp_path):
    none = Rows(*(np.empty(0, kind) for kind in ("i", "i", "f", "i")))
    made = arrays_file.save(
        with_affinities(assemble([], {}, none, Rows(none.who, none.minute, none.money), 5)), tmp_path, KEY
    )
    assert (made.people, made.lines, made.find(["a"]).tolist()) == (0, 0, [-1])
    assert shop().people == PEOPLE


def test_what_is_no_amount_counts_as_none_and_a_number_can_name_a_product():
    taker = Collector(Buying("order_placed", "total", "items"))
    items = [{"sku": 7, "price": 10**400}, {"sku": "A", "price": True, "quantity": 3}, {"sku": "A", "price": 2.5}]
    taker.orders([("a", 0, json.dumps({"total": 10**400, "items": items})), ("b", 0, '{"items": {}}')])
    lines, visits = taker.rows()
    assert (lines.money.tolist(), list(taker.skus)) == ([0, 0, 2.5], ["7", "A"])
    assert visits.money.tolist() == [2.5, 0]
