"""`sojourn simulate`: one contact, and a population."""

from __future__ import annotations

import pytest


@pytest.fixture
def plain(tmp_path, sojourn, monkeypatch):
    """The starter as it is, as the current folder."""
    assert sojourn("init", tmp_path / "shop").code == 0
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path / "shop"


@pytest.fixture
def tom(plain, sojourn):
    """Somebody who is subscribed to one topic only."""
    (plain / "people.csv").write_text("email,first_name,consent\ntom@shop.example,Tom,onboarding\n")
    assert sojourn("contact", "import", "people.csv").code == 0


def test_a_journey_can_be_tried_with_nothing_but_its_name(plain, sojourn):
    said = sojourn("simulate", "welcome")
    assert (said.code, said.err) == (0, "")
    assert "virtual clock, nothing is sent" in said.out
    assert "✉ email/welcome_hello" in said.out
    assert "What if: " in said.out


def test_the_store_is_not_changed_and_not_even_needed(plain, sojourn):
    (plain / "sojourn.db").unlink()
    assert sojourn("simulate", "cart_recovery").code == 0
    assert not (plain / "sojourn.db").exists()


def test_a_person_of_the_store_is_taken_as_they_are(tom, sojourn):
    said = sojourn("simulate", "cart_recovery", "--contact", "tom@shop.example", "--json")
    assert said.json["data"]["attributes"]["first_name"] == "Tom"
    assert "not subscribed to promo" in sojourn("simulate", "cart_recovery", "--contact", "tom@shop.example").out


def test_the_same_words_lead_to_the_same_path(plain, sojourn):
    words = ("simulate", "cart_recovery", "--from", "2026-03-02 17:17", "--seed", "9")
    assert sojourn(*words).out == sojourn(*words).out


def test_an_event_of_the_script_ends_the_journey(plain, sojourn):
    said = sojourn("simulate", "cart_recovery", "--event", "order_placed@50m", "--json")
    (run,) = said.json["data"]["runs"]
    assert run["reason"] == "goal"


def test_a_forced_arm_is_drawn(plain, sojourn):
    said = sojourn("simulate", "cart_recovery", "--force", "recover=nothing", "--json").json["data"]
    assert [row["decision"]["arm"] for row in said["decisions"]] == ["nothing"]


def test_a_changed_person_goes_another_way(plain, sojourn):
    assert "concierge" in sojourn("simulate", "cart_recovery", "--set", "contact.tier=gold").out


def test_who_does_not_meet_the_condition_is_told_so(plain, sojourn):
    said = sojourn("simulate", "cart_recovery", "--event", "cart_abandoned:value=3,items_count=1")
    assert "was not entered: the condition is not met: event.value >= vars.min_cart" in said.out


def test_a_journey_of_a_segment_can_be_tried(plain, sojourn):
    assert "▶ enter" in sojourn("simulate", "winback").out


@pytest.mark.parametrize("season", ["spring", "autumn"])
def test_both_nights_of_the_clocks_are_named(plain, sojourn, season):
    said = sojourn("simulate", "welcome", "--from", season, "--now", "2026-01-15T12:00:00Z", "--json").json
    start = {"spring": "2026-03-28T09:00:00Z", "autumn": "2026-10-24T08:00:00Z"}[season]
    assert said["data"]["start"] == start


def test_the_clocks_of_a_zone_without_summer_time_do_not_change(plain, sojourn):
    said = sojourn("simulate", "welcome", "--from", "spring", "--set", "contact.timezone=Asia/Kolkata")
    assert (said.code, "do not change in Asia/Kolkata" in said.err) == (2, True)


def test_the_default_start_is_next_monday_at_ten(plain, sojourn):
    said = sojourn("simulate", "welcome", "--now", "2026-03-04T12:00:00Z", "--json").json
    assert said["data"]["start"] == "2026-03-09T09:00:00Z"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["welcom"], 4, 'did you mean "welcome"?'),
        (["welcome", "--event", "sign_up"], 2, 'did you mean "signed_up"?'),
        (["welcome", "--event", "signed_up:sauce=x"], 2, 'did you mean "source"?'),
        (["cart_recovery", "--event", "cart_abandoned:value=much"], 2, '"much" is no number'),
        (["welcome", "--set", "contact.tear=gold"], 2, 'did you mean "tier"?'),
        (["welcome", "--set", "contact.tier=iron"], 2, "basic, silver, gold"),
        (["welcome", "--set", "tier"], 2, "--set contact.tier=gold"),
        (["welcome", "--force", "nudg=nothing"], 2, 'did you mean "nudge"?'),
        (["welcome", "--force", "nudge=noting"], 2, 'did you mean "nothing"?'),
        (["welcome", "--from", "soon"], 2, "spring, autumn"),
        (["welcome", "--until", "long"], 2, "30d"),
        (["welcome", "--contact", "nobody"], 4, 'no contact "nobody"'),
        (["welcome", "--report", "x.html"], 2, "--population 1000"),
        (["welcome", "--population", "5", "--contact", "x"], 2, "--contact is about one contact"),
        (["welcome", "--population", "5", "--seed", "x"], 2, "whole number"),
    ],
)
def test_what_cannot_be_tried_is_said_in_one_line(plain, sojourn, words, code, says):
    said = sojourn("simulate", *words)
    assert (said.code, said.out) == (code, "")
    assert says in said.err
    assert said.err.count("\n") == 1


def test_a_condition_that_no_sample_meets_asks_for_an_event(plain, sojourn):
    file = plain / "journeys" / "cart_recovery.yaml"
    file.write_text(file.read_text().replace("event.items_count > 0", 'event.cart_id == "very special"'))
    said = sojourn("simulate", "cart_recovery")
    assert said.code == 2
    assert "--event cart_abandoned:property=value" in said.err


def test_a_population_lives_through_the_journey(plain, sojourn):
    said = sojourn("simulate", "welcome", "--population", "40", "--days", "6", "--report", "out.html")
    assert (said.code, said.err) == (0, "")
    assert "40 entries" in said.out
    assert "invented" in said.out
    assert "learner" in said.out
    assert "wrote out.html" in said.out
    assert "Nobody's goal window (14d) is over yet" in said.out
    assert (plain / "out.html").read_text("utf-8").startswith("<!doctype html>")


def test_a_population_is_the_same_for_the_same_seed(plain, sojourn):
    def counts(seed):
        said = sojourn("simulate", "cart_recovery", "--population", "60", "--days", "5", "--seed", seed, "--json")
        return said.json["data"]["did"], said.json["data"]["findings"]["groups"]

    first = counts("7")
    assert first == counts("7")
    assert first != counts("8")


def test_people_of_simple_habits_live_where_the_shop_does_not_fit(tmp_path, sojourn):
    assert sojourn("init", tmp_path / "saas", "--from", "saas").code == 0
    said = sojourn("-C", tmp_path / "saas", "simulate", "trial_onboarding", "--population", "40", "--days", "20")
    assert said.code == 0
    assert "40 invented people, rates: " in said.out
    assert "40 entries" in said.out


def test_a_broken_journey_does_not_keep_another_from_being_tried(plain, sojourn):
    (plain / "journeys" / "winback.yaml").write_text("journey: winback\nenter: {event: nothing_like_it}\nstates: {}\n")
    said = sojourn("simulate", "welcome")
    assert said.code == 0
    assert "left out, because of errors: journeys/winback.yaml" in said.err
    assert sojourn("simulate", "winback").code == 1


def test_the_invented_shop_tells_who_was_served_what_is_truly_best(plain, sojourn):
    said = sojourn("simulate", "cart_recovery", "--population", "150", "--days", "8")
    assert "who got what" in said.out
    assert "known only in a simulation" in said.out
    assert "Too early: a verdict needs 100 contacts in each group and 30 goals: --population" in said.out
