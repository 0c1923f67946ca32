"""`sojourn demo` as its user meets it."""

from __future__ import annotations

import json

from engine.cli import main

SMALL = ["--contacts", "150", "--history", "4", "--days", "4", "--no-browser"]


def test_it_says_that_people_are_invented_before_anything_else(tmp_path, capsys):
    assert main(["demo", "--keep", str(tmp_path / "d"), *SMALL]) == 0
    out, err = capsys.readouterr()
    assert "the people are invented (seed 7)" in err.splitlines()[0]
    assert "5/5 report" in err
    assert "every message is accounted for" in out
    assert "The outliers are constructed" in out


def test_what_it_offers_next_works(tmp_path, capsys):
    folder = tmp_path / "d"
    assert main(["demo", "--keep", str(folder), *SMALL]) == 0
    said = capsys.readouterr().out.splitlines()
    offered = [line.split("sojourn ", 1)[1].split() for line in said if "sojourn -C" in line]
    assert len(offered) == 6
    for words in offered:
        assert main(words) == 0, words
        capsys.readouterr()


def test_the_json_object_holds_the_verdicts_and_the_sums(tmp_path, capsys):
    assert main(["demo", "--keep", str(tmp_path / "d"), "--json", *SMALL]) == 0
    data = json.loads(capsys.readouterr().out)["data"]
    assert data["invented"] is True
    assert data["exact"] is True
    assert [v["verdict"] for v in data["verdicts"]] == ["too early"] * len(data["verdicts"])


def test_a_demo_is_made_again_in_its_folder_and_in_no_other(tmp_path, capsys):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear", encoding="utf-8")
    assert main(["demo", "--keep", str(mine), *SMALL]) != 0
    assert "--keep" in capsys.readouterr().err
    assert (mine / "letter.txt").exists()
    tiny = ["--contacts", "50", "--history", "0", "--days", "2", "--no-browser"]
    assert main(["demo", "--keep", str(tmp_path / "d"), *tiny]) == 0
    (tmp_path / "d" / "extra").write_text("x", encoding="utf-8")
    assert main(["demo", "--keep", str(tmp_path / "d"), *tiny]) == 0
    assert not (tmp_path / "d" / "extra").exists()
