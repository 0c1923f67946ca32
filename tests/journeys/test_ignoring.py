"""`# lint: ignore[…]` silences the warnings of its line, in every file, and says when it silences nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.proofs import proofs
from journeys.facts import Facts, Point
from journeys.load import load
from journeys.show import show
from journeys.starters import copy_starter

JOURNEY = """\
journey: j
topic: promo
enter: {event: signed_up}ENTER
goal: {event: order_placed, within: 14d}
holdout: 10%
states:
  a: {send: email/welcome_tips}A
  ask: {run: nag}
  b:
    choose:                        CHOOSE
      arms: [email/cart_plain, push/cart_nudge]ARMS
      reward: {within: 3d, score: {order_placed: 1}}
"""
FRAGMENT = """\
fragment: nag
states:
  ask:
    choose:
      arms: [email/cart_plain, email/cart_social]FRAGMENT
      reward: {within: 3d, score: {order_placed: 1}}
"""
MAIL = """\
<!--
subject: Hello
-->
<mjml><mj-body><mj-section><mj-column>
  <mj-image src="https://x.test/a.png" />MAIL
  <mj-text><a href="{{ unsubscribe_url }}">Unsubscribe</a></mj-text>
</mj-column></mj-section></mj-body></mjml>
"""
HOLE = re.compile(r"(ENTER|CHOOSE|ARMS|A|FRAGMENT|MAIL)$", re.MULTILINE)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    copy_starter("shop", tmp_path / "p")
    for path in (tmp_path / "p" / "journeys").glob("*.yaml"):
        path.unlink()
    (tmp_path / "p" / "fragments").mkdir(exist_ok=True)
    return tmp_path / "p"


def said(root: Path, facts: Facts | None = None, **comments: str) -> list[str]:
    """Return CODE@file:line of all that lint says, with these comments set in."""
    for whole, file in (
        (JOURNEY, "journeys/j.yaml"),
        (FRAGMENT, "fragments/nag.yaml"),
        (MAIL, "templates/email/x.mjml"),
    ):
        filled = HOLE.sub(lambda found: comments.get(found[1], ""), whole)
        (root / file).write_text(filled, encoding="utf-8")
    definitions = load(root, {}, lambda _: facts or Facts())
    found = [*definitions.problems, *proofs(definitions)]
    # the starter's own mails name what its own journeys know; here they are not there
    mine = [p for p in found if not p.file.startswith("templates/") or p.file.endswith("x.mjml")]
    return [f"{p.code}@{p.file.rpartition('/')[2]}:{p.line}" for p in mine]


EVERYTHING = ["W903@nag.yaml:5", "W901@j.yaml:3", "W903@j.yaml:11", "T705@x.mjml:5"]


def test_a_warning_is_silenced_in_a_journey_a_fragment_and_a_template(root):
    assert said(root) == EVERYTHING
    assert said(root, ENTER="   # lint: ignore[W901]") == [one for one in EVERYTHING if "W901" not in one]
    assert said(root, FRAGMENT=" # lint: ignore[W903]") == EVERYTHING[1:]
    assert said(root, MAIL="<!-- lint: ignore[T705] -->") == EVERYTHING[:-1]
    assert said(root, MAIL="{# lint: ignore[T705] #}") == EVERYTHING[:-1]
    assert said(root, ENTER=" # we know. lint: ignore[W901]") != EVERYTHING[:1]


def test_a_warning_of_another_line_or_code_stays(root):
    assert "W901@j.yaml:3" in said(root, A=" # lint: ignore[W901]")
    assert "W901@j.yaml:3" in said(root, ENTER=" # lint: ignore[W903]")


def test_a_warning_that_needs_counts_is_silenced_and_never_useless(root):
    facts = Facts(contacts=100, points={("j", "b"): Point(10, 0.1)})
    assert "W902@j.yaml:10" in said(root, facts)
    for known in (facts, None):
        assert said(root, known, CHOOSE="# lint: ignore[W902]") == EVERYTHING


@pytest.mark.parametrize(
    ("comment", "code", "says"),
    [
        ("W905, W904", "W911", "there is no W904 in this line to ignore"),
        ("F402", "W911", "F402 is an error: errors cannot be ignored"),
        ("W9O1", "W912", "lint has no code W9O1"),
        ("everything", "W912", "lint has no code everything"),
    ],
)
def test_an_ignore_that_ignores_nothing_is_said(root, comment, code, says):
    assert f"{code}@j.yaml:7" in said(root, A=f" # lint: ignore[{comment}]")
    (found,) = [p for p in load(root, {}).problems if p.code == code]
    assert (found.says, found.severity) == (says, "warning")


def test_the_useless_comment_can_be_deleted_and_the_slip_repaired(root):
    said(root, A="   # lint: ignore[W904]")
    (found,) = [p for p in load(root, {}).problems if p.code == "W911"]
    line = (root / "journeys/j.yaml").read_text().split("\n")[found.line - 1]
    (edit,) = found.fix
    assert line[: edit.col - 1] + edit.text + line[edit.end_col - 1 :] == "  a: {send: email/welcome_tips}"
    said(root, A="   # lint: ignore[W9011]")
    (found,) = [p for p in load(root, {}).problems if p.code == "W912"]
    assert show(found, (root / "journeys/j.yaml").read_text()).endswith("^^^^^ did you mean W901?")
    assert [edit.text for edit in found.fix] == ["W901"]


def test_useless_ignores_wait_for_the_errors_to_go(root):
    assert not [one for one in said(root, A=" # lint: ignore[W904]\n  c: {after: 2 days}") if one.startswith("W911")]


def test_the_files_of_the_project_may_ignore_too(root):
    data = root / "data.yaml"
    text = data.read_text().replace("segments:\n", 'segments:\n  odd: not (contact.country == "FR")COMMENT\n', 1)
    data.write_text(text.replace("COMMENT", ""))
    assert "X310@data.yaml" in " ".join(said(root))
    data.write_text(text.replace("COMMENT", "  # lint: ignore[X310]"))
    assert said(root) == EVERYTHING
    settings = root / "sojourn.yaml"
    settings.write_text(settings.read_text() + "# lint: ignore[W901]\n")
    line = settings.read_text().count("\n")
    assert sorted(said(root)) == sorted([f"W911@sojourn.yaml:{line}", *EVERYTHING])


def test_the_head_of_a_mail_may_ignore_too(root):
    known = Facts(contacts=100, without={"first_name": 0.31})
    mail = (
        '<!--FIRST\nsubject: "Hello {{ contact.first_name }}"SUBJECT\n-->\n<mjml><mj-body><mj-section><mj-column>\n'
        f'<mj-text><a href="{{{{ unsubscribe_url }}}}">Bye</a>{"long " * 21_000}</mj-text>\n'
        "</mj-column></mj-section></mj-body></mjml>\n"
    )

    def said_of(first: str = "", subject: str = "") -> list[str]:
        text = mail.replace("FIRST", first).replace("SUBJECT", subject)
        (root / "templates/email/x.mjml").write_text(text, encoding="utf-8")
        found = proofs(load(root, {}), known)
        return [f"{p.code}@{p.line}" for p in found if p.file.endswith("x.mjml")]

    assert said_of() == ["T704@1", "W910@2"]
    assert said_of(first=" # lint: ignore[T704]") == ["W910@2"]
    assert said_of(subject="  # lint: ignore[W910]") == ["T704@1"]
