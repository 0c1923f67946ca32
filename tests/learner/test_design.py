"""The columns a Bayesian model looks at, against the plainest way to make them."""

import numpy as np
import pytest

from engine.learner.design import MOST_COLUMNS, ONE, Design, chosen, group_of, product
from engine.learner.schema import FIXED, fitted
from engine.learner.words import Words


def lines(count=400, seed=0):
    chance = np.random.default_rng(seed)
    for _ in range(count):
        more = f" zip={chance.integers(3)}" if chance.random() < 0.5 else ""
        yield f"tier={chance.choice(['gold', 'tin'])} value:{chance.normal(50, 9):.4g}{more} hour={chance.integers(4)}"


def plain(design, schema, line):
    """Return the columns of one line, one by one."""
    tokens = schema.read(line)
    named = {ONE: 1.0, **dict(tokens)}
    named |= {product(a, b): x * y for a, x in tokens for b, y in tokens if group_of(a) < group_of(b)}
    return [named.get(column, 0.0) for column in design.columns]


@pytest.mark.parametrize("schema", [FIXED, fitted(lines())], ids=["bins", "fitted"])
@pytest.mark.parametrize("crosses", [0, 2, 5])
def test_a_matrix_holds_what_its_columns_say(schema, crosses):
    some = list(lines())
    design = chosen(Words(schema), some, {"tier": 3.0, "value": 2.0, "zip": 1.5, "hour": 1.0}, crosses)
    asked = [*lines(50, seed=1), "", "tier=new hour=1", "zip=1", "value:49.5 tier=gold hour=2", "nobody=knows"]
    found = design.matrix(asked)
    assert found == pytest.approx(np.array([plain(design, schema, line) for line in asked]), abs=1e-6)
    assert len(design.pairs) == {0: 0, 2: 1, 5: 6}[crosses]


def test_there_are_never_more_columns_than_can_be_afforded():
    many = [" ".join(f"f{at}=v{(at * n) % 40}" for at in range(12)) for n in range(3000)]
    design = chosen(Words(FIXED), many, {f"f{at}": 1.0 for at in range(12)}, 5)
    assert len(design.columns) <= MOST_COLUMNS
    assert design.columns[0] == ONE


def test_what_is_rare_and_what_is_weak_has_no_column():
    some = [*lines(), *(["tier=rare"] * 7)]
    design = chosen(Words(FIXED), some, {"tier": 1.0, "hour": 0.0}, 5)
    assert "tier=rare" not in design.columns
    assert design.pairs == ()


def test_a_design_without_words_is_the_constant():
    assert Design(Words(FIXED)).matrix(["a=b", ""]).tolist() == [[1.0], [1.0]]
    assert Design(Words(FIXED)).matrix([]).shape == (0, 1)
