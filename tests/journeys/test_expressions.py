"""What expressions mean, what they need, and how mistakes in them are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from journeys import Expression, Place, Scope
from journeys.names import Names
from journeys.parse import parse
from journeys.project import Attribute, Data

NOW = datetime(2025, 3, 10, 12, tzinfo=UTC)  # a Monday
PARIS = ZoneInfo("Europe/Paris")
DATA = Data(
    {
        "tier": Attribute("enum", default="basic", choices=("basic", "silver", "gold"), place=Place("data.yaml", 7, 9)),
        "age": Attribute("number"),
        "orders": Attribute("number", default=0),
        "birthday": Attribute("date"),
        "wakes": Attribute("time"),
        "open_ticket": Attribute("flag", default=False),
        "vip": Attribute("flag"),
        "tags": Attribute("list"),
        "first_name": Attribute("text"),
    },
    {"order_placed": {"total": "number", "day": "date"}, "clicked": {"message": "text"}, "app_opened": {}},
    {},
    {"contact": Place("data.yaml", 1, 1)},
)
NAMES = Names(
    DATA,
    entry={"value": "number"},
    event={"total": "number"},
    vars={"least": 15, "back": "2d"},
    params={"reminder": timedelta(days=4)},
    segments=frozenset({"lapsed"}),
)


@dataclass
class Happened:
    at: datetime
    data: dict[str, Any] = field(default_factory=dict)


def ago(data: dict[str, Any] | None = None, **span: float) -> Happened:
    return Happened(NOW - timedelta(**span), data or {})


def expression(source: str, wanted: str = "any") -> Expression:
    found, problems = parse(source, Place("j.yaml", 3, 9), NAMES, wanted)
    assert found is not None, problems
    return found


def value(source: str, history: dict[str, list[Happened]] | None = None, **more: Any) -> Any:
    known = {"now": NOW, "zone": PARIS, "history": history or {}, **more}
    return expression(source).value(Scope(**known))


def problem(source: str, wanted: str = "any") -> Any:
    found, problems = parse(source, Place("j.yaml", 3, 9), NAMES, wanted)
    assert found is None
    return problems[0]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("-2 - -3", 1),
        ("7 / 2", 3.5),
        ("1 / 0", None),
        ("1 < 2 and not 2 < 1", True),
        ("true and false or true", True),
        ("not true or true", True),
        ('"a" in ["a", "b"]', True),
        ('"c" not in ["a", "b"]', True),
        ("1d 12h == 36h", True),
        ("2 * 3h > 5h", True),
        ("round(2.6) == 3", True),
        ("min(3, 2, 1)", 1),
        ("max(1, vars.least)", 15),
        ('lower("ABC") == "abc"', True),
        ("none == none", True),
        ('"it\'s" == "it\'s"', True),
    ],
)
def test_operators_bind_as_people_read_them(source, expected):
    assert value(source) == expected


def test_a_path_reads_its_part_of_the_scope():
    contact, entry, event = {"tier": "gold"}, {"value": 60}, {"total": 5}
    assert value('contact.tier == "gold" and entry.value > 50', contact=contact, entry=entry) is True
    assert value("event.total * 2", event=event) == 10
    assert value("journey.seen == 3", journey={"seen": 3}) is True
    assert value("params.reminder == 4d") is True


def test_a_missing_value_makes_every_comparison_false():
    for op in ("==", "!=", "<", "<=", ">", ">="):
        assert value(f"contact.age {op} 18") is False
    assert value('contact.first_name in ["a"]') is False
    assert value('contact.first_name not in ["a"]') is False
    assert value("contact.age + 1") is None
    assert value("not (contact.age > 18)") is True


def test_none_asks_whether_a_value_is_missing():
    assert value("contact.age == none") is True
    assert value("contact.age != none", contact={"age": 3}) is True


def test_the_default_of_an_attribute_stands_in_for_a_missing_value():
    assert value('contact.tier == "basic" and contact.orders == 0') is True


def test_a_value_of_another_type_than_declared_counts_as_missing():
    assert value("contact.age > 18", contact={"age": "many"}) is False
    assert value("contact.age * 2", contact={"age": {}}) is None
    assert value('"a" in contact.tags', contact={"tags": 7}) is False


def test_a_missing_flag_does_not_hold():
    assert expression("contact.vip").holds(Scope(NOW, PARIS)) is False


def test_now_is_read_in_the_zone_of_the_contact():
    assert value("now.hour") == 13
    assert value("now.weekday") == "mon"
    assert value("now.date", now=datetime(2025, 3, 10, 23, 30, tzinfo=UTC)) == date(2025, 3, 11)


def test_any_and_no_look_at_events_within_a_span():
    history = {"app_opened": [ago(days=6)]}
    assert value("no app_opened within 5d", history) is True
    assert value("any app_opened within 6d", history) is True
    assert value("any app_opened", history) is True
    assert value("no clicked", history) is True


def test_since_entry_does_not_count_what_started_the_run():
    history = {"order_placed": [ago(days=2)]}
    assert value("any order_placed since entry", history, entry_at=NOW - timedelta(days=2)) is False
    assert value("any order_placed since entry", history, entry_at=NOW - timedelta(days=3)) is True
    assert value("any order_placed since state", history, state_at=NOW - timedelta(days=1)) is False


def test_where_sees_the_event_it_asks_about():
    history = {"clicked": [ago({"message": "email/a"}, hours=3), ago({"message": "email/b"}, hours=1)]}
    assert value('any clicked where event.message == "email/a" within 1d', history) is True
    assert value('any clicked where (event.message == "email/a" and entry.value > 1)', history) is False
    assert value("any order_placed where event.total > 3", {"order_placed": [ago({"total": 4}, days=1)]}) is True


def test_count_sum_and_last_add_up_events():
    history = {"order_placed": [ago({"total": 5}, days=100), ago({"total": 7.5}, days=20), ago({"total": 1}, days=1)]}
    assert value("count(order_placed)", history) == 3
    assert value("count(order_placed within 90d) >= 2", history) is True
    assert value("count(order_placed where event.total > 2 within 90d)", history) == 1
    assert value("sum(order_placed.total within 90d)", history) == 8.5
    assert value("last(order_placed).total", history) == 1
    assert value("last(order_placed).total") is None
    assert value("sum(order_placed.total)") == 0


def test_days_since_an_event_or_a_date():
    assert value("days_since(order_placed)", {"order_placed": [ago(days=9), ago(days=1.5)]}) == 1.5
    assert value("days_since(order_placed) > 90") is False
    assert value("days_since(contact.birthday)", contact={"birthday": "2025-03-01"}) == 9


def test_next_is_the_yearly_occurrence_today_or_later():
    assert value("next(contact.birthday)", contact={"birthday": "1990-03-10"}) == date(2025, 3, 10)
    assert value("next(contact.birthday)", contact={"birthday": "1990-03-09"}) == date(2026, 3, 9)
    assert value("next(contact.birthday)", contact={"birthday": "1992-02-29"}) == date(2026, 2, 28)
    assert value("next(contact.birthday)", contact={"birthday": "unknown"}) is None


def test_dates_move_by_spans_and_compare_with_dates_and_texts():
    contact = {"birthday": "1990-03-20"}
    assert value("next(contact.birthday) - 3d", contact=contact) == date(2025, 3, 17)
    assert value("next(contact.birthday) - 6h", contact=contact) == datetime(2025, 3, 19, 18, tzinfo=PARIS)
    assert value('contact.birthday < "1991-01-01"', contact=contact) is True
    assert value("now.date < next(contact.birthday) - 6h", contact=contact) is True
    assert value('contact.wakes >= "06:30"', contact={"wakes": "07:00"}) is True


def test_a_segment_is_asked_on_the_same_scope():
    lapsed = expression("count(order_placed) >= 1", "flag")
    history = {"order_placed": [ago(days=100)]}
    assert value("in_segment(lapsed)", history, segments={"lapsed": lapsed}) is True
    assert value("in_segment(lapsed)", segments={"lapsed": lapsed}) is False
    assert expression("in_segment(lapsed)").segments == {"lapsed"}


def test_needs_say_how_far_back_each_event_is_looked_at():
    found = expression("no app_opened within 5d and any app_opened within 9d and count(order_placed) > 1")
    assert found.needs == {"app_opened": timedelta(days=9), "order_placed": None}
    assert expression("no clicked since entry").needs == {"clicked": None}
    assert expression("any clicked within vars.back").needs == {"clicked": timedelta(days=2)}
    assert expression("contact.age > 1").needs == {}


@pytest.mark.parametrize(
    ("source", "type_"),
    [
        ("contact.age > 1", "flag"),
        ("contact.age + 1", "number"),
        ("contact.tier", "text"),
        ("next(contact.birthday) - 3d", "date"),
        ("2d", "duration"),
        ("contact.wakes", "time"),
        ("[1, 2]", "list"),
        ("journey.x", "any"),
    ],
)
def test_every_expression_has_a_type(source, type_):
    assert expression(source).type == type_


@pytest.mark.parametrize(
    ("source", "code", "col", "end_col", "label"),
    [
        ('contact.teir == "gold"', "X301", 17, 21, 'did you mean "tier"?'),
        ("entry.valu > 1", "X301", 15, 19, 'did you mean "value"?'),
        ("contcat.tier > 1", "X301", 9, 16, 'did you mean "contact"?'),
        ("vars.leats", "X301", 14, 19, 'did you mean "least"?'),
        ("params.nothing_like_it", "X301", 16, 31, ""),
        ("now.minute", "X301", 13, 19, ""),
        ("any clicked since entri", "X301", 27, 32, 'did you mean "entry"?'),
        ("last(order_placed).totl", "X301", 28, 32, 'did you mean "total"?'),
        ("contact.tier > 3", "X302", 9, 25, ""),
        ('contact.tier == "gld"', "X302", 25, 30, 'did you mean "gold"?'),
        ("contact.first_name > 1", "X302", 9, 31, ""),
        ("contact.first_name + 1", "X302", 9, 31, ""),
        ('contact.birthday == "soon"', "X302", 9, 35, ""),
        ('contact.tier in "gold"', "X302", 25, 31, "write [ ]"),
        ("contact.tier and true", "X302", 9, 21, "compare it"),
        ('contact.tier = "gold"', "X303", 22, 23, "write =="),
        ("x ${CRM_KEY} y", "X304", 11, 21, ""),
        ("conut(clicked)", "X305", 9, 14, 'did you mean "count"?'),
        ("round(1, 2)", "X305", 9, 20, ""),
        ("sum(order_placed)", "X305", 9, 26, ""),
        ("last(order_placed)", "X305", 9, 27, ""),
        ("count(order_place) > 1", "R202", 15, 26, 'did you mean "order_placed"?'),
        ("in_segment(lapsd)", "R204", 20, 25, 'did you mean "lapsed"?'),
        ("contact.age >", "X300", 22, 23, ""),
        ("contact.age > 1 && true", "X300", 25, 27, "write `and`"),
        ("no app_opened within soon and", "X300", 38, 39, ""),
    ],
)
def test_a_mistake_is_told_at_its_place(source, code, col, end_col, label):
    found = problem(source)
    assert (found.code, found.file, found.line, found.col, found.end_col) == (code, "j.yaml", 3, col, end_col)
    assert found.label == label


def test_a_near_name_comes_with_its_repair_and_where_it_is_declared():
    found = problem('contact.teir == "gold"')
    assert found.says == 'a contact has no attribute "teir"'
    assert found.notes == ("attributes are declared in data.yaml, line 7",)
    assert [(edit.line, edit.col, edit.end_col, edit.text) for edit in found.fix] == [(3, 17, 21, "tier")]


def test_an_enum_compared_with_a_number_says_what_it_can_be():
    found = problem("contact.tier > 3")
    assert found.says == "cannot compare tier (one of basic, silver, gold) with a number"
    assert found.helps == ('`contact.tier == "gold"` or `contact.tier in ["silver", "gold"]`',)


def test_an_equals_sign_inside_a_text_is_no_mistake():
    assert value('"a = b" == "a = b"') is True


def test_a_bare_attribute_is_led_back_to_the_contact():
    assert problem('tier == "gold"').says == 'nothing is called "tier" here: write contact.tier'
    assert "any clicked" in problem("clicked").says


def test_a_condition_must_be_true_or_false():
    found = problem("contact.age + 1", "flag")
    assert (found.code, found.says) == ("X302", "a condition is true or false, but this is a number")


def test_not_on_a_comparison_that_may_miss_a_value_is_a_warning():
    found, problems = parse("not (contact.age > 18)", Place("j.yaml", 1, 1), NAMES)
    assert found is not None
    assert [(one.code, one.severity) for one in problems] == [("X310", "warning")]
    assert parse("not contact.open_ticket", Place("j.yaml", 1, 1), NAMES)[1] == []
    assert parse("not (contact.orders > 1)", Place("j.yaml", 1, 1), NAMES)[1] == []


def test_several_mistakes_are_found_at_once():
    _, problems = parse("contact.teir == 1 and contact.agee > 2", Place("j.yaml", 1, 1), NAMES)
    assert [one.code for one in problems] == ["X301", "X301"]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "(" * 200,
        "not " * 500 + "true",
        "-" * 3000 + "1",
        "1" * 5000,
        "[" * 41,
        "1+" * 900 + "1",
        "any clicked where " * 100 + "true",
        "@",
        "\ue000",
    ],
)
def test_nonsense_is_a_problem_and_never_a_traceback(source):
    assert problem(source).code == "X300"


def test_equal_expressions_are_equal():
    assert expression("contact.age > 1") == expression("contact.age > 1")
