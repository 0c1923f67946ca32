"""sojourn.yaml, data.yaml and templates/: what they mean and how their mistakes are told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path

import pytest
from kit_copy import kit, project

from journeys import Problem
from journeys.load import load
from journeys.project import Definitions, Project

SMALL = "project: p\ntimezone: UTC\nstore: sqlite:///p.db\nchannels: {email: {provider: maildir}}\ntopics: {}\n"
DATA = "contact: {email: text required}\nevents: {signed_up: {}}\n"


@dataclass
class Loader:
    folder: Path

    def __call__(self, more: str = "", data: str = DATA, env: dict[str, str] | None = None, text: str = SMALL):
        (self.folder / "sojourn.yaml").write_text(text + more)
        (self.folder / "data.yaml").write_text(data)
        return load(self.folder, env or {})


@pytest.fixture
def loaded(tmp_path):
    return Loader(tmp_path)


def good(found: Definitions) -> Project:
    assert found.ok, found.problems
    assert found.project is not None
    return found.project


def only(found: Definitions) -> Problem:
    assert len(found.problems) == 1, found.problems
    return found.problems[0]


def test_a_small_project_has_the_safe_defaults(loaded):
    found = good(loaded())
    limits = found.limits
    assert [str(rule) for rule in limits.caps] == ["all 3/day", "all 8/week"]
    assert (limits.quiet[""].start, limits.quiet[""].end) == (time(21), time(8))
    assert (limits.quiet[""].spread, limits.quiet[""].then) == (timedelta(minutes=15), "wait")
    assert (limits.skip_after, limits.max_wait, limits.when_capped) == (
        timedelta(hours=24),
        timedelta(hours=36),
        "wait",
    )
    assert (found.holdout, found.clicks, found.opens, found.bot_filter) == (0.0, True, "off", "strict")
    assert (found.bind, found.base_url) == ("127.0.0.1:8000", "http://127.0.0.1:8000")
    assert found.decisions["policy"] == "thompson"
    assert (found.decisions["warmup"], found.decisions["min_share"], found.decisions["random"]) == (300, 0.005, 0.02)
    assert "general" in found.topics


def test_a_relative_store_stands_beside_the_file(loaded, tmp_path):
    assert good(loaded()).store == f"sqlite:///{tmp_path}/p.db"
    memory = SMALL.replace("sqlite:///p.db", '"sqlite:///:memory:"')
    assert good(loaded(text=memory)).store == "sqlite:///:memory:"
    absolute = SMALL.replace("sqlite:///p.db", "sqlite:////var/p.db")
    assert good(loaded(text=absolute)).store == "sqlite:////var/p.db"
    other = SMALL.replace("sqlite:///p.db", "postgresql://db/p")
    assert good(loaded(text=other)).store == "postgresql://db/p"


def test_variables_come_from_the_environment_or_their_default(loaded):
    text = SMALL.replace(
        "{email: {provider: maildir}}",
        '\n  email:\n    host: ${HOST:-here}\n    port: ${PORT:-587}\n    pass: "${PASS:-}"',
    )
    assert good(loaded(text=text)).channels["email"] == {"host": "here", "port": 587, "pass": ""}
    found = good(loaded(text=text, env={"HOST": "there", "PORT": "25", "PASS": "no"}))
    assert found.channels["email"] == {"host": "there", "port": 25, "pass": "no"}


def test_a_variable_that_is_not_set_is_named(loaded):
    found = only(loaded(text=SMALL.replace("sqlite:///p.db", "${DATABASE_URL}")))
    assert (found.code, found.file, found.line, found.col) == ("S121", "sojourn.yaml", 3, 8)
    assert found.says == "the environment variable DATABASE_URL is not set"


def test_the_secret_may_come_from_the_environment(loaded):
    assert good(loaded()).secret is None
    assert good(loaded(env={"SOJOURN_SECRET": "s"})).secret == "s"


def test_the_kits_project_is_read_in_full():
    found = project()
    assert [str(rule) for rule in found.limits.caps] == [
        "all 3/day", "all 8/week", "email 1/day", "email 4/week", "push 2/day", "promo 3/7d",
    ]  # fmt: skip
    assert found.limits.quiet_for("email").start == time(21, 30)
    assert found.holdout == 0.02
    assert found.topics["account"].transactional
    assert found.channels["email"]["port"] == 587
    assert found.decisions["reward"]["complained"].source == "-25"


def test_quiet_hours_may_differ_by_channel(loaded):
    found = good(loaded('quiet_hours: {email: {from: "22:00", to: "07:00", days: [mon], then: skip, spread: 5m}}\n'))
    quiet = found.limits.quiet_for("email")
    assert (quiet.start, quiet.days, quiet.then, quiet.spread) == (
        time(22),
        frozenset({0}),
        "skip",
        timedelta(minutes=5),
    )
    assert found.limits.quiet_for("push").start == time(21)


def test_everything_else_in_the_file(loaded):
    found = good(
        loaded(
            "currency: GBP\ncaps: {all: [1/30d], count_transactional: true, when_capped: skip, max_wait: 2h}\n"
            "webhooks: {crm: {url: https://crm.acme.test, headers: {x: y}}}\nretention: {events: 12mo, renders: 30d}\n"
            "web: {base_url: https://go.acme.test/, keys: [k1, k2]}\ntracking: {clicks: false, bot_filter: basic}\n"
            "decisions: {policy: thompson, warmup: 10, min_share: 1%, random: 5%, context: [contact.email]}\n"
        )
    )
    assert [rule.per for rule in found.limits.caps] == [timedelta(days=30)]
    assert found.limits.count_transactional
    assert found.webhooks["crm"]["headers"] == {"x": "y"}
    kept = {"events": timedelta(days=365), "renders": timedelta(days=30)}
    assert found.retention == kept | {"log": timedelta(days=761), "inactive": timedelta(days=1096)}
    assert (found.base_url, found.keys) == ("https://go.acme.test", ("k1", "k2"))
    assert (found.clicks, found.bot_filter, found.currency) == (False, "basic", "GBP")
    assert (found.decisions["policy"], found.decisions["random"]) == ("thompson", 0.05)


@pytest.mark.parametrize(
    ("more", "code", "col"),
    [
        ("cap: {}", "S101", 1),
        ("caps: {all: [3]}", "S112", 14),
        ("caps: {channels: {mail: [3/day]}}", "R207", 19),
        ("caps: {topics: {promo: [3/day]}}", "R208", 17),
        ("quiet_hours: {from: 22, to: '08:00'}", "S107", 21),
        ("quiet_hours: {from: '22:00'}", "S113", 14),
        ("holdout: 2", "S108", 10),
        ("decisions: {policy: vww}", "S112", 21),
        ("decisions: {context: [contact.mail]}", "X301", 31),
        ("decisions: {reward: {unsubscribe: -4}}", "R202", 22),
        ("tracking: {clicks: maybe}", "S111", 20),
        ("retention: {events: ages}", "S106", 21),
        ("webhooks: {crm: {}}", "S113", 17),
        ("late: {skip_after: a day}", "S106", 20),
    ],
)
def test_a_mistake_in_the_project_is_told_once_at_its_place(loaded, more, code, col):
    found = only(loaded(more + "\n"))
    assert (found.code, found.file, found.line, found.col) == (code, "sojourn.yaml", 6, col)


def test_a_project_must_say_five_things(loaded):
    found = loaded(text="project: p\n")
    assert {one.says for one in found.problems} == {
        f"`sojourn.yaml` needs `{key}`" for key in ("timezone", "store", "channels", "topics")
    }


def test_a_folder_without_a_project_is_told(tmp_path):
    found = load(tmp_path, {})
    assert found.project is None
    assert not found.ok


def test_attributes_have_types_defaults_and_places():
    attributes = kit().project.data.attributes
    assert attributes["email"].required
    assert (attributes["tier"].type, attributes["tier"].choices, attributes["tier"].default) == (
        "enum",
        ("basic", "silver", "gold"),
        "basic",
    )
    assert (attributes["orders_365d"].default, attributes["taps_push"].default) == (0, False)
    assert attributes["birthday"].default is None
    assert attributes["tier"].place.line == 7


def test_built_in_events_are_always_there(loaded):
    events = good(loaded()).data.events
    assert set(events["clicked"]) >= {"message", "link", "journey", "state"}
    assert {"opened", "unsubscribed", "complained", "bounced", "replied", "delivered", "signed_up"} <= set(events)


@pytest.mark.parametrize(
    ("data", "code", "col"),
    [
        ("contact: {a: texts}", "S112", 14),
        ("contact: {a: enum}", "S112", 14),
        ("contact: {a: number = many}", "S112", 14),
        ("contact:\n  a: enum(x, y) = z", "S112", 6),
        ("contact: {a: date = soon}", "S112", 14),
        ("contact: {A: text}", "S112", 11),
        ("contact: {a: [text]}", "S112", 14),
        ("contcat: {a: text}", "S101", 1),
        ("events: {a: {b: txet}}", "S112", 17),
        ("events: {a: [b]}", "S111", 13),
        ("segments: {a: contact.b > 1}", "X301", 23),
        ("segments: {a: entry.b > 1}", "X301", 15),
        ("segments: {a: count(clicked)}", "X302", 15),
        ("segments: {a: in_segment(b)}", "R204", 26),
    ],
)
def test_a_mistake_in_the_data_is_told_at_its_place(loaded, data, code, col):
    found = only(loaded(data=data + "\n"))
    assert (found.code, found.file, found.col) == (code, "data.yaml", col)


def test_segments_that_ask_for_themselves_are_told(loaded):
    found = loaded(data="segments:\n  a: in_segment(b)\n  b: in_segment(a)\n  c: in_segment(c)\n")
    assert {one.code for one in found.problems} == {"R206"}


def test_messages_are_their_files_with_language_variants(loaded, tmp_path):
    for name in ("email/a.mjml", "email/a.de.mjml", "email/a.txt", "push/x/b.yaml", "email/.hidden", "email/c.png"):
        path = tmp_path / "templates" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    found = good(loaded()).messages
    assert {name: [path.name for path in files] for name, files in found.items()} == {
        "email/a": ["a.de.mjml", "a.mjml", "a.txt"],
        "push/x/b": ["b.yaml"],
    }


RICH = """
contact:
  email: text required private
  age: number demographic
  faith: text sensitive = none
sources: {crm: 1, web: 3}
events:
  order_placed: {total: number, items: list, family: text}
  product_viewed: {family: text}
buying: {event: order_placed, value: total, items: items}
visits: [product_viewed]
interests: {topic: family, weights: {product_viewed: 1, order_placed: 8}, half_life: 30d}
value: {high: 10%, middle: 25%, goal: product_viewed}
"""


def test_data_yaml_says_whom_to_believe_how_people_buy_and_what_shows_an_interest(loaded):
    data = good(loaded(data=RICH)).data
    email, age, faith = (data.attributes[name] for name in ("email", "age", "faith"))
    assert (email.required, email.private, age.kind, faith.sensitive, faith.default) == (
        True, True, "demographic", True, "none",
    )  # fmt: skip
    assert data.sources == {"crm": 1, "web": 3}
    assert data.buying is not None
    assert (data.buying.event, data.buying.value, data.buying.sku) == ("order_placed", "total", "sku")
    assert data.visits == ("product_viewed",)
    assert data.interests is not None
    assert (data.interests.weights, data.interests.half_life) == (
        {"product_viewed": 1.0, "order_placed": 8.0},
        timedelta(days=30),
    )
    assert (data.worth.high, data.worth.middle, data.lead) == (0.1, 0.25, "product_viewed")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("number demographic", "number demografic", '"demografic" says nothing about an attribute'),
        ("event: order_placed", "event: order_place", 'no event called "order_place"'),
        ("value: total", "value: totl", 'the event of `buying` has no property "totl"'),
        ("[product_viewed]", "[product_view]", 'no event called "product_view"'),
        ("order_placed: 8", "order_placed: -8", "an event weighs more than 0"),
        ("web: 3", "web: 0", "`web` is a whole number from 1 to 1000"),
        ("high: 10%", "high: 90%", "at most 100%"),
        ("goal: product_viewed", "goal: product_view", 'no event called "product_view"'),
    ],
)
def test_a_slip_in_what_data_yaml_says_of_buying_is_one_problem_at_its_place(loaded, old, new, says):
    found = only(loaded(data=RICH.replace(old, new)))
    assert says in found.says
    assert found.file.endswith("data.yaml")


def test_a_secret_may_stand_in_a_file(loaded, tmp_path):
    (tmp_path / "key.txt").write_text("  s3cret-enough-for-this\n")
    assert good(loaded("secret: ${file:key.txt}\n")).secret == "s3cret-enough-for-this"
    assert "the file gone.txt cannot be read" in only(loaded("secret: ${file:gone.txt}\n")).says
