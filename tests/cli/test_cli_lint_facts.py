"""`sojourn lint` beside a store: it says what the people in it would miss, and needs no store to work."""

from __future__ import annotations


def test_lint_knows_the_people_of_the_store(sojourn, people):
    assert sojourn("event", "send", "signed_up", "--contact", "lena@shop.example").code == 0
    file = people / "journeys/welcome.yaml"
    file.write_text(file.read_text("utf-8").replace("{event: signed_up}", "{event: signd_up}"), "utf-8")
    said = sojourn("lint", file)
    assert said.code == 1
    assert 'note: last seen in the store: never. "signed_up": just now, 1 in 30 days' in said.out
    told = file.read_text("utf-8").replace("{event: signd_up}", "{event: signed_up}")
    file.write_text(told + "  ring: {send: push/welcome_tips}\n", "utf-8")
    said = sojourn("lint", file)
    assert said.code == 0
    assert "warning[W906] this step is push only, and 100% of contacts have no push token" in said.out


def test_the_clock_may_be_set(sojourn, people):
    sojourn("event", "send", "signed_up", "--contact", "lena@shop.example")
    file = people / "journeys/welcome.yaml"
    file.write_text(file.read_text("utf-8").replace("{event: signed_up}", "{event: signd_up}"), "utf-8")
    assert '"signed_up": never' in sojourn("lint", file, "--now", "2020-01-01T00:00:00Z").out


def test_lint_works_beside_a_broken_store_and_one_that_is_not_there(sojourn, shop):
    for url in ("sqlite:///none.db", f"sqlite:///{shop / 'broken.db'}", "postgresql://nobody@127.0.0.1:1/x"):
        (shop / "broken.db").write_text("not a database " * 1000)
        said = sojourn("lint", "--db", url)
        assert (said.code, "0 errors" in said.out) == (0, True), url
    assert not (shop / "none.db").exists()
