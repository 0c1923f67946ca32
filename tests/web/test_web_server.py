"""The server in its thread: loopback only, a taken port is explained, running answers are finished."""

from __future__ import annotations

import socket
import threading

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from engine.errors import ConfigError
from engine.web.app import build_app
from engine.web.doors import Doors
from engine.web.server import WebServer, parse_bind

FREE = "127.0.0.1:0"


def test_a_click_and_an_event_work_over_a_real_socket(shop):
    doors = Doors(shop.store, shop.tokens, lambda: shop.now, lambda: None, shop.facts)
    server = WebServer(build_app(doors), FREE, FREE)
    server.start()
    try:
        with httpx.Client(base_url=server.url, headers={"user-agent": "Mozilla/5.0 Firefox/140.0"}) as http:
            click = http.get(f"/c/{shop.tokens.click(shop.key, 0)}")
            item = {"event": "signed_up", "contact": "ana", "id": "s1"}
            event = http.post("/v1/events", json=item, headers={"authorization": "Bearer key-one"})
            large = http.post("/v1/events", content=b"x" * 70_000, headers={"authorization": "Bearer key-one"})
    finally:
        server.stop()
    assert (click.status_code, event.status_code, large.status_code) == (302, 202, 413)
    assert [name for name, _ in shop.events()] == ["clicked", "signed_up"]
    assert "server" not in click.headers


def test_stop_lets_a_running_answer_finish():
    began = threading.Event()

    async def slow(_):
        began.set()
        await anyio.sleep(0.15)
        return PlainTextResponse("whole")

    server = WebServer(Starlette(routes=[Route("/", slow)]), FREE, FREE)
    server.start()
    answers = []
    asking = threading.Thread(target=lambda: answers.append(httpx.get(server.url).text))
    asking.start()
    began.wait(2)
    server.stop()
    asking.join()
    assert answers == ["whole"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)


def test_a_taken_port_is_one_clear_error():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"{port}: another program .* end it, or set"):
            WebServer(Starlette(), f"127.0.0.1:{port}", FREE)


@pytest.mark.parametrize("bind", ["0.0.0.0:0", "[::]:0", "192.0.2.1:80", "example.test:80"])
def test_a_flag_opens_no_door_to_the_world(bind):
    with pytest.raises(ConfigError, match="can be reached from other machines"):
        WebServer(Starlette(), bind, FREE)


def test_an_address_that_sojourn_yaml_names_is_meant():
    server = WebServer(Starlette(), "0.0.0.0:0", "0.0.0.0:0")
    server.stop()
    assert server.url.startswith("http://0.0.0.0:")


@pytest.mark.parametrize(
    ("text", "read"),
    [("127.0.0.1:8000", ("127.0.0.1", 8000)), ("[::1]:1", ("::1", 1)), ("localhost:0", ("localhost", 0))],
)
def test_addresses_are_read(text, read):
    assert parse_bind(text) == read


@pytest.mark.parametrize("text", ["8000", "localhost", ":8000", "localhost:http", "localhost:70000", ""])
def test_an_address_that_is_none_is_said_to_be_none(text):
    with pytest.raises(ConfigError, match="write host:port"):
        parse_bind(text)
