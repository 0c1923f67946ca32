"""The bare pipeline does the whole reference journey, and the sink counts what arrived."""

from __future__ import annotations

from benchmarks import bare, sink
from benchmarks.readers import people


def test_the_bare_pipeline_writes_the_rows_and_sends_the_mails_of_the_reference_journey(tmp_path):
    box = tmp_path / "box"
    box.mkdir()
    with sink.sink(keep=box) as port:
        bare.load(tmp_path / "bare.db", 100, waiting=50)
        bare.run(tmp_path / "bare.db", port)
        assert (bare.rows(tmp_path / "bare.db"), sink.accepted(port)) == ((620, 160), 160)
    mail = next(box.iterdir()).read_bytes()
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in mail
    assert 3000 < len(mail) < 8000


def test_four_people_in_five_pass_the_gate():
    assert sum(person.score >= 20 for person in people(1000)) == 800
