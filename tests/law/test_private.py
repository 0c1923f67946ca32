"""What data.yaml calls private or sensitive is told to no model."""

from __future__ import annotations

from pathlib import Path

from journeys.load import load

DATA = """\
contact:
  phone: flag private
  religion: enum(a, b) sensitive
  tier: enum(basic, gold) = basic
events: {started: {}}
segments: {pious: contact.religion == "a", deep: in_segment(pious)}
"""
PROJECT = """\
project: shop
timezone: UTC
store: "sqlite://"
channels: {email: {provider: captured, from: a@b.test}}
topics: {promo: {title: Offers}}
"""
TRIP = """\
journey: trip
topic: promo
enter: {event: started}
states:
  one:
    choose:
      arms: [email/a, email/b]
      context: [CONTEXT]
      reward: {within: 1d, score: {clicked: 1}}
"""


def problems(folder: Path, context: str, more: str = "") -> list[tuple[str, str, int]]:
    for name in "ab":
        file = folder / "templates" / "email" / f"{name}.html"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text('<!-- subject: "x" --><a href="{{ unsubscribe_url }}">n</a>')
    (folder / "journeys").mkdir(exist_ok=True)
    (folder / "sojourn.yaml").write_text(PROJECT + more)
    (folder / "data.yaml").write_text(DATA)
    (folder / "journeys" / "trip.yaml").write_text(TRIP.replace("CONTEXT", context))
    return [(p.code, p.file, p.line) for p in load(folder, {}).problems if p.severity == "error"]


def test_a_context_that_names_something_private_is_refused_where_it_stands(tmp_path: Path) -> None:
    journey = [("S131", "journeys/trip.yaml", 8)]
    assert problems(tmp_path, "contact.phone") == journey
    assert problems(tmp_path, 'contact.religion == "a"') == journey
    assert problems(tmp_path, "in_segment(deep)") == journey
    assert problems(tmp_path, "contact.tier") == []
    found = problems(tmp_path, "contact.tier", "decisions: {context: [contact.phone]}\n")
    assert found == [("S131", "sojourn.yaml", 6)]


def test_the_usual_context_leaves_it_out(tmp_path: Path) -> None:
    assert problems(tmp_path, "contact.tier") == []
    project = load(tmp_path, {}).project
    assert project is not None
    seen = {one.source for one in project.decisions["context"]}
    assert seen == {"contact.tier", "now.hour", "now.weekday"}
