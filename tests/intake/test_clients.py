"""The clients of Segment and RudderStack as their makers publish them, pointed to our doors by one option."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from rudderstack.analytics.client import Client as RudderClient
from segment.analytics.client import Client as SegmentClient
from served import Served, serving

from engine.store.profile_tables import memberships
from engine.store.tables import contacts, events

# exact: what a test installs stays what it was
PACKAGES = ("@segment/analytics-node@3.1.0", "@rudderstack/rudder-sdk-node@3.0.13", "@segment/analytics-next@1.84.3")
SETTING = "SOJOURN_NODE_CLIENTS"
CACHE = Path(tempfile.gettempdir()) / "sojourn-tests" / "tracking-clients"
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)

SIX = ["aliased", "grouped", "identified", "order_placed", "page_viewed", "screen_viewed"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("clients")) as found:
        yield found


def six_calls(client: Any, user: str) -> None:
    client.identify(user, {"email": f"{user}@x.test", "firstName": "Ana", "age": "33"})
    client.track(user, "Order Placed", {"total": 64.9})
    client.page(user, "Shop", "Shoes", {"url": "http://shop.test/shoes"})
    client.screen(user, "Shop", "Basket", {"size": 3})
    client.group(user, f"acme-{user}", {"industry": "shoes", "employees": 50})
    client.alias(f"before-{user}", user)


def expect_six(served: Served, user: str) -> None:
    assert [name for _, name in served.events_of(user)] == SIX
    (attributes,) = served.rows(sa.select(contacts.c.attributes).where(contacts.c.id == user))[0]
    assert attributes["email"] == f"{user}@x.test"
    assert (attributes["first_name"], attributes["age"]) == ("Ana", 33)
    assert (attributes["company"], attributes["industry"], attributes["employees"]) == (f"acme-{user}", "shoes", 50)
    assert served.rows(sa.select(memberships.c.company_id).where(memberships.c.contact_id == user)) == [
        (f"acme-{user}",)
    ]
    bought = sa.select(events.c.data).where(events.c.contact_id == user, events.c.name == "order_placed")
    assert served.rows(bought)[0][0]["total"] == 64.9


@pytest.mark.parametrize("gzip", [False, True])
def test_segment_analytics_python(served, gzip):
    client = SegmentClient("shop-key", host=served.url, gzip=gzip, on_error=pytest.fail)
    user = f"segment-python-{gzip}"
    six_calls(client, user)
    client.shutdown()
    expect_six(served, user)


def test_rudder_sdk_python(served):
    client = RudderClient("shop-key", host=served.url, gzip=True, on_error=pytest.fail)
    six_calls(client, "rudder-python")
    client.shutdown()
    client.join()
    expect_six(served, "rudder-python")


NODE = """\
const call = (client, user, more) => {
  client.identify({userId: user, traits: {email: user + "@x.test", firstName: "Ana", age: "33"}});
  client.track({userId: user, event: "Order Placed", properties: {total: 64.9}});
  client.page({userId: user, name: "Shoes", category: "Shop", properties: {url: "http://shop.test/shoes"}});
  client.screen({userId: user, name: "Basket", category: "Shop"});
  client.group({userId: user, groupId: "acme-" + user, traits: {industry: "shoes", employees: 50}});
  client.alias({previousId: "before-" + user, userId: user});
};
(async () => {
  const host = process.argv[2];
  const {Analytics} = require("@segment/analytics-node");
  const segment = new Analytics({writeKey: "shop-key", host, path: "/v1/batch"});
  call(segment, "segment-node");
  await segment.closeAndFlush();
  const Rudder = require("@rudderstack/rudder-sdk-node");
  for (const gzip of [true, false]) {
    const rudder = new Rudder("shop-key", {dataPlaneUrl: host, gzip});
    call(rudder, "rudder-node-" + gzip);
    await new Promise((done) => rudder.flush(done));
  }
})().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
"""


@pytest.fixture(scope="module")
def modules() -> Path:
    """Give the folder with the npm packages, installed once outside of the project."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None:
        pytest.skip(
            f"the clients for node and browsers were NOT tested: no node; with node and npm this test installs {PACKAGES}"
        )
    told = Path(os.environ.get(SETTING) or CACHE)
    if all((told / "node_modules" / one.rpartition("@")[0]).is_dir() for one in PACKAGES):
        return told
    if npm is None:
        pytest.skip(
            f"the clients for node and browsers were NOT tested: run npm install {' '.join(PACKAGES)}, and set {SETTING}"
        )
    CACHE.mkdir(parents=True, exist_ok=True)
    words = [npm, "install", "--prefix", str(CACHE), "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0"]
    try:
        subprocess.run([*words, *PACKAGES], check=True, capture_output=True, timeout=180)
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(
            f"the clients for node and browsers were NOT tested: npm install {' '.join(PACKAGES)} failed ({error}); set {SETTING}"
        )
    return CACHE


def test_segment_and_rudderstack_for_node(served, modules, tmp_path):
    script = tmp_path / "deliver.cjs"
    script.write_text(NODE, "utf-8")
    env = {**os.environ, "NODE_PATH": str(modules / "node_modules")}
    words = ["node", str(script), served.url]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, env=env)
    assert done.returncode == 0, done.stderr
    for user in ("segment-node", "rudder-node-true", "rudder-node-false"):
        expect_six(served, user)


class Pages:
    """A shop's own web server: its page, the bundle of analytics.js, and a place to say that all is done."""

    def __init__(self, files: dict[str, tuple[str, bytes]]) -> None:
        self.done = threading.Event()
        self.said: list[str] = []
        pages = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                kind, body = files.get(path, ("text/plain", b""))
                self.send_response(200 if path in files else 404)
                self.send_header("Content-Type", kind)
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                said = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                pages.said.append(said)
                self.send_response(204)
                self.end_headers()
                pages.done.set()

            def log_message(self, *_: Any) -> None:
                """Stay quiet."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def browse(page: str, files: dict[str, tuple[str, bytes]], folder: Path) -> str:
    """Open a page in Chromium until it says that it is done; return what it said."""
    if CHROMIUM is None:
        pytest.skip(
            "analytics.js in a browser was NOT tested: no chromium; install it, on Debian: apt-get install chromium"
        )
    pages = Pages({"/": ("text/html", page.encode()), **files})
    words = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             f"--user-data-dir={folder / 'chrome'}", "--remote-debugging-port=0", f"{pages.url}/"]  # fmt: skip
    browser = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert pages.done.wait(60), "the page never said that it was done"
        return pages.said[0]
    finally:
        browser.terminate()
        browser.wait(20)
        pages.close()


NEXT = """<!doctype html><title>shop</title>
<script>
  window.analytics = Object.assign([], {_cdn: "%(host)s", _writeKey: "web-key"});
  analytics.push(["page", "Shop", "Shoes"]);
</script>
<script src="/standalone.js"></script>
<script>
  const say = (what) => fetch("/done", {method: "POST", body: JSON.stringify(what)});
  const begin = async () => {
    if (Array.isArray(window.analytics)) return setTimeout(begin, 20);
    const before = analytics.user().anonymousId();
    await analytics.identify("browser", {email: "browser@x.test", firstName: "Ana", age: "33"});
    await analytics.track("Order Placed", {total: 64.9});
    await analytics.screen("Shop", "Basket");
    await analytics.group("acme-browser", {industry: "shoes", employees: 50});
    await analytics.alias("browser", "before-browser");
    say({anonymous: before});
  };
  begin();
</script>"""


def test_analytics_js_in_a_browser(served, modules, tmp_path):
    umd = modules / "node_modules" / "@segment" / "analytics-next" / "dist" / "umd"
    files = {f"/{one.name}": ("text/javascript", one.read_bytes()) for one in umd.glob("*.js")}
    said = json.loads(browse(NEXT % {"host": served.url}, files, tmp_path))
    for _ in range(100):  # the page does not wait for the answers
        if len(served.events_of("browser")) == len(SIX):
            break
        time.sleep(0.05)
    expect_six(served, "browser")
    assert served.events_of(f"anon:{said['anonymous']}") == [], "what was seen before the identify is the person's"


OWN = """<!doctype html><title>shop</title>
<script>window.sojourn = [["page", "Shoes"]];</script>
<script src="%(host)s/sojourn.js" data-key="web-key"></script>
<script>
  const say = (what) => fetch("/done", {method: "POST", body: JSON.stringify(what)});
  sojourn.identify("snippet", {email: "snippet@x.test", firstName: "Ana", age: "33"});
  sojourn.track("Order Placed", {total: 64.9});
  sojourn.screen("Basket");
  sojourn.group("acme-snippet", {industry: "shoes", employees: 50});
  sojourn.alias("snippet");
  const wait = () => (localStorage.getItem("sj_queue") === "[]") ? say({}) : setTimeout(wait, 50);
  wait();
</script>"""


def test_our_own_snippet_in_a_browser(served, tmp_path):
    said = json.loads(browse(OWN % {"host": served.url}, {}, tmp_path))
    assert said == {}
    expect_six(served, "snippet")
