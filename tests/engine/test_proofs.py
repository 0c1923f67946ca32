"""Templates are read before anybody gets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.proofs import proofs
from journeys import Problem
from journeys.facts import NO_FACTS, Facts
from journeys.load import load
from journeys.show import show
from journeys.starters import copy_starter, starters


@pytest.mark.parametrize("name", starters())
def test_the_starters_templates_are_clean(tmp_path: Path, name: str) -> None:
    copy_starter(name, tmp_path / "p")
    assert proofs(load(tmp_path / "p", {})) == []


@pytest.mark.parametrize(
    ("before", "after", "code", "says"),
    [
        ("contact.first_name", "contact.firstname", "T701", 'a contact has no attribute "firstname"'),
        ("{{ unsubscribe_url }}", "{{ unsubscribe_url }", "T700", "unexpected '}'"),
        ("<mj-text", "<mj-txt", "T702", "unknown MJML tag mj-txt"),
    ],
)
def test_a_broken_template_is_named_with_its_line(
    tmp_path: Path, before: str, after: str, code: str, says: str
) -> None:
    copy_starter("shop", tmp_path / "p")
    file = tmp_path / "p" / "templates" / "email" / "welcome_hello.mjml"
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after, 1))
    [problem] = proofs(load(tmp_path / "p", {}))
    assert (problem.code, problem.file) == (code, "templates/email/welcome_hello.mjml")
    assert says in problem.says
    assert after in text.replace(before, after, 1).splitlines()[problem.line - 1]


MAIL = """<!--
subject: "Hello"
-->
<mjml>
  <mj-body><mj-section><mj-column>
    <mj-text>{body}</mj-text>
  </mj-column></mj-section></mj-body>
</mjml>
"""


def _with(tmp_path: Path, body: str, facts: Facts = NO_FACTS) -> list[Problem]:
    copy_starter("shop", tmp_path / "p")
    file = tmp_path / "p" / "templates" / "email" / "welcome_hello.mjml"
    file.write_text(MAIL.replace("{body}", body))
    return proofs(load(tmp_path / "p", {}), facts)


OUT = '<a href="{{ unsubscribe_url }}">Unsubscribe</a>'


@pytest.mark.parametrize(
    ("body", "code", "severity", "says"),
    [
        ("no way out", "T703", "error", "onboarding messages need an unsubscribe link"),
        (OUT + '<img src="https://x.test/a.png" />', "T705", "warning", "an image without alt"),
        (OUT + '<a href="http://x.test/">x</a>', "T706", "warning", "http: is not encrypted"),
        (OUT + "<b>word</b>" * 11_000, "T704", "warning", "this mail is "),
        (OUT + "{{ entry.cart }}", "T701", "error", 'the event at the start of welcome has no "cart"'),
        (OUT + "{{ vars.colour }}", "T701", "error", 'there is no var "colour" of welcome'),
        (OUT + "{% if false %}{{ contact.nobody }}{% endif %}", "T701", "error", 'a contact has no attribute "nobody"'),
        (OUT + "{{ cart_url }}", "T701", "error", '"cart_url" is not known'),
        (OUT + "{% if in_segment(lapsed) %}x{% endif %}", "T701", "error", 'there is no segment "lapsed" in data.yaml'),
        (OUT + "{{ survey_url('nps') }}", "T701", "error", 'there is no survey "nps" in data.yaml'),
        (OUT + "{{ recommend(entry.n) }}", "T700", "error", "recommend takes what is written out"),
        (
            OUT + "{{ recomend(3) }}",
            "T700",
            "error",
            'a template cannot call functions; use a filter (did you mean "rec',
        ),
        (
            OUT + "{% for p in recommend(3) %}{{ p.prize }}{% endfor %}",
            "T707",
            "warning",
            'products usually have no "pr',
        ),
    ],
)
def test_what_a_reader_would_mind_is_found(tmp_path: Path, body: str, code: str, severity: str, says: str) -> None:
    found = _with(tmp_path, body)
    assert [(one.code, one.severity) for one in found] == [(code, severity)]
    assert found[0].says.startswith(says)


@pytest.mark.parametrize(
    "body",
    [
        '<img alt="" src="https://x.test/a.png" />',
        "{% for contact in [] %}{{ contact.anything }}{% endfor %}",
        "{{ contact.first_name | default('you') }}",
        "{% for p in recommend(3) %}{{ p.name }}{{ p.price | money }}{{ p.colour }}{% endfor %}",
        "{% if in_segment(lapsed_90d) and interest('tea') > 0.2 %}{{ top_interest }}{% endif %}",
        '<!-- <img src="http://x.test/a.png"> -->',
    ],
)
def test_what_is_well_is_left_alone(tmp_path: Path, body: str) -> None:
    assert _with(tmp_path, OUT + body) == []


def test_a_message_that_recommends_from_nothing_is_found(tmp_path: Path) -> None:
    shows = OUT + "{{ recommend(3) | length }}"
    found = _with(tmp_path, shows, Facts(contacts=100, products=0))
    assert [(one.code, one.says) for one in found] == [("W914", "there are no products: nothing is recommended here")]
    data = tmp_path / "p" / "data.yaml"
    data.write_text("".join(line for line in data.read_text().splitlines(True) if not line.startswith("buying")))
    [problem] = proofs(load(tmp_path / "p", {}), Facts(contacts=100, products=9))
    assert (problem.code, problem.severity) == ("T707", "warning")


def test_a_segment_that_is_a_slip_comes_with_its_repair(tmp_path: Path) -> None:
    [problem] = _with(tmp_path, OUT + "{% if in_segment(lapsed_90) %}x{% endif %}")
    assert problem.label == 'did you mean "lapsed_90d"?'
    assert [edit.text for edit in problem.fix] == ["lapsed_90d"]


def test_an_unknown_attribute_comes_with_its_repair_and_the_share_without_a_value(tmp_path: Path) -> None:
    [problem] = _with(tmp_path, OUT + "Hi {{ contact.name }}", Facts(contacts=100, without={"first_name": 0.31}))
    text = show(problem, MAIL.replace("{body}", OUT + "Hi {{ contact.name }}"))
    assert 'did you mean "first_name"?' in text
    assert '= help: give a fallback too: `{{ contact.first_name or "there" }}` (missing for 31% of contacts)' in text
    [edit] = problem.fix
    line = MAIL.replace("{body}", OUT + "Hi {{ contact.name }}").split("\n")[edit.line - 1]
    assert line[: edit.col - 1] + edit.text + line[edit.end_col - 1 :] == line.replace(
        "contact.name", "contact.first_name"
    )


def test_an_unknown_tag_is_repaired_at_both_its_ends(tmp_path: Path) -> None:
    copy_starter("shop", tmp_path / "p")
    file = tmp_path / "p" / "templates" / "email" / "welcome_hello.mjml"
    whole = file.read_text()
    file.write_text(whole.replace("<mj-button", "<mj-buton", 1).replace("</mj-button>", "</mj-buton>", 1))
    [problem] = proofs(load(tmp_path / "p", {}))
    lines = file.read_text().split("\n")
    for edit in sorted(problem.fix, key=lambda one: (-one.line, -one.col)):
        line = lines[edit.line - 1]
        lines[edit.line - 1] = line[: edit.col - 1] + edit.text + line[edit.end_col - 1 :]
    assert "\n".join(lines) == whole
    assert problem.label == "did you mean mj-button?"


def test_a_language_variant_is_read_like_the_plain_file(tmp_path: Path) -> None:
    copy_starter("shop", tmp_path / "p")
    file = tmp_path / "p" / "templates" / "email" / "welcome_hello.de.mjml"
    file.write_text(MAIL.replace("{body}", OUT + "{{ contact.nobody }}"))
    [problem] = proofs(load(tmp_path / "p", {}))
    assert (problem.code, problem.file) == ("T701", "templates/email/welcome_hello.de.mjml")


def test_a_value_that_some_do_not_have_is_named_with_their_share(tmp_path: Path) -> None:
    some = Facts(contacts=100, without={"first_name": 0.31})
    [problem] = _with(tmp_path, OUT + "Hi {{ contact.first_name }}", some)
    assert (problem.code, problem.severity) == ("W910", "warning")
    assert problem.says == "31% of contacts have no first_name: for them nothing is printed here"
    assert problem.helps == ('say something else to them: `{{ contact.first_name or "there" }}`',)
    for provided in (
        'Hi {{ contact.first_name or "you" }}',
        "{% if contact.first_name %}Hi {{ contact.first_name }}{% endif %}",
    ):
        assert _with(tmp_path / provided[:5], OUT + provided, some) == []
    nearly_all = Facts(contacts=1000, without={"first_name": 0.004})
    assert _with(tmp_path / "x", OUT + "Hi {{ contact.first_name }}", nearly_all) == []
