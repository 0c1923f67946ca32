"""Messages are written in a process that may be killed: what one costs is its own affair."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.errors import ChannelUnavailable
from channels.templates import Rendered, Template, load_template
from engine.rendering import line, wire
from engine.rendering.asked import MEBIBYTE, Asked, Bounds, Refused
from engine.rendering.process import RenderProcess

MAIL = """\
<!-- subject: Hello {{ contact.name }} -->
<p>{{ contact.name }} <a href="https://shop.test/?a=1&amp;b=2">shop</a> <a href="{{ contact.page }}">yours</a>
{{ contact.born.year }} {{ contact.price + 1 }}{% if contact.name == "wrong" %}{{ contact.nothing }}{% endif %}</p>
"""
HOSTILE = """\
title: "{% for a in contact.turns %}{% if contact.big.title().title().title() == a %}n{% endif %}{% endfor %}s"
body: "SETS{{ contact.name }}"
""".replace("SETS", "".join(f"{{% set a{n} = contact.big ~ {n} %}}" for n in range(120)))
PERSON = {"name": "Ana <3", "page": "https://shop.test/ana", "born": date(1990, 5, 1), "price": Decimal("1.5")}


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> dict[str, tuple[Path, ...]]:
    folder = tmp_path_factory.mktemp("templates")
    (folder / "mail.html").write_text(MAIL)
    (folder / "note.yaml").write_text('title: "Hi {{ contact.name }}"\nlink: "{{ contact.page }}"\nttl: 2h\n')
    return {"email/mail": (folder / "mail.html",), "push/note": (folder / "note.yaml",)}


@pytest.fixture(scope="module")
def writer(library):
    made = RenderProcess(library)
    yield made
    made.close()


def link(number: int) -> str:
    return f"https://go.test/c/{number}"


@cache
def compiled(files: tuple[Path, ...]) -> Template:
    return load_template(files)


def asking(library, name: str = "Ana", message: str = "email/mail") -> Asked:
    template = compiled(library[message])
    static = {n: link(n) for n in template.static_links}
    return Asked(message, template.version, {"contact": {**PERSON, "name": name}}, static, link)


def test_it_writes_what_would_be_written_here(library, writer):
    for message in library:
        asked = asking(library, "Ána <3", message)
        here = compiled(library[message]).render(asked.variables, link)
        assert list(writer.rendered([asked])) == [here]
        assert here.personal_links == {2 if message == "email/mail" else 1: "https://shop.test/ana"}


def test_a_mistake_is_told_with_its_line_and_the_others_are_written(library, writer):
    names = ["a", "wrong", *"bcd"] * 60
    answers = list(writer.rendered(asking(library, name) for name in names))
    subjects = [one.subject if isinstance(one, Rendered) else None for one in answers]
    assert subjects == [None if name == "wrong" else f"Hello {name}" for name in names]
    assert 'mail.html:3: there is no "nothing" here' in answers[1].says


def test_a_template_that_was_changed_meanwhile_is_asked_again(library, writer):
    asked = replace(asking(library), version="another")
    assert [one.stale for one in writer.rendered([asked])] == [True]


def test_what_is_no_data_is_refused_for_that_message_alone(library, writer):
    odd = replace(asking(library), variables={"contact": {"name": object()}})
    first, second = writer.rendered([odd, asking(library)])
    assert (type(first), type(second)) == (Refused, Rendered)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
def test_a_process_that_was_ended_between_two_batches_is_begun_anew(library, writer, end, monkeypatch):
    monkeypatch.setattr(line, "GRACE", 0.2)
    assert list(writer.rendered([asking(library)]))
    kept = writer.line()
    kept._patience = 0.3
    os.kill(kept._process.pid, end)
    answers = list(writer.rendered([asking(library, f"p{n}") for n in range(100)]))
    assert [one.subject for one in answers] == [f"Hello p{n}" for n in range(100)]


def test_who_stops_listening_does_not_get_old_answers_later(library, writer):
    course = writer.rendered(asking(library, f"old{n}") for n in range(50))
    next(course)
    course.close()
    assert [one.subject for one in writer.rendered([asking(library, "new")])] == ["Hello new"]


def test_the_process_has_no_secret_and_no_file_of_ours(writer, library):
    list(writer.rendered([asking(library)]))
    pid = writer.line()._process.pid
    told = {one.partition("=")[0] for one in Path(f"/proc/{pid}/environ").read_text().split("\0") if one}
    assert told <= {"PYTHONPATH", "LC_ALL"}
    opened = {str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir()}
    shared = [one for one in opened if one.endswith("(deleted)")]  # eight bytes: which message is under way
    assert {one for one in opened if not one.startswith(("pipe:", "/dev/null"))} == set(shared[:1])
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert "Max file size             0" in limits


@pytest.fixture
def hostile(tmp_path):
    file = tmp_path / "hostile.yaml"
    file.write_text(HOSTILE)
    return {"push/hostile": (file,)}


def pushing(files, name: str, **contact) -> Asked:
    template = compiled(files["push/hostile"])
    return Asked("push/hostile", template.version, {"contact": {"name": name, "turns": [], "big": "", **contact}})


def test_a_message_that_takes_too_long_is_ended_and_refused_and_the_others_are_written(hostile):
    writer = RenderProcess(hostile, Bounds(seconds=0.4))
    slow = pushing(hostile, "slow", turns=["z"] * 9_000, big="x y" * 20_000)
    asked = [pushing(hostile, "a"), slow, *(pushing(hostile, f"b{n}") for n in range(100)), slow, pushing(hostile, "c")]
    began = time.monotonic()
    answers = list(writer.rendered(asked))
    took = time.monotonic() - began
    writer.close()
    assert [n for n, one in enumerate(answers) if isinstance(one, Refused)] == [1, 102]
    assert answers[1].says == "it took longer than 0.4 s to render"
    assert {one.text for n, one in enumerate(answers) if n not in (1, 102)} == {
        "a",
        "c",
        *(f"b{n}" for n in range(100)),
    }
    assert writer.begun == 3
    assert took < 20


def test_a_message_that_needs_too_much_memory_is_refused_and_the_others_are_written(hostile):
    writer = RenderProcess(hostile, Bounds(memory=12 * MEBIBYTE))
    big = pushing(hostile, "big", big="\U0001f40d" * 60_000)
    first, second, third = writer.rendered([pushing(hostile, "a"), big, pushing(hostile, "c")])
    writer.close()
    assert (first.text, third.text) == ("a", "c")
    assert "memory" in second.says or "MiB" in second.says


def test_data_beyond_all_measure_is_refused_before_it_is_sent(hostile):
    writer = RenderProcess(hostile)
    huge, other = writer.rendered([pushing(hostile, "huge", big="x" * 5_000_000), pushing(hostile, "a")])
    writer.close()
    assert (huge.says, other.text) == ("the data of this message are over 4 MiB", "a")


def test_a_process_that_never_comes_up_refuses_nobody(hostile, monkeypatch):
    monkeypatch.setattr(line.sys, "executable", "/bin/false")
    writer = RenderProcess(hostile)
    with pytest.raises(ChannelUnavailable, match="does not live"):
        list(writer.rendered([pushing(hostile, "a")]))
    writer.close()


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.dates() | st.datetimes()
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.just("$"), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(max_size=3) | st.just("$"), PLAIN, max_size=3))
def test_what_crosses_arrives_as_it_was(variables):
    said = wire.asking(7, Asked("email/a", "v", variables, {1: "https://a.test"}))
    first, _, _ = wire.lengths(said)
    assert wire.read_asking(said[wire.HEAD.size :][:first]) == (7, "email/a", "v", variables, {"1": "https://a.test"})


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60))
def test_an_answer_that_raves_is_no_answer(said):
    with suppress(wire.Garbled):
        number, answer = wire.read_answer(said, b"", b"")
        assert isinstance(number, int)
        assert isinstance(answer, (Rendered, Refused))
