from __future__ import annotations

import stat

import pytest


@pytest.mark.parametrize("starter", ["shop", "saas", "empty"])
def test_every_starter_is_made_whole_and_lints_clean(sojourn, tmp_path, starter):
    folder = tmp_path / "deep" / "down" / starter
    said = sojourn("init", folder, "--from", starter)
    assert said.code == 0
    assert "Next:  cd " in said.out
    assert stat.S_IMODE((folder / ".sojourn" / "secret").stat().st_mode) == 0o600
    assert sojourn("-C", folder, "db", "status").code == 0
    checked = sojourn("-C", folder, "lint", "--json")
    assert (checked.code, checked.json["data"]["errors"]) == (0, 0)


def test_init_never_writes_into_a_project(sojourn, shop):
    before = (shop / "data.yaml").read_text()
    said = sojourn("init", shop)
    assert said.code == 2
    assert "already there" in said.err
    assert (shop / "data.yaml").read_text() == before


def test_an_unknown_starter_names_those_there_are(sojourn, tmp_path):
    said = sojourn("init", tmp_path / "x", "--from", "shopp")
    assert said.code == 2
    assert "empty, saas, shop" in said.err
    assert not (tmp_path / "x").exists()


def test_lint_shows_the_line_with_a_caret_and_ends_with_1(sojourn, shop):
    file = shop / "journeys" / "welcome.yaml"
    file.write_text(file.read_text("utf-8").replace("email/welcome_gift", "email/welcome_gft"), "utf-8")
    said = sojourn("lint")
    assert said.code == 1
    assert "journeys/welcome.yaml:" in said.out
    assert "^" in said.out
    assert "did you mean email/welcome_gift?" in said.out
    assert "1 error" in said.out.splitlines()[-1]
    assert "(1 fixable with --fix)" in said.out
    found = sojourn("lint", "--json").json
    assert found["problems"][0]["code"] == "R203"
    assert not found["ok"]


def test_lint_looks_at_the_named_files_and_codes_only(sojourn, shop):
    file = shop / "journeys" / "welcome.yaml"
    file.write_text(file.read_text("utf-8").replace("email/welcome_gift", "email/welcome_gft"), "utf-8")
    assert sojourn("lint", "journeys/winback.yaml").code == 0
    assert sojourn("lint", "journeys").code == 1
    assert sojourn("lint", "--ignore", "R2").code == 0
    assert sojourn("lint", "--select", "R203").code == 1
    assert sojourn("lint", "journeys/none.yaml").code == 2


def test_a_journey_is_drawn_and_a_mistyped_one_is_guessed(sojourn, shop):
    assert "signed_up" in sojourn("draw", "welcome").out
    assert sojourn("draw", "welcome", "--ascii").out.isascii()
    missing = sojourn("draw", "welcom")
    assert missing.code == 4
    assert 'did you mean "welcome"?' in missing.err
    assert sojourn("draw", "welcome", "-o", "w.txt").code == 0
    assert "signed_up" in (shop / "w.txt").read_text("utf-8")


def test_config_masks_secrets_and_says_where_settings_come_from(sojourn, shop, monkeypatch):
    monkeypatch.setenv("SMTP_PASSWORD", "very-secret")
    monkeypatch.setenv("DATABASE_URL", "")
    said = sojourn("config", "show", "--json")
    assert "very-secret" not in said.out
    settings = {one["name"]: one for one in said.json["data"]["settings"]}
    assert settings["channels.email.password"]["source"].startswith("SMTP_PASSWORD (sojourn.yaml:")
    assert settings["store"]["source"].startswith("default of DATABASE_URL")
    assert settings["web.bind"]["value"] == "127.0.0.1:8000"


def test_a_store_without_tables_is_refused_until_upgraded(sojourn, shop):
    (shop / "sojourn.db").unlink()
    assert sojourn("db", "status").code == 5
    assert sojourn("tick").code == 5
    said = sojourn("db", "upgrade")
    assert said.code == 0
    assert "0004_shadow" in said.out
    assert sojourn("db", "status").code == 0
    assert "nothing to do" in sojourn("db", "upgrade").out


def test_a_store_that_is_no_database_is_told_plainly(sojourn, shop):
    (shop / "sojourn.db").write_bytes(b"this is no database, it is a letter to a friend" * 40)
    said = sojourn("db", "status")
    assert said.code == 5
    assert "is not a SQLite database" in said.err
