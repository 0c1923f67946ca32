"""The few pages people see: small, readable, light and dark, without JavaScript, cookies or anything from elsewhere."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from html import escape

from starlette.responses import HTMLResponse

_STYLE = """
:root{color-scheme:light dark;--page:#f4f3ef;--card:#fff;--ink:#1d1c1a;--soft:#66625a;--line:#dedad1;
--go:#1f5f4a;--on:#fff;--bad:#a3261b}
@media (prefers-color-scheme:dark){:root{--page:#161614;--card:#201f1d;--ink:#efece5;--soft:#a8a398;--line:#3a3833;
--go:#7cc7ab;--on:#10201a;--bad:#ff9d90}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.25rem;background:var(--page);color:var(--ink);
font:1.0625rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{width:100%;max-width:30rem;background:var(--card);border:1px solid var(--line);border-radius:14px;padding:2rem}
h1{margin:0 0 .6rem;font-size:1.4rem;line-height:1.25;letter-spacing:-.01em;text-wrap:balance}
p{margin:0 0 1rem}.soft,footer{color:var(--soft);font-size:.9375rem}footer{margin-top:1.6rem}
form{margin:1.3rem 0 0}fieldset{border:0;margin:0;padding:0}legend{padding:0;margin-bottom:.4rem;color:var(--soft)}
label{display:flex;gap:.75rem;align-items:center;padding:.65rem 0;border-bottom:1px solid var(--line)}
input{inline-size:1.2rem;block-size:1.2rem;accent-color:var(--go);flex:none}
button{font:inherit;font-weight:600;padding:.7rem 1.2rem;border-radius:9px;border:1px solid var(--go);
background:var(--go);color:var(--on);cursor:pointer;width:100%;margin-top:.8rem}
button.plain{background:none;color:var(--ink);border-color:var(--line);font-weight:500}
a{color:var(--go)}:focus-visible{outline:3px solid var(--go);outline-offset:2px}
dl{display:grid;grid-template-columns:auto 1fr;gap:.3rem 1rem;margin:1rem 0 0}dt{color:var(--soft)}dd{margin:0}
code{font-size:.9375rem}
fieldset+fieldset,.ask+.ask,fieldset.ask,fieldset+button{margin-top:1.5rem}
div.ask>label{display:block;border:0;padding:0 0 .4rem}legend+.ask{margin-top:.6rem}
.ask legend,div.ask>label{color:var(--ink);font-weight:600;margin-bottom:.2rem}.ask .soft{font-weight:400}
.ask>input,textarea{font:inherit;inline-size:100%;block-size:auto;padding:.6rem .7rem;color:var(--ink);
background:var(--page);border:1px solid var(--soft);border-radius:9px}
[aria-invalid] label,.ask>[aria-invalid]{border-color:var(--bad)}.wrong{color:var(--bad);margin:.2rem 0 .5rem}
.scale{display:grid;grid-template-columns:repeat(auto-fit,minmax(1.9rem,1fr));gap:.2rem}
.scale label{flex-direction:column;gap:.2rem;padding:.45rem 0;border:1px solid var(--line);
border-radius:9px}
.scale label:has(:checked){border-color:var(--go);box-shadow:inset 0 0 0 1px var(--go)}
.ends{display:flex;justify-content:space-between;margin:.35rem 0 0;color:var(--soft);font-size:.875rem}
"""

_DIGEST = b64encode(sha256(_STYLE.encode()).digest()).decode()
QUIET_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
_PAGE_HEADERS = QUIET_HEADERS | {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_DIGEST}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
}


def page(title: str, body: str, status: int = 200) -> HTMLResponse:
    """Return a whole page; `body` is HTML whose values are escaped."""
    return HTMLResponse(
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head>\n<body><main><h1>{escape(title)}</h1>\n{body}\n</main></body></html>\n",
        status,
        _PAGE_HEADERS,
    )


def unknown() -> HTMLResponse:
    """Return the one answer to every address that leads nowhere."""
    return page("This link leads nowhere", "<p>It may be incomplete. Please open it from the message again.</p>", 404)


def too_many() -> HTMLResponse:
    answer = page("Too many wrong links", "<p>Please wait a minute and try again.</p>", 429)
    answer.headers["Retry-After"] = "60"
    return answer


def trouble() -> HTMLResponse:
    return page("That did not work", "<p>Nothing was changed. Please try again in a minute.</p>", 503)


def ask(name: str, topic: str | None) -> HTMLResponse:
    """Return the page that asks before it unsubscribes."""
    about = f"“{escape(topic)}”" if topic else "these messages"
    return page(
        f"Unsubscribe from {topic or 'these messages'}?",
        f"<p>{escape(name)} will send you no more of {about}.</p>"
        '<form method="post"><button>Unsubscribe</button>'
        '<button class="plain" name="scope" value="all">Unsubscribe from all messages</button></form>'
        '<footer class="soft">Messages about your orders and your account may still reach you.</footer>',
    )


def done(topic: str | None, everything: bool) -> HTMLResponse:
    """Return the page after unsubscribing."""
    if everything:
        return page("You are unsubscribed", "<p>We will send you no more messages of any kind you can refuse.</p>")
    about = f" from “{escape(topic)}”" if topic else ""
    return page(
        "You are unsubscribed",
        f"<p>We took you off the list{about}. It holds from this moment.</p>"
        '<form method="post"><button class="plain" name="scope" value="all">Unsubscribe from all messages</button>'
        "</form>",
    )


def ask_consent(name: str, topic: str) -> HTMLResponse:
    """Return the page that asks whether somebody wants what they are said to have asked for."""
    return page(
        f"Do you want “{topic}”?",
        f"<p>{escape(name)} will write to you about it once you say so here, and you can stop it at any time.</p>"
        '<form method="post"><button>Yes, write to me</button></form>'
        '<footer class="soft">If you did not ask for this, close this page: nothing will be sent.</footer>',
    )


def consented(topic: str) -> HTMLResponse:
    """Return the page after somebody said yes."""
    return page("Thank you", f"<p>We will write to you about “{escape(topic)}”. Every message says how to stop it.</p>")


def too_late() -> HTMLResponse:
    return page("This link is too old", "<p>Nothing was changed. Please sign up again, and we will ask anew.</p>", 410)


def choices(
    name: str, topics: Iterable[tuple[str, str, bool]], saved: bool, about: str = "", wrong: bool = False
) -> HTMLResponse:
    """Return the topic list: (id, title, chosen); `about`: what people may say of themselves, as HTML."""
    boxes = "".join(
        f'<label><input type="checkbox" name="topic" value="{escape(key)}"{" checked" if chosen else ""}>'
        f"<span>{escape(title)}</span></label>"
        for key, title, chosen in topics
    )
    note = '<p role="status">Saved.</p>' if saved else _NOT_SAVED if wrong else ""
    more = f"<fieldset><legend>About you</legend>{about}</fieldset>" if about else ""
    return page(
        "What should we write to you about?",
        f"{note}<form method='post' novalidate><fieldset><legend>Messages from {escape(name)}</legend>{boxes}"
        f"</fieldset>{more}<button>Save</button></form>",
        422 if wrong else 200,
    )


_NOT_SAVED = '<p role="alert" class="wrong">Nothing was saved yet: please look at what is marked below.</p>'


def survey(title: str, intro: str, questions: str, wrong: str = "") -> HTMLResponse:
    """Return the page that asks; `questions` is HTML, `wrong` what keeps the answers from being taken."""
    note = f'<p role="alert" class="wrong">{escape(wrong)}</p>' if wrong else ""
    lead = f"<p>{escape(intro)}</p>" if intro else ""
    return page(
        title,
        f"{lead}{note}<form method='post' novalidate>{questions}<button>Send</button></form>",
        422 if wrong else 200,
    )


def answered(thanks: str) -> HTMLResponse:
    """Return the page after somebody answered."""
    return page("Thank you", f"<p role='status'>{escape(thanks or 'Your answer has reached us.')}</p>")


def answered_before() -> HTMLResponse:
    return page("You have answered this", "<p>Your answer has reached us, and it counts once. Thank you.</p>")


def survey_over() -> HTMLResponse:
    return page("This survey has ended", "<p>Nothing is asked here any more. Thank you for coming.</p>", 410)


def status(name: str, intake_open: bool, topics: int) -> HTMLResponse:
    """Return the front page: that it runs, and nothing about anybody."""
    intake = "open at <code>/v1/events</code>" if intake_open else "closed: no <code>web.keys</code> in sojourn.yaml"
    return page(
        f"{name} is running",
        f"<p>This is sojourn at work.</p><dl><dt>Events</dt><dd>{intake}</dd><dt>Topics</dt><dd>{topics}</dd>"
        '<dt>Health</dt><dd><a href="/healthz">/healthz</a></dd></dl>',
    )
