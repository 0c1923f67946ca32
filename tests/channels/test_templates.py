"""Message files become one person's message."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from channels.errors import TemplateProblem
from channels.templates import Library, Rendered, Template, load_template

FRONT = '<!--\nsubject: "Hello {{ contact.first_name }}"\npreheader: {{ entry.count }} items & more\n-->\n'
CART = """<mjml>
<mj-head><mj-style>.a {color: red} @media (prefers-color-scheme: dark) {.a {color: white}}</mj-style></mj-head>
<mj-body>
  {% if entry.value >= 60 and entry.value < 900 %}
  <mj-section><mj-column>
    <mj-text css-class="a">Free shipping, {{ contact.first_name }}! <a href="https://shop.test/a?b=1&amp;c=2">Go</a></mj-text>
    <mj-button href="https://shop.test/cart/{{ entry.cart_id }}?a=1&amp;copy=2">Buy</mj-button>
  </mj-column></mj-section>
  {% endif %}
  <mj-section><mj-column>
    <mj-table>
      {% for item in entry.rows %}<tr><td><a href="{{ item.url }}">{{ item.name }}</a></td></tr>{% endfor %}
    </mj-table>
    <mj-text><a href="mailto:help@acme.test">Help</a> <a href="{{ unsubscribe_url }}">Unsubscribe</a></mj-text>
  </mj-column></mj-section>
</mj-body></mjml>
"""
VARIABLES = {
    "contact": {"first_name": "Ana <b>", "locale": "de", "tier": None},
    "entry": {
        "value": 80,
        "count": 2,
        "cart_id": "c 1",
        "rows": [{"url": "https://shop.test/p/1", "name": "Tea & Co"}, {"url": "https://shop.test/p/2", "name": "Cup"}],
    },
    "unsubscribe_url": "https://mail.test/u/abc",
}


def link(number: int) -> str:
    return f"https://mail.test/c/{number}"


def template(tmp_path: Path, **files: str) -> Template:
    places = []
    for name, text in files.items():
        place = tmp_path / name.replace("__", ".")
        place.write_text(text, "utf-8")
        places.append(place)
    return load_template(places)


def rendered(tmp_path: Path, body: str, **more: object) -> Rendered:
    made = template(tmp_path, m__html="<!-- subject: s -->\n" + body)
    return made.render({**VARIABLES, **more}, link)


def problem(tmp_path: Path, **files: str) -> TemplateProblem:
    with pytest.raises(TemplateProblem) as caught:
        template(tmp_path, **files).render(VARIABLES, link)
    return caught.value


@pytest.fixture
def cart(tmp_path: Path) -> Rendered:
    return template(tmp_path, cart__mjml=FRONT + CART).render(VARIABLES, link)


def test_a_subject_is_plain_text_and_the_html_is_escaped(cart: Rendered) -> None:
    assert cart.subject == "Hello Ana <b>"
    assert "Free shipping, Ana &lt;b&gt;!" in cart.html
    assert "Free shipping, Ana <b>!" in cart.text


def test_the_preheader_is_hidden_at_the_top_of_the_body(cart: Rendered) -> None:
    start = cart.html.index("<body")
    assert 0 < cart.html.index("2 items &amp; more", start) - start < 300
    assert "2 items" not in cart.text


def test_styles_are_inlined_and_media_queries_stay(cart: Rendered) -> None:
    assert "color: red;" in cart.html.partition("<body")[2]
    assert "prefers-color-scheme" in cart.html
    assert "fonts.googleapis" not in cart.html


def test_every_web_link_is_tracked_and_nothing_else(cart: Rendered) -> None:
    assert 'href="https://mail.test/c/1"' in cart.html
    assert "shop.test" not in cart.html
    assert 'href="mailto:help@acme.test"' in cart.html
    assert 'href="https://mail.test/u/abc"' in cart.html


def test_static_links_keep_their_address_by_number(tmp_path: Path) -> None:
    assert template(tmp_path, cart__mjml=FRONT + CART).static_links == {1: "https://shop.test/a?b=1&c=2"}


def test_personal_addresses_come_back_numbered_behind_the_static_ones(cart: Rendered) -> None:
    assert cart.personal_links == {
        2: "https://shop.test/cart/c%201?a=1&copy=2",
        3: "https://shop.test/p/1",
        4: "https://shop.test/p/2",
    }


def test_the_text_part_uses_the_same_links(cart: Rendered) -> None:
    lines = cart.text.splitlines()
    assert "Free shipping, Ana <b>! Go (https://mail.test/c/1)" in lines
    assert "Buy (https://mail.test/c/2)" in lines
    assert lines.index("Tea & Co (https://mail.test/c/3)") + 1 == lines.index("Cup (https://mail.test/c/4)")
    assert "Help (help@acme.test) Unsubscribe (https://mail.test/u/abc)" in lines


def test_a_loop_inside_a_table_stays_inside_the_table(cart: Rendered) -> None:
    table = cart.html[cart.html.index("Tea") - 400 :]
    assert cart.html.count("Tea &amp; Co") == 1
    assert table.index("Tea &amp; Co") < table.index("Cup") < table.index("</table>")


def test_a_false_condition_leaves_its_section_out(tmp_path: Path) -> None:
    made = template(tmp_path, cart__mjml=FRONT + CART)
    cheap = {**VARIABLES, "entry": {**VARIABLES["entry"], "value": 5}}  # type: ignore[dict-item]
    assert "Free shipping" not in made.render(cheap, link).html
    assert "Free shipping" not in made.render(cheap, link).text


def test_a_text_file_beside_the_html_is_the_text_part_with_the_same_numbers(tmp_path: Path) -> None:
    text = "Hi {{ contact.first_name }}!\nhttps://shop.test/a?b=1&c=2.\nhttps://shop.test/x/{{ entry.cart_id }}\n"
    made = template(tmp_path, cart__mjml=FRONT + CART, cart__txt=text).render(VARIABLES, link)
    assert made.text.startswith("Hi Ana <b>!\nhttps://mail.test/c/1.\nhttps://mail.test/c/")
    assert "https://shop.test/x/c%201" in made.personal_links.values()


def test_a_text_file_alone_is_a_mail_without_html(tmp_path: Path) -> None:
    made = template(tmp_path, note__txt="<!-- subject: Note -->\nDear {{ contact.first_name }}\n").render(
        VARIABLES, link
    )
    assert (made.subject, made.html, made.text) == ("Note", "", "Dear Ana <b>\n")


@pytest.mark.parametrize(
    ("locale", "subject"), [("de", "Hallo"), ("de-AT", "Hallo"), ("pt_BR", "Olá"), ("pt", "Hi"), (None, "Hi")]
)
def test_the_locale_chooses_the_variant_and_falls_back(tmp_path: Path, locale: str | None, subject: str) -> None:
    mail = "<!-- subject: {} -->\n<p><a href='https://shop.test/{}'>x</a></p>"
    files = {
        "a__html": mail.format("Hi", "en"),
        "a__de__html": mail.format("Hallo", "de"),
        "a__pt-br__html": mail.format("Olá", "pt"),
    }
    made = template(tmp_path, **files)
    assert made.render({"contact": {"locale": locale}}, link).subject == subject
    assert sorted(made.static_links) == [1, 2, 3]


def test_the_version_is_of_the_content_alone(tmp_path: Path) -> None:
    one = template(tmp_path, a__html="<!-- subject: s --><p>1</p>")
    two = template(tmp_path, a__html="<!-- subject: s --><p>2</p>")
    again = template(tmp_path, a__html="<!-- subject: s --><p>1</p>")
    assert len(one.version) == 16
    assert one.version == again.version != two.version


def test_a_push_message_is_a_payload_with_a_tracked_link(tmp_path: Path) -> None:
    source = 'title: "Hi {{ contact.first_name }}"\nbody: "{{ entry.value | money }} & more"\n'
    source += "link: https://shop.test/c\nttl: 2h\n"
    made = template(tmp_path, nudge__yaml=source).render(VARIABLES, link)
    assert json.loads(made.payload("e1:3")) == {
        "title": "Hi Ana <b>",
        "body": "80,00\u00a0€ & more",
        "link": "https://mail.test/c/1",
        "key": "e1:3",
    }
    assert made.ttl == 7200


def test_a_missing_value_prints_as_nothing_and_an_undeclared_name_raises(tmp_path: Path) -> None:
    assert "[]" in rendered(tmp_path, "<p>[{{ contact.tier }}]</p>").html
    found = problem(tmp_path, m__html="<!-- subject: s -->\n<p>\n{{ contact.first_nam }}</p>")
    assert found.line == 3
    assert found.says == 'there is no "first_nam" here; did you mean "first_name"?'


def test_what_the_subject_sets_stays_in_the_subject(tmp_path: Path) -> None:
    subject = "<!-- subject: \"{% set word = 'here' %}{{ word }}\" -->\n"
    assert template(tmp_path, m__html=f"{subject}<p>x</p>").render(VARIABLES, link).subject == "here"
    assert problem(tmp_path, m__html=f"{subject}<p>{{{{ word }}}}</p>").says == '"word" is not known'


def test_an_attribute_named_like_a_method_is_the_attribute(tmp_path: Path) -> None:
    assert "[7]" in rendered(tmp_path, "<p>[{{ entry.items }}]</p>", entry={"items": 7}).html


BROKEN = [
    (
        "a__mjml",
        "<!-- subject: s -->\n<mjml><mj-body>\n<mj-section>\n<mj-buton>x</mj-buton>",
        4,
        "did you mean mj-button",
    ),
    (
        "a__mjml",
        "<!-- subject: s -->\n<mjml><mj-body>\n<mj-section>\n</mj-body></mjml>",
        4,
        "<mj-section> (line 3) is still open",
    ),
    ("a__mjml", "<!-- subject: s -->\n<mjml><mj-body>\n<mj-section>", 3, "never closed"),
    ("a__mjml", "<!--\nsubject: s\nsujet: x\n-->\n<mjml></mjml>", 3, 'unknown key "sujet"'),
    ("a__mjml", '<!--\nsubject: "{{ nope }}"\n-->\n<mjml><mj-body></mj-body></mjml>', 2, '"nope" is not known'),
    ("a__mjml", "<mjml><mj-body></mj-body></mjml>", 1, "there is no subject"),
    ("a__html", "<!-- subject: s -->\n\n<p>{{ contact.first_name }\n</p>", 3, ""),
    ("a__html", "<!-- subject: s -->\n\n<p>\n{% if x %}</p>", 4, ""),
    ("a__html", "<!-- subject: s -->\n<p>\n{{ 1 | nope }}</p>", 3, "nope"),
    (
        "a__html",
        "<!-- subject: s -->\n<p>\n<b>{{ contact.first_name }}{{ contact.tier.x }}</b></p>",
        3,
        "missing value",
    ),
    ("a__html", "<!-- subject: s -->\n<p>\n\n{{ entry.value / 0 }}</p>", 4, "zero"),
    ("a__html", "<!-- subject: s -->\n<p>\n<a href='cart'>x</a></p>", 3, "must begin with https://"),
    ("a__html", "<!-- subject: s -->\n<p>\n<a href='{{ entry.cart_id }}'>x</a></p>", 3, "is not an address"),
    ("a__html", "<!-- subject: s -->\n<p>\n{{ entry.rows }}</p>", 3, "cannot be printed"),
    ("a__yaml", "title: x\nbodi: y", 2, 'unknown key "bodi"'),
    ("a__yaml", "title: x\nbody: {{ y }}", 2, "quotes"),
    ("a__yaml", "body: x", 1, "needs a title"),
    ("a__yaml", "title: 'x", 1, ""),
]


@pytest.mark.parametrize(("name", "source", "line", "says"), BROKEN)
def test_a_mistake_names_the_authors_line(tmp_path: Path, name: str, source: str, line: int, says: str) -> None:
    found = problem(tmp_path, **{name: source})
    assert (found.line, says in found.says) == (line, True), found


def test_braces_in_css_are_no_tags(tmp_path: Path) -> None:
    made = rendered(tmp_path, "<style>@media print{ #x{color:red}}</style><p>{ {{ entry.value }}</p>")
    assert "{ 80" in made.html


def test_comments_of_the_author_are_not_sent(tmp_path: Path) -> None:
    made = rendered(tmp_path, "<p>a<!-- secret {{ nope }} -->b</p><!--[if mso]><p>old</p><![endif]-->")
    assert "secret" not in made.html
    assert "<!--[if mso]>" in made.html


def test_a_set_above_the_document_is_known_in_both_parts(tmp_path: Path) -> None:
    source = "<!-- subject: s -->\n{% set big = entry.value > 60 %}\n" + CART.replace("entry.value >= 60", "big")
    made = template(tmp_path, a__mjml=source).render(VARIABLES, link)
    assert "Free shipping" in made.html
    assert "Free shipping" in made.text


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("{{ 1234.5 | money }}", "1.234,50\u00a0€"),
        ("{{ 3 | money('USD') }}", "3,00\u00a0$"),
        ("{{ '2026-05-12' | date }}", "12. Mai 2026"),
        ("{{ '2026-05-12T10:00:00Z' | date('%d.%m.%Y') }}", "12.05.2026"),
        ("{{ 1 | plural('item') }} {{ 2 | plural('box', 'boxes') }}", "item boxes"),
        ("{{ contact.tier or 'none' }}", "none"),
        ("{{ ['a', 'b'] | join(', ') }}", "a, b"),
        ("{{ 'a' ~ (1 + 2) }}", "a3"),
        ("{{ contact.first_name.upper() | e }}", "ANA <B>"),
        ("{% for k, v in {'x': 1}.items() %}{{ loop.index }}{{ k }}{{ v }}{% endfor %}", "1x1"),
        ("{% with n = 3 %}{{ n * 2 }}{% endwith %}", "6"),
    ],
)
def test_what_an_author_may_write(tmp_path: Path, source: str, shown: str) -> None:
    made = template(tmp_path, a__txt=f"<!-- subject: s -->\n{source}\n").render(VARIABLES, link)
    assert made.text == f"{shown}\n" or made.text.replace("&lt;", "<").replace("&gt;", ">") == f"{shown}\n"


def test_a_library_compiles_once_and_again_after_a_change(tmp_path: Path) -> None:
    file = tmp_path / "a.html"
    file.write_text("<!-- subject: s --><p>1</p>")
    library = Library({"email/a": [file]})
    first = library["email/a"]
    assert library["email/a"] is first
    file.write_text("<!-- subject: s --><p>2</p>")
    os.utime(file, ns=(1, 1))
    assert library["email/a"].version != first.version
    assert "email/b" not in library
