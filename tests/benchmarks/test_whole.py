"""The measured engine does the whole reference journey, over a real SMTP connection, in both variants."""

from __future__ import annotations

import pytest

from benchmarks import sink, whole


@pytest.mark.parametrize(("variant", "steps"), [("choose", 4 * 80 + 2 * 20), ("split", 5 * 80 + 2 * 20)])
def test_the_reference_journey_moves_everybody_due_and_nobody_else(tmp_path, variant, steps):
    box = tmp_path / "box"
    box.mkdir()
    with sink.sink(keep=box) as port:
        engine, clock = whole.prepare(whole.in_file(whole.project(tmp_path, variant), port), 100, waiting=20)
        whole.run(engine, clock, 100)
        try:
            assert (whole.rows(engine), sink.accepted(port)) == ((steps, 160), 160)
        finally:
            engine.close()
    mail = next(box.iterdir()).read_bytes()
    assert b"List-Unsubscribe: <https://go.shop.example/u/" in mail
    assert b"https://go.shop.example/c/" in mail.replace(b"=\r\n", b"")
