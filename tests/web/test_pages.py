"""Every page there is, by the address book itself: what it forbids, and that nothing is left behind in a browser."""

from __future__ import annotations

from starlette.routing import Route

from engine.web.app import build_app
from engine.web.doors import Doors

MACHINES = {"/healthz", "/readyz", "/metrics"}


def pages(shop) -> dict[str, str]:
    """Return every address that answers GET, with a token that is good where it takes one."""
    doors = Doors(shop.store, shop.tokens, lambda: shop.now, lambda: None, shop.facts)
    made = {
        "/c/": shop.tokens.click(shop.key, 1), "/v/": shop.tokens.view(shop.key), "/p/": shop.tokens.preferences(shop.key),
        "/u/": shop.tokens.unsubscribe(shop.key), "/i/": shop.tokens.opened(shop.key), "/o/": shop.tokens.confirm(shop.key),
    }  # fmt: skip
    paths = [r.path for r in build_app(doors).routes if isinstance(r, Route) and "GET" in (r.methods or ())]
    filled = {path: path.replace("{token}", made.get(path[:3], "x")).replace("{survey}", "nps") for path in paths}
    return {path: address for path, address in filled.items() if path not in MACHINES}


def test_no_page_can_be_framed_runs_scripts_or_sets_a_cookie_whether_its_token_is_good_or_not(shop):
    client, seen = shop.client(), pages(shop)
    assert {"/", "/c/{token}", "/u/{token}", "/p/{token}", "/v/{token}", "/i/{token}", "/o/{token}"} <= seen.keys()
    for path, address in seen.items():
        for one in {address, address[:3] + "x" * 40 if "{" in path else address}:
            answer = client.get(one)
            assert answer.status_code < 500, one
            assert "set-cookie" not in answer.headers
            assert answer.headers["referrer-policy"] == "no-referrer", one
            if answer.headers.get("content-type", "").startswith("text/html"):
                rules = answer.headers["content-security-policy"]
                assert "default-src 'none'" in rules, one
                assert "frame-ancestors 'none'" in rules, one
                assert answer.headers["x-content-type-options"] == "nosniff", one
                assert "<script" not in answer.text
