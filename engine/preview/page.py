"""One HTML page that shows a message as its readers get it: no scripts, nothing fetched, each copy in its own room.

Mails stand in sandboxed frames (`srcdoc`) under a Content-Security-Policy that loads nothing; pictures of other hosts
are shown on request alone, since fetching them tells their hosts that somebody looks.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence

from channels import looks
from engine.preview.look import Check, Look

STYLE = """
:root{--ink:#1d2126;--soft:#5d6670;--ground:#f4f5f7;--card:#fff;--line:#dfe3e8;--ok:#1a7f4b;--warning:#9a6700;--error:#b42318}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#9aa4ae;--ground:#14171a;--card:#1e2226;--line:#333a41;--ok:#58c48c;--warning:#e0b040;--error:#ff8a7a}}
*{box-sizing:border-box}body{margin:0;padding:28px;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
h1{font-size:22px;margin:0 0 2px}h2{font-size:14px;margin:0 0 8px;font-weight:600}p{margin:0 0 18px;color:var(--soft)}
section{margin:0 0 40px}table{border-collapse:collapse;margin:0 0 22px}td{padding:3px 18px 3px 0;vertical-align:top}
td:first-child{color:var(--soft);white-space:nowrap}.ok{color:var(--ok)}.warning{color:var(--warning)}.error{color:var(--error)}
.frames{display:flex;flex-wrap:wrap;gap:24px;align-items:flex-start}.frame{max-width:100%}
iframe{border:1px solid var(--line);border-radius:8px;background:#fff;height:760px;max-width:100%}
iframe.wide{width:680px}iframe.phone{width:375px}iframe.black{background:#000}
pre{margin:0;padding:18px;border:1px solid var(--line);border-radius:8px;background:var(--card);width:600px;max-width:100%;white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.5 ui-monospace,monospace}
.lock{width:375px;max-width:100%;padding:70px 14px 40px;border-radius:28px;background:linear-gradient(#33415c,#1b2434)}
.push{background:#f7f7f9;color:#111;border-radius:16px;padding:12px 14px;font-size:14px}.push b{display:block}.push span{color:#444}
.push.cut b,.push.cut span{display:block;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
"""  # noqa: E501 - a style sheet
MARKS = {"ok": "✓", "warning": "!", "error": "✗"}


def page(looks_: Sequence[Look], title: str, *, pictures: bool = False) -> str:
    """Return the page as HTML; `pictures`: images of other hosts are fetched."""
    images = "data: https:" if pictures else "data:"
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src {images}"
    parts = "".join(part for one in looks_ for part in _section(one))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body>{parts}</body></html>\n"
    )


def _section(one: Look) -> Iterator[str]:
    yield f"<section><h1>{html.escape(one.message)}</h1><p>{html.escape(told(one))}</p>"
    yield _table([("Subject" if not one.is_push else "Title", one.rendered.subject), ("Preheader", one.preheader)])
    yield _checks(one.checks)
    yield f'<div class="frames">{"".join(_locks(one) if one.is_push else _frames(one))}</div></section>'


def told(one: Look) -> str:
    """Return for whom it is, and in which language."""
    if not one.asked:
        return f"as {one.reader.who}"
    taken = one.locale or "the plain file"
    return f"as {one.reader.who}, {one.asked}" + (f" → {taken}" if taken != one.asked.lower() else "")


def _table(rows: Iterable[tuple[str, str]]) -> str:
    cells = (f"<tr><td>{html.escape(a)}</td><td>{html.escape(b)}</td></tr>" for a, b in rows if b)
    return f"<table>{''.join(cells)}</table>"


def _checks(checks: Iterable[Check]) -> str:
    rows = (
        f'<tr><td>{html.escape(one.name)}</td><td class="{one.weight}">{MARKS[one.weight]}</td>'
        f"<td>{html.escape(one.says)}</td></tr>"
        for one in checks
    )
    return f"<table>{''.join(rows)}</table>"


def _frames(one: Look) -> Iterator[str]:
    document = one.rendered.html
    if document:
        yield _frame("Desktop", document, "wide")
        yield _frame("Phone, 375 px", document, "phone")
        if looks.has_dark(document):
            yield _frame("Dark, as you wrote it", looks.dark(document), "phone black")
        yield _frame("Forced dark (approximate: programs do not publish theirs)", looks.forced_dark(document), "phone")
    yield f'<div class="frame"><h2>Plain text</h2><pre>{html.escape(one.rendered.text)}</pre></div>'


def _frame(title: str, document: str, kind: str) -> str:
    srcdoc = html.escape(document, quote=True)
    return (
        f'<div class="frame"><h2>{html.escape(title)}</h2>'
        f'<iframe sandbox="" class="{kind}" title="{html.escape(title)}" srcdoc="{srcdoc}"></iframe></div>'
    )


def _locks(one: Look) -> Iterator[str]:
    words = f"<b>{html.escape(one.rendered.subject)}</b><span>{html.escape(one.rendered.text)}</span>"
    for title, kind in (("Lock screen", "push cut"), ("Opened", "push")):
        yield f'<div class="frame"><h2>{title}</h2><div class="lock"><div class="{kind}">{words}</div></div></div>'
