"""A webhook that really answers: its answer goes on with the journey."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import sqlalchemy as sa
from lawbook import START, Case, world

from channels.webhook import Host, WebhookChannel
from engine.store.connect import reading
from engine.store.intake import NewEvent
from engine.store.tables import enrollments

JOURNEY = """\
journey: trip0
topic: promo
enter: {event: started}
states:
  ask: {call: {url: "URL", method: PUT, json: {tier: "=contact.tier"}, save_as: verdict}, else: bad}
  fork: {branch: [{if: journey.verdict == "keep", then: good}], else: bad}
  good: {exit: kept}
  bad: {exit: lost}
"""


@pytest.fixture
def crm():
    """A server that answers what the test put into `says`, and keeps what it was asked."""
    asked, says = [], [200, '"keep"']

    class Crm(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            length = int(self.headers["Content-Length"])
            asked.append((self.headers["X-Team"], json.loads(self.rfile.read(length))))
            self.send_response(says[0])
            self.end_headers()
            self.wfile.write(str(says[1]).encode())

        def log_message(self, *_args) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Crm)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}", asked, says
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "reason"), [(200, '"keep"', "kept"), (200, "no", "lost"), (404, "", "lost")]
)
def test_a_call_goes_out_with_its_method_and_headers_and_its_answer_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crm, status: int, body: str, reason: str
) -> None:
    host, asked, says = crm
    says[:] = [status, body]
    hooks = {"crm": {"url": f"http://{host}/hook", "headers": {"X-Team": "growth"}}}
    monkeypatch.setattr("lawbook.HOOKS", hooks)
    case = Case(
        {"CAP_ALL": "9/day", "WHEN": "skip", "QUIET": "21:30"},
        (JOURNEY.replace("URL", f"http://{host}/hook"),),
        (),
        1,
        (),
    )
    made = world(case, tmp_path)
    made.engine.post.channels = {
        **made.engine.post.channels,
        "webhook": WebhookChannel("webhook", [Host(host, private=True)]),
    }
    made.feed([NewEvent("e", "p0", "started", START, {})])
    made.act()
    made.act()
    with reading(made.engine.store) as conn:
        [left] = conn.execute(sa.select(enrollments.c.reason)).scalars()
    assert (asked, left) == ([("growth", {"tier": "basic"})], reason)
