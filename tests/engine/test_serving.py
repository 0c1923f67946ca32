"""A model that is compared is asked for what it would serve: repeated messages fade, and new arms have their share."""

from __future__ import annotations

import pytest
from school import POINT, School, school

from engine.core.model import Decision
from engine.learner.models import Model, load_model, settings_for
from engine.serving import Around, served
from engine.store.arms import sent_before
from engine.store.connect import reading
from engine.store.replaying import Kept, policies_of
from engine.store.rows import decision_row
from journeys import Choose


@pytest.fixture(scope="module", params=["vw", "thompson"])
def taught(request, tmp_path_factory) -> tuple[School, Kept]:
    """Return a school, and the models that were kept before the last hour's decisions."""
    one = school(tmp_path_factory.mktemp("serving"), policy=request.param, people=40)
    one.live(70)
    with reading(one.store) as conn:
        kept = policies_of(conn, [POINT])
        assert one.made.engine.teacher.new_arms(conn, one.made.clock.now()) == frozenset()
    one.live(1, each=40)
    return one, kept


def asked(taught: tuple[School, Kept]) -> tuple[Choose, Model, list[Decision]]:
    """Return the choice, and the model that drew last with the decisions that it drew."""
    one, kept = taught
    choose = one.made.engine.teacher.points[POINT]
    last = [
        row.decision
        for row in map(decision_row, one.rows())
        if "@" in row.decision.policy and row.decision.group == "learner"
    ]
    drew = [each for each in last if each.policy == last[-1].policy]
    kind, raw = kept[POINT, int(last[-1].policy.rpartition("@")[2])]
    return choose, load_model(kind, raw, settings_for(choose)), drew


def test_what_a_model_would_serve_is_what_was_drawn_from_when_it_served(taught: tuple[School, Kept]):
    choose, model, drew = asked(taught)
    with reading(taught[0].store) as conn:
        sent = sent_before(conn, [one.key for one in drew])
    for one, chances in zip(drew, served(choose, model, drew, Around(sent)), strict=True):
        assert chances == pytest.approx(one.chances, abs=1e-6)
    assert len(drew) > 5
    bare = served(choose, model, drew)
    assert any(chances != pytest.approx(one.chances, abs=1e-3) for one, chances in zip(drew, bare, strict=True))


def test_an_arm_that_is_new_has_its_share_in_a_comparison_too(taught: tuple[School, Kept]):
    choose, model, drew = asked(taught)
    arm = drew[0].arms[0]
    found = served(choose, model, drew, Around({}, frozenset({(POINT, arm)})))
    shares = [chances[one.arms.index(arm)] for one, chances in zip(drew, found, strict=True) if arm in one.arms]
    assert min(shares) >= choose.explore.new_arm_share
