"""X304: environment variables and literal secrets, wherever in a journey's files they stand.

Rules
- Known by its form: what well-known services make recognisable for this very purpose, private keys, JSON web tokens,
  passwords inside URLs. Known by its name: a value under `api_key`, `token`, `secret`, … that no person would choose
  (long hex, or long with both cases and digits). Nothing else: a warning that is often wrong is not read.
- A journey's `tests` hold invented people: there, names prove nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from journeys.node import Node
from journeys.page import Page

WAY_OUT = (
    "define it under `channels` or `webhooks` in sojourn.yaml; journeys are shared, diffed and shown in the web UI"
)
VARIABLE = "secrets and environment variables are not allowed in journeys"
FORMS = {
    "an AWS key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a Stripe key": r"\b[sr]k_(?:live|test)_[0-9A-Za-z]{16,400}\b",
    "a GitHub token": r"\b(?:gh[pousr]_[0-9A-Za-z]{36,400}|github_pat_[0-9A-Za-z_]{40,400})\b",
    "a GitLab token": r"\bglpat-[0-9A-Za-z_-]{20,400}",
    "a Slack token": r"\bxox[abeprs]-[0-9A-Za-z-]{16,400}",
    "a Slack webhook": r"https://hooks\.slack\.com/services/T[0-9A-Z]+/B[0-9A-Z]+/[0-9A-Za-z]{16,400}",
    "a Google key": r"\bAIza[0-9A-Za-z_-]{35}",
    "a SendGrid key": r"\bSG\.[0-9A-Za-z_-]{16,400}\.[0-9A-Za-z_-]{32,400}",
    "a Mailgun key": r"\bkey-[0-9a-f]{32}\b",
    "an npm token": r"\bnpm_[0-9A-Za-z]{36}\b",
    "a JSON web token": r"\beyJ[0-9A-Za-z_-]{8,400}\.eyJ[0-9A-Za-z_-]{8,400}\.[0-9A-Za-z_-]{16,400}",
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "a bearer token": r"\b[Bb]earer [0-9A-Za-z._~+/-]{20,400}=*",
    "a password": r"(?<=://)[^/\s:@]+:[^/\s:@]+(?=@)",
}
FORM = re.compile("|".join(f"(?P<f{n}>{pattern})" for n, pattern in enumerate(FORMS.values())))
NAMED = re.compile(
    r"(?:^|[_.-])(?:api_?key|access_?key|private_?key|secret|token|passwd|password|authorization|credential)s?$"
)
QUERY = re.compile(r"[?&](?P<name>[\w-]+)=(?P<value>[^&#\s]+)")
HEX = re.compile(r"[0-9a-fA-F]{32,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MIXED = re.compile(r"(?=.*[a-z].*[a-z])(?=.*[A-Z].*[A-Z])(?=.*\d.*\d)[0-9A-Za-z+/=_-]{20,}")
LONGEST, FAR = 400, 10_000  # characters of a secret, and of a text that are looked at: no file makes this slow

Found = tuple[int, int, str]  # start and end in the text, and what it is ("" = a variable)


def find_secrets(page: Page, root: Node) -> None:
    """Report every secret and variable below `root`."""
    for key, node in root.entries:
        _look(page, node, key.raw, named=key.raw != "tests")


def _look(page: Page, node: Node, name: str, *, named: bool) -> None:
    for key, value in node.entries:
        _look(page, value, key.raw, named=named)
    for item in node.items:
        _look(page, item, name, named=named)
    if node.kind == "text":
        for start, end, what in _secrets(node.raw[:FAR], name if named else ""):
            says = f"this looks like {what}: secrets are not allowed in journeys" if what else VARIABLE
            page.add("X304", _span(page, node, start, end), says, helps=(WAY_OUT,))


def _secrets(text: str, name: str) -> Iterator[Found]:
    if "${" in text:
        start = text.index("${")
        yield start, text.find("}", start) + 1 or len(text), ""
        return
    formed = FORM.search(text)
    if formed is not None:
        yield formed.start(), formed.end(), list(FORMS)[int(str(formed.lastgroup)[1:])]
    elif NAMED.search(name.lower()) and _unchosen(text):
        yield 0, len(text), "a secret"
    else:
        for part in QUERY.finditer(text):
            if NAMED.search(part["name"].lower().replace("-", "_")) and _unchosen(part["value"]):
                yield part.start("value"), part.end("value"), "a secret"


def _unchosen(value: str) -> bool:
    """Return whether no person would choose this as a word."""
    return len(value) <= LONGEST and bool(HEX.fullmatch(value) or MIXED.fullmatch(value))


def _span(page: Page, node: Node, start: int, end: int) -> tuple[int, int, int]:
    line, col, end_col = page.span(node)
    if node.end_line != node.line:
        return line, col, end_col
    offset = col + (0 if node.plain else 1)
    return line, offset + start, offset + end
