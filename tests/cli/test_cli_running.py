from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from engine.tokens import Tokens, load_secrets


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def signed_up(people: Path, sojourn) -> Path:
    """Lena has signed up: the welcome journey is about to write to her."""
    assert sojourn("event", "send", "signed_up", "--contact", "lena@shop.example").code == 0
    return people


def test_a_tick_steps_sends_and_says_so(sojourn, signed_up):
    said = sojourn("tick")
    assert said.code == 0
    assert "due 1 · entered 1" in said.out
    assert "sent 1 (email 1)" in said.out
    listed = sojourn("mailbox")
    assert "lena@shop.example" in listed.out
    mail = sojourn("mailbox", "show", "1")
    assert "Lena" in mail.out
    assert "List-Unsubscribe" in mail.out
    assert sojourn("mailbox", "show", "2").code == 4
    assert "email/welcome_hello" in sojourn("log").out
    assert sojourn("log", "--kind", "send", "--json").json["data"]["lines"][0]["what"] == "sent"
    assert "due 0" in sojourn("tick").out


def test_the_mailbox_opens_as_pages(sojourn, signed_up):
    sojourn("tick")
    assert sojourn("mailbox", "--open", "--no-input").code == 0
    assert "1.html" in (signed_up / ".sojourn" / "mailbox" / "index.html").read_text("utf-8")


def test_a_dry_run_of_a_tick_changes_nothing(sojourn, signed_up):
    first = sojourn("tick", "--dry-run", "--json").json["data"]
    assert (first["due"], first["sent"]) == (1, 1)
    assert not (signed_up / "mailbox").exists()
    assert sojourn("tick", "--dry-run", "--json").json["data"]["due"] == 1


def test_without_sending_what_is_queued_waits(sojourn, signed_up):
    assert "queued 1" in sojourn("tick", "--no-send").out
    assert not (signed_up / "mailbox").exists()
    assert "sent 1" in sojourn("tick").out


def test_a_tick_at_another_time_is_refused_unless_nothing_is_written(sojourn, signed_up):
    assert sojourn("tick", "--now", "2030-01-01T10:00:00Z").code == 2
    assert sojourn("tick", "--now", "2030-01-01T10:00:00Z", "--dry-run").code == 0


def test_a_provider_that_does_not_answer_ends_with_6_and_keeps_the_message(sojourn, signed_up, monkeypatch):
    monkeypatch.setenv("SOJOURN_EMAIL", "smtp")
    monkeypatch.setenv("SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("SMTP_PORT", str(free_port()))
    said = sojourn("tick")
    assert said.code == 6
    assert "Traceback" not in said.err
    assert "sent 0" in said.out


def test_broken_files_stop_a_tick_with_the_problem_shown(sojourn, signed_up):
    (signed_up / "journeys" / "welcome.yaml").write_text("journey: welcome\nenter: {event: [signed_up\n")
    said = sojourn("tick")
    assert said.code == 1
    assert "journeys/welcome.yaml:" in said.err
    assert sojourn("tick", "--json").json["problems"][0]["file"] == "journeys/welcome.yaml"


def test_a_log_without_such_a_kind_names_the_kinds(sojourn, shop):
    said = sojourn("log", "--kind", "sends")
    assert said.code == 2
    assert "send, skip, hold, decision, error" in said.err
    assert sojourn("log", "-f", "--json").code == 2


def test_serve_refuses_an_outdated_store_and_a_foreign_address(sojourn, shop):
    assert sojourn("serve", "--bind", "0.0.0.0:0").code == 2
    (shop / "sojourn.db").unlink()
    assert sojourn("serve").code == 5
    assert sojourn("serve", "--every", "soon").code == 2


def test_an_interrupted_tick_ends_with_130_and_the_next_one_goes_on(sojourn, signed_up, monkeypatch):
    def interrupted(*_: object) -> bool:
        signal.raise_signal(signal.SIGINT)
        return False

    with monkeypatch.context() as patch:
        patch.setattr("engine.cli.tick._waiting", interrupted)
        said = sojourn("tick")
    assert said.code == 130
    assert "the next tick goes on" in said.out
    assert sojourn("tick").code == 0


def test_a_served_project_sends_and_ends_cleanly_on_sigterm(sojourn, signed_up):
    port = free_port()
    words = [sys.executable, "-c", "import sys; from engine.cli import main; sys.exit(main())"]
    serve = subprocess.Popen(
        [*words, "serve", "--bind", f"127.0.0.1:{port}", "--every", "0.2s"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        deadline = time.monotonic() + 20
        while not list((signed_up / "mailbox").glob("new/*.eml")) and time.monotonic() < deadline:
            time.sleep(0.05)
        mail = sojourn("mailbox", "show", "1").out
        click = re.search(r"http://127.0.0.1:8000(/c/[^)\s]+)", mail)
        answer = httpx.get(f"http://127.0.0.1:{port}{click[1]}", headers={"user-agent": "Mozilla/5.0"})
        assert answer.is_redirect
        key = sojourn("log", "--kind", "send", "--json").json["data"]["lines"][0]["key"]
        token = Tokens(load_secrets(signed_up, None)).view(key)
        assert "Lena" in httpx.get(f"http://127.0.0.1:{port}/v/{token}").text
        assert (signed_up / "sojourn.db.serving").read_text() == str(serve.pid)
        serve.send_signal(signal.SIGTERM)
        out, err = serve.communicate(timeout=20)
    finally:
        serve.kill()
    assert serve.returncode == 0, err
    assert out == ""
    assert f"http://127.0.0.1:{port}" in err
    assert "sent 1 (email 1)" in err
    assert err.splitlines()[-1].endswith("sent 1, nothing in doubt")
    assert not (signed_up / "sojourn.db.serving").exists()
