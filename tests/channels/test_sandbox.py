"""Nothing a template says reaches beyond its data, or grows past its bounds."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from channels.errors import TemplateProblem
from channels.templates import load_template

ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ ''|attr('__class__') }}",
    "{{ contact|attr('__init__') }}",
    "{{ contact.__class__.__base__ }}",
    "{{ contact['__class__'] }}",
    "{{ [].__class__ }}",
    "{{ ().__class__.__bases__[0] }}",
    "{{ {}.__class__ }}",
    "{{ self }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ lipsum.__globals__ }}",
    "{{ lipsum() }}",
    "{{ cycler.__init__.__globals__.os }}",
    "{{ joiner('x') }}",
    "{{ namespace(x=1) }}",
    "{{ range(3) }}",
    "{{ dict(a=1) }}",
    "{{ request.application }}",
    "{{ config.items() }}",
    "{{ '{0.__class__}'.format(contact) }}",
    "{{ '{0.__class__}'.format_map(contact) }}",
    "{{ '%s'|format(contact) }}",
    "{{ contact|map(attribute='__class__')|list }}",
    "{{ [contact]|map(attribute='__class__')|list }}",
    "{{ ['x']|map('attr', '__class__')|list }}",
    "{{ [contact]|map(attribute='first_name.__class__')|join }}",
    "{{ [contact]|selectattr('first_name.__class__')|list }}",
    "{{ [contact]|sort(attribute='first_name.__class__')|list }}",
    "{{ contact|xmlattr }}",
    "{{ 'www.x.test'|urlize }}",
    "{{ contact|pprint }}",
    "{{ '<script>'|safe }}",
    "{% autoescape false %}{{ '<b>' }}{% endautoescape %}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% from 'os' import path %}",
    "{% extends 'x' %}",
    "{% block x %}{% endblock %}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% call contact() %}{% endcall %}",
    "{% set contact.first_name = 'x' %}",
    "{{ contact.update({'x': 1}) }}",
    "{{ contact.pop('first_name') }}",
    "{{ contact.clear() }}",
    "{{ contact.items.__self__ }}",
    "{{ contact.get.__self__ }}",
    "{{ contact.items }}",
    "{{ (1).real }}",
    "{{ (1.5).hex() }}",
    "{{ 'a'.encode() }}",
    "{{ 'a'.translate({}) }}",
    "{{ loop.cycle }}",
    "{% for x in [1] %}{{ loop.__class__ }}{% endfor %}",
    "{% for x in [1] %}{{ loop._iterable }}{% endfor %}",
    "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{{ sojourn_turns }}",
    "{{ sojourn_personal(1, 'https://x') }}",
    "{{ sojourn_link_1 }}",
    "{{ nope.__class__ }}",
    "{{ nope|default(lipsum) }}",
    "{{ contact is callable }}",
    "{{ 'x' is filter }}",
    "{{ debug }}{% debug %}",
    "{{ contact.first_name.__format__('x') }}",
    "{{ ().__getattribute__('x') }}",
    "{{ _ }}",
    "{{ caller }}",
]
NESTED = "{% for a in w %}" * 8 + "{% endfor %}" * 8
BOMBS = [
    "{{ 'A' * 1000000000 }}",
    "{{ [0] * 1000000000 }}",
    "{{ 10 ** 10 ** 10 }}",
    "{{ 2 ** 100000000 }}",
    "{{ '%900000000d' % 1 }}",
    "{{ '{:900000000d}'.format(1) }}",
    "{{ 'a'.center(500000000) }}",
    "{{ 'a'|center(500000000) }}",
    "{{ 'a'.ljust(500000000) }}",
    "{{ 'a'.zfill(500000000) }}",
    "{{ 'a'.expandtabs(500000000) }}",
    "{{ '\t'.expandtabs(500000000) }}",
    "{{ 'a'|indent(500000000) }}",
    "{{ [1]|batch(500000000, 'x')|list }}",
    "{{ [1]|slice(500000000)|list }}",
    "{{ contact|tojson(indent=500000000) }}",
    "{% set w = 'xxxxxxxxxxxxxxxxxxxx'|list %}" + NESTED,
    "{% set w = 'xxxxxxxxxxxxxxxxxxxx' %}" + NESTED,
    "{% set a = 'xxxxxxxxxxxxxxxx' %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}",
    "{% set a = 'xxxxxxxxxxxxxxxx' %}" + "{% set a = a + a %}" * 40 + "{{ a }}",
    "{% set a = [1] %}" + "{% set a = a + a %}" * 40 + "{{ a|join }}",
    "{% set a = [1] %}" + "{% set a = [a, a] %}" * 40 + "{{ a|string }}",
    "{% set a = 99999 %}" + "{% set a = a * a %}" * 40 + "{{ a }}",
    "{% set a = 'xxxxxxxxxxxxxxxx' %}" + "{% set a = a|replace('', a) %}" * 40 + "{{ a }}",
    "{% set a = 'xxxxxxxxxxxxxxxx' %}" + "{% set a = a|list|join(a) %}" * 40 + "{{ a }}",
    "{{ '2026-01-01'|date('%900000000d') }}",
    "{{ 1|round(-900000000) }}{{ 'x' * 99999999 }}",
    "{% set x %}" + "{% for a in 'x'|list %}y{% endfor %}" + "{% endset %}{{ x }}",
    "{% for a in w %}" + "y" * 200 + "{% endfor %}",
    "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "{% if true %}" * 3000 + "{% endif %}" * 3000,
]


def rendering(tmp_path: Path, source: str) -> str:
    file = tmp_path / "x.html"
    file.write_text(f"<!-- subject: s -->\n<p>{source}</p>", "utf-8")
    data = {"contact": {"first_name": "Ana", "locale": "en"}, "w": list(range(9_000))}
    return load_template([file]).render(data, str).html


@pytest.mark.parametrize("source", ESCAPES)
def test_an_escape_is_refused_by_name(tmp_path: Path, source: str) -> None:
    with pytest.raises(TemplateProblem) as caught:
        rendering(tmp_path, source)
    assert caught.value.line == 2


@pytest.mark.parametrize("source", BOMBS)
def test_a_bomb_is_refused_before_it_grows(tmp_path: Path, source: str) -> None:
    began = time.process_time()
    with pytest.raises(TemplateProblem):
        rendering(tmp_path, source)
    assert time.process_time() - began < 2
