"""What templates may call: four functions that look up plain data, and nothing behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from channels.asking import CONTENT, Asks, Showing, page_of, sample
from channels.errors import TemplateProblem
from channels.templates import Template, load_template
from engine.rendering.asked import Asked
from engine.rendering.process import RenderProcess


def template(folder: Path, body: str) -> Template:
    file = folder / "mail.html"
    file.write_text(f'<!--\nsubject: "s"\n-->\n<p>{body}</p>\n', encoding="utf-8")
    return load_template([file])


def shown(folder: Path, body: str, **names: Any) -> str:
    return template(folder, body).render({"contact": {}, **names}, str).html


def test_a_template_says_what_it_asks_for(tmp_path):
    body = """{% for p in recommend(2, new=true)[:1] %}{{ p.colour }}{% endfor %}{{ recommend(repeat_after="2w") | length }}
    {% if in_segment(gold) or in_segment("vip") %}{{ interest("tea") }}{% endif %}{{ survey_url("nps", score=1 + 2) }}"""
    asks = template(tmp_path, body).asks
    shows = frozenset({Showing(2, new=True), Showing(3, repeat_after=14)})
    assert asks == Asks(shows, True, frozenset({"gold", "vip"}), frozenset({"nps"}), frozenset({"colour"}))
    assert not template(tmp_path, "{{ contact.x }}").asks
    assert template(tmp_path, "{{ top_interest }}").asks.interests


WRONG = [
    "recommend(contact.n)", "recommend(0)", "recommend(21)", "recommend(1, 2)", "recommend(3, new=1)",
    "recommend(3, old=true)", 'recommend(3, repeat_after="soon")', "recommend(true)", "recommend(*[3])",
    "recommend(**{})", "interest(shoes)", "interest()", 'interest("a", "b")', "in_segment(contact.x)",
    'in_segment("a" ~ "b")', "survey_url(contact.x)", "survey_url(nps)", "recommend(3)(4)", "reccommend(3)",
    "contact.recommend(3)", "range(3)", "recommend.__globals__", "survey_url['__globals__']", "interest._x",
]  # fmt: skip


@pytest.mark.parametrize("call", WRONG)
def test_what_a_template_cannot_call_is_refused_or_fails(tmp_path, call):
    with pytest.raises(TemplateProblem):
        shown(tmp_path, "{{ %s }}" % call, contact={"n": 3, "x": "nps"}, **{page_of("nps"): "u"})  # noqa: UP031


@pytest.mark.parametrize("body", [
    "{% set recommend = 3 %}", "{% for interest in [1] %}{% endfor %}", "{% with top_interest = 1 %}{% endwith %}",
    "{% set f = recommend %}{{ f(3) }}", "{{ recommend }}", "{{ [1] | map('recommend') | list }}",
    "{{ {'f': recommend}.f(3) }}",
])  # fmt: skip
def test_the_functions_are_no_values(tmp_path, body):
    with pytest.raises(TemplateProblem):
        shown(tmp_path, body)


def test_nothing_that_was_not_fetched_is_shown(tmp_path):
    says = "{{ recommend(3) | length }} {{ interest('x') }} {{ top_interest }} {{ in_segment(gold) }}"
    assert "0 0.0  False" in shown(tmp_path, says)


def test_a_process_that_renders_shows_the_same(tmp_path):
    body = """{% for p in recommend(2) %}<a href="{{ p.url }}">{{ p.name }}</a>{% endfor %}
    {% if in_segment(gold) %}gold{% endif %} <a href="{{ survey_url('nps', score=9, why='a & b') }}">9</a>"""
    made = template(tmp_path, body)
    names = {"contact": {}, **sample(made.asks, "https://x.test/s/nps/t")}
    names[CONTENT] = {**names[CONTENT], "segments": ["gold"]}
    here = made.render(names, lambda n: f"https://x.test/c/{n}")
    process = RenderProcess({"email/mail": [tmp_path / "mail.html"]})
    try:
        [there] = process.rendered([Asked("email/mail", made.version, names, {}, lambda n: f"https://x.test/c/{n}")])
    finally:
        process.close()
    assert there == here
    assert "https://x.test/s/nps/t?score=9&amp;why=a+%26+b" in here.html
    assert here.personal_links[1] == "https://example.test/product/1"
