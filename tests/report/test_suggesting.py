"""What to try next: said with numbers, only where the log is worth reading."""

from __future__ import annotations

from engine.outliers.measured import OutlierGroup, Outliers
from engine.report.findings import ArmRow, DoseCount, ReasonCount
from engine.report.suggesting import cap_suggestion, suggestions
from engine.report.who import nobody

PUSHERS = OutlierGroup("contact.taps_push", "contact.taps_push", 1500, 0.25, 0.9, "push/b", 0.061)
FOUND = Outliers(
    "cart.recover", "email/a", 6000, 1500, 6000, (PUSHERS,), {"email/a": 4500, "push/b": 1490, "email/c": 10}
)  # fmt: skip
ARMS = ("email/a", "push/b", "email/c", "nothing")


def kinds(found: Outliers) -> dict[str, str]:
    return {one.kind: one.says for one in suggestions(found, ARMS, [ArmRow("email/a", 4000, 400)], 0.1)}


def test_a_large_pure_group_is_worth_a_branch_with_its_condition() -> None:
    [branch] = [one for one in suggestions(FOUND, ARMS, [], 0.1) if one.kind == "branch"]
    assert "1,500 people" in branch.says
    assert "push/b serves better than email/a by about +0.061" in branch.says
    assert "model estimate" in branch.says
    assert branch.yaml == "- {if: 'contact.taps_push', then: <a state for them>}"


def test_an_arm_that_is_best_for_nobody_and_a_message_that_serves_most_are_named() -> None:
    said = kinds(FOUND)
    assert said["drop"].startswith("email/c is best for nobody")
    assert said["vary"].startswith("email/a serves 75")
    assert "400 goals in 4,000 decisions" in said["vary"]


def test_a_group_too_small_gets_no_branch_and_is_told_how_small() -> None:
    few = Outliers(
        "p", "email/a", 6000, 90, 6000, (OutlierGroup("contact.vip", "contact.vip", 90, 0.015, 0.9, "push/b", 0.1),)
    )
    said = kinds(few)
    assert "branch" not in said
    assert "too small to serve apart: 90 people" in said["small"]


def test_a_short_log_suggests_nothing() -> None:
    assert suggestions(Outliers("p", "email/a", 300, 100, 300, (PUSHERS,)), ARMS, [], 0.1) == []
    assert suggestions(None, ARMS, [], 0.1) == []


def test_a_cap_is_questioned_only_when_it_costs_more_than_it_saves() -> None:
    capped = [ReasonCount("capped", 0, 0, 400)]
    doses = [DoseCount(0, 5000, 10), DoseCount(1, 3000, 6), DoseCount(2, 1000, 3), DoseCount(3, 500, 5)]
    [one] = cap_suggestion(capped, doses, (0.05, 4.0))  # 400 x .05 = 20 against 400 x .008 x 4 = 12.8
    assert (one.kind, "about 20 of reward lost" in one.says) == ("cap", True)
    assert cap_suggestion(capped, doses, (0.03, 4.0)) == []  # 12 against 12.8
    assert cap_suggestion([ReasonCount("capped", 9, 0, 0)], doses, (0.05, 4.0)) == []
    assert cap_suggestion(capped, [], (0.05, 4.0)) == []


def test_no_group_yet_says_what_is_missing_and_no_group_at_all_says_that() -> None:
    assert nobody(Outliers("p", "email/a", 500, 0, 500, needed=4321)).endswith("needs about 4,400 more decisions.")
    assert nobody(Outliers("p", "email/a", 9000, 0, 9000, needed=0)).startswith("No outlier group at p: in 9,000")
