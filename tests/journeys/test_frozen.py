"""A quick frozen dataclass is one in every way: it compares, hashes, refuses changes, and only its making is another."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from journeys.frozen import altered, quick


@quick
@dataclass(frozen=True, slots=True)
class Walker:
    name: str
    steps: int = 0
    seen: dict[str, int] = field(default_factory=dict)


def test_it_is_made_by_place_and_by_name_with_its_own_defaults() -> None:
    assert Walker("ada", steps=3) == Walker(name="ada", steps=3, seen={})
    assert Walker("ada").seen is not Walker("ada").seen
    with pytest.raises(TypeError):
        Walker()  # type: ignore[call-arg]


def test_nobody_changes_it_and_its_class_is_the_frozen_one() -> None:
    one = Walker("ada")
    assert type(one) is Walker
    with pytest.raises(FrozenInstanceError):
        one.steps = 2  # type: ignore[misc]


def test_it_is_copied_and_pickled() -> None:
    one = Walker("ada", 2, {"a": 1})
    assert pickle.loads(pickle.dumps(one)) == one == copy.deepcopy(one)  # noqa: S301 - our own bytes


def test_altered_does_what_replace_does_and_refuses_a_field_that_is_not_there() -> None:
    one = Walker("ada", 2, {"a": 1})
    assert altered(one, steps=3) == replace(one, steps=3)
    assert one.steps == 2
    with pytest.raises(TypeError, match="Walker has no field 'pace'"):
        altered(one, pace=1)
