"""A real Firefox subscribes, offline, to a push service of ours, decrypts what the channel posts there, and shows it."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import os
import secrets
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from channels.channel import Envelope
from channels.webpush import WebPushChannel, WebPushSettings, generate_vapid_key

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
pytestmark = pytest.mark.skipif(FIREFOX is None, reason="no Firefox here: apt-get install firefox-esr")

PAGE = b"""<!doctype html><title>shop</title><script>
async function subscribe(key) {
  const ready = await (await navigator.serviceWorker.register("/worker.js"), navigator.serviceWorker.ready);
  return JSON.stringify(await ready.pushManager.subscribe({userVisibleOnly: true, applicationServerKey: key}));
}
const heard = [];
navigator.serviceWorker.addEventListener("message", event => heard.push(event.data));
async function shown() {
  const ready = await navigator.serviceWorker.ready;
  return JSON.stringify((await ready.getNotifications()).map(one => [one.title, one.body, one.data]));
}
</script>"""
WORKER = b"""self.addEventListener("push", event => {
  const said = event.data.json();
  event.waitUntil(Promise.all([
    self.registration.showNotification(said.title, {body: said.body, data: said}).catch(String).then(tell),
    tell(said)]));
});
async function tell(said) {
  for (const page of await self.clients.matchAll({includeUncontrolled: true})) page.postMessage(said);
}"""
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
PREFERENCES = {
    "dom.push.testing.allowInsecureServerURL": True, "dom.push.connection.enabled": True, "dom.push.enabled": True,
    "permissions.default.desktop-notification": 1, "dom.serviceWorkers.testing.enabled": True,
    "remote.active-protocols": 1, "network.captive-portal-service.enabled": False, "app.update.enabled": False,
    "network.connectivity-service.enabled": False, "services.settings.server": "http://127.0.0.1:9/",
    "browser.safebrowsing.downloads.enabled": False, "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False, "alerts.useSystemBackend": False, "browser.shell.checkDefaultBrowser": False,
}  # fmt: skip


class Line:
    """A WebSocket, as much of it as is needed: whole text messages, and pings."""

    def __init__(self, line: socket.socket, *, masks: bool) -> None:
        self._line, self._masks = line, masks
        self._file = line.makefile("rb")
        self._turn = threading.Lock()

    @classmethod
    def to(cls, port: int, path: str) -> Line:
        line = socket.create_connection(("127.0.0.1", port), 60)
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        line.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        made = cls(line, masks=True)
        if b" 101 " not in made.head()[0]:
            raise OSError("no WebSocket there")
        return made

    @classmethod
    def of(cls, line: socket.socket) -> Line:
        made = cls(line, masks=False)
        fields = {k.lower(): v for k, _, v in (one.decode().strip().partition(": ") for one in made.head()[1:])}
        accept = base64.b64encode(hashlib.sha1((fields["sec-websocket-key"] + GUID).encode()).digest()).decode()  # noqa: S324
        answer = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
        if "sec-websocket-protocol" in fields:
            answer += f"Sec-WebSocket-Protocol: {fields['sec-websocket-protocol'].split(',')[0]}\r\n"
        line.sendall(f"HTTP/1.1 101 Switching Protocols\r\n{answer}\r\n".encode())
        return made

    def head(self) -> list[bytes]:
        return list(iter(lambda: self._file.readline().strip(), b""))

    def close(self) -> None:
        self._file.close()
        self._line.close()

    def send(self, said: Any, code: int = 1) -> None:
        content = said if isinstance(said, bytes) else json.dumps(said).encode()
        size, bit = len(content), 128 if self._masks else 0
        head = bytes((128 | code, bit | size)) if size < 126 else struct.pack("!BBH", 128 | code, bit | 126, size)
        mask = secrets.token_bytes(4) if self._masks else b""
        body = bytes(byte ^ mask[n % 4] for n, byte in enumerate(content)) if mask else content
        with self._turn:
            self._line.sendall(head + mask + body)

    def hear(self) -> Any:
        whole = b""
        while True:
            first, second = self._file.read(2)
            size = second & 127
            if size > 125:
                size = int.from_bytes(self._file.read(2 if size == 126 else 8), "big")
            mask = self._file.read(4) if second & 128 else b"\0\0\0\0"
            content = bytes(byte ^ mask[n % 4] for n, byte in enumerate(self._file.read(size)))
            if first & 15 == 9:
                self.send(content, 10)
            elif first & 15 < 3:
                whole += content
                if first & 128:
                    return json.loads(whole)
            elif first & 15 == 8:
                raise OSError("closed")


class PushService:
    """What a browser maker runs: browsers hang on a WebSocket, messages come as posts."""

    def __init__(self) -> None:
        self.devices: dict[str, tuple[Line, str]] = {}
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.posts = serving({}, self.post)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(line,), daemon=True).start()

    def talk(self, line: socket.socket) -> None:
        browser = Line.of(line)
        try:
            while True:
                said = browser.hear()
                kind = said.get("messageType")
                if kind == "hello":
                    browser.send({"messageType": "hello", "uaid": secrets.token_hex(16), "status": 200,
                                  "use_webpush": True, "broadcasts": {}})  # fmt: skip
                elif kind == "register":
                    device = secrets.token_hex(16)
                    self.devices[device] = browser, said["channelID"]
                    endpoint = f"http://127.0.0.1:{self.posts.server_port}/wpush/v2/{device}"
                    browser.send({"messageType": "register", "channelID": said["channelID"], "status": 200,
                                  "pushEndpoint": endpoint})  # fmt: skip
                elif kind is None:
                    browser.send({})
        except (OSError, ValueError):
            browser.close()

    def post(self, path: str, headers: Any, body: bytes) -> None:
        browser, channel = self.devices[path.rpartition("/")[2]]
        browser.send({"messageType": "notification", "channelID": channel, "version": secrets.token_hex(8),
                      "data": base64.urlsafe_b64encode(body).rstrip(b"=").decode(),
                      "headers": {"encoding": headers["Content-Encoding"]}})  # fmt: skip

    def close(self) -> None:
        self.listener.close()
        self.posts.shutdown()
        self.posts.server_close()


def serving(pages: dict[str, tuple[str, bytes]], post: Any = None) -> http.server.ThreadingHTTPServer:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, said = pages.get(self.path, ("text/plain", b""))
            self.send_response(200 if said else 404)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(said)

        def do_POST(self) -> None:
            post(self.path, self.headers, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(201)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server


class Browser:
    """Firefox without a window, driven by WebDriver BiDi."""

    def __init__(self, profile: Path, push_port: int) -> None:
        preferences = PREFERENCES | {"dom.push.serverURL": f"ws://127.0.0.1:{push_port}/"}
        lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items())
        (profile / "user.js").write_text("".join(lines))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.process = subprocess.Popen(
            [str(FIREFOX), "--headless", "--profile", str(profile), "--no-remote", "--remote-debugging-port", str(port),
             "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(profile), "MOZ_DISABLE_CONTENT_SANDBOX": "1"},
        )  # fmt: skip
        self.line = self.reached(port)
        self.count = 0
        self.ask("session.new", capabilities={})
        self.page = self.ask("browsingContext.getTree")["contexts"][0]["context"]

    def reached(self, port: int) -> Line:
        deadline = time.monotonic() + 90
        while True:
            try:
                return Line.to(port, "/session")
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.2)

    def ask(self, method: str, **params: Any) -> Any:
        self.count += 1
        self.line.send({"id": self.count, "method": method, "params": params})
        while (said := self.line.hear()).get("id") != self.count:
            pass
        if said["type"] == "error":
            raise AssertionError(said["message"][:300])
        return said["result"]

    def run(self, expression: str) -> Any:
        found = self.ask("script.evaluate", expression=expression, target={"context": self.page}, awaitPromise=True)
        if found["type"] != "success":
            raise AssertionError(str(found)[:500])
        return json.loads(found["result"]["value"])

    def close(self) -> None:
        self.line.close()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def service() -> Iterator[PushService]:
    made = PushService()
    yield made
    made.close()


@pytest.fixture
def browser(service, tmp_path) -> Iterator[Browser]:
    made = Browser(tmp_path, service.port)
    yield made
    made.close()


def test_firefox_shows_what_the_channel_sent(service, browser):
    shop = serving({"/": ("text/html", PAGE), "/worker.js": ("text/javascript", WORKER)})
    origin = f"http://127.0.0.1:{shop.server_port}"
    browser.ask("browsingContext.navigate", context=browser.page, url=f"{origin}/", wait="complete")
    name = {"descriptor": {"name": "notifications"}, "state": "granted", "origin": origin}
    browser.ask("permissions.setPermission", **name)
    private, public = generate_vapid_key()
    subscription = browser.run(f"subscribe({json.dumps(public)})")
    assert sorted(subscription["keys"]) == ["auth", "p256dh"]
    channel = WebPushChannel(WebPushSettings(private, "mailto:ops@acme.test", loopback=True))
    payload = {"title": "Hi Ana ✓", "body": "Your cart waits", "link": "https://go.shop.test/c/x", "key": "e0:1"}
    envelope = Envelope("e0:1", json.dumps(subscription), json.dumps(payload).encode(), headers={"ttl": "60"})
    (answer,) = channel.send([envelope], frozenset)
    channel.close()
    assert (answer.status, answer.detail[:3]) == ("sent", "201")
    deadline = time.monotonic() + 20
    while not (shown := browser.run("shown()")) and time.monotonic() < deadline:
        time.sleep(0.1)
    shop.shutdown()
    shop.server_close()
    assert browser.run("JSON.stringify(heard)")[0] == payload
    assert shown == [["Hi Ana ✓", "Your cart waits", payload]]
