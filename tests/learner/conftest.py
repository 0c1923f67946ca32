"""Decision points in our words."""

from datetime import timedelta

import pytest

from journeys import Arm, Choose, Explore, Expression, Place, Reward


def told(source, given):
    """Return an expression of the language, told by a function of the scope."""
    return Expression(source, Place("test.yaml", 1, 1), "any", {}, frozenset(), given)


@pytest.fixture
def choose():
    def build(context=None, scale=None, clip=None):
        return Choose(
            arms=(Arm("email/a", "email/a", "email"), Arm("nothing", "nothing", "")),
            reward=Reward(timedelta(days=2), {}, clip, scale),
            context=tuple(told(source, lambda _, value=value: value) for source, value in (context or {}).items()),
            explore=Explore("vw", 0, 0.02),
        )

    return build
