"""Each clause of a journey means what the language says."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

import pytest
from kit_copy import KIT, project, read, with_states

from journeys import EXIT, Awaited, Call, Choose, Emit, Enter, Expression, Leave, Send, Set, WaitFor, Window

DAY = timedelta(days=1)
NPS = {"fragments/nps.yaml": (KIT / "fragments/nps.yaml").read_text()}


def state(clauses: str, top: str = "", **more):
    found = with_states(f"a: {{{clauses}}}\nb: {{after: 1d}}", top, **more).good
    return found.states["a"]


def test_after_is_a_span_or_computed():
    assert state("after: 1d 12h").after == timedelta(hours=36)
    found = state('after: "=2h * entry.items_count"').after
    assert isinstance(found, Expression)
    assert (found.type, found.place.col) == ("duration", 16)
    assert state("after: =vars.pause", "vars: {pause: 2d}").after == 2 * DAY


def test_calendar_days_need_whole_days_and_a_time():
    assert state('after: 1w, at: "09:00"').calendar_days == 7
    assert state('after: 24h, at: "09:00"').calendar_days is None
    assert state("after: 2d, days: weekdays").calendar_days is None


def test_until_is_a_date():
    found = state("until: next(contact.birthday) - 3d").until
    assert found.type == "date"


def test_at_and_days_make_a_window():
    every = frozenset(range(7))
    assert state("at: 18:00-20:30").window == Window(time(18), time(20, 30), every)
    assert state("at: best").window == Window(None, None, every, best=True)
    assert state("days: weekends").window == Window(None, None, frozenset({5, 6}))
    assert state("days: [tue, sun]").window.days == frozenset({1, 6})
    assert state("after: 1d").window is None


def test_then_and_else_lead_by_name_or_out():
    found = state("if: contact.can_push, then: exit, else: b")
    assert (found.then, found.otherwise, found.falls_off) == (EXIT, "b", False)


def test_limits_of_a_state_default_to_the_projects():
    assert (state("send: email/cart_plain").when_capped, state("after: 1d").max_wait) == ("wait", timedelta(hours=36))
    found = state("send: email/cart_plain, when_capped: exit, max_wait: 2h, max_visits: 3")
    assert (found.when_capped, found.max_wait, found.max_visits) == ("exit", timedelta(hours=2), 3)


def test_send_in_full():
    found = with_states(
        """
        a:
          send:
            message: email/cart_plain
            from: Maya <maya@acme.test>
            reply_to: help@acme.test
            vars: {code: SPRING, worth: =entry.value * 2}
            quiet_hours: ignore
            track: false
        """,
        "transactional: true",
    ).good.states["a"]
    send = found.action
    assert isinstance(send, Send)
    assert (send.sender, send.reply_to, send.track) == ("Maya <maya@acme.test>", "help@acme.test", False)
    assert send.ignore_quiet_hours
    assert send.vars["code"] == "SPRING"
    assert send.vars["worth"].source == "entry.value * 2"


def test_wait_for_several_things_leads_each_its_way():
    found = with_states(
        """
        a:
          wait_for:
            within: 1d
            first:
              - {event: [clicked, opened], if: event.message == "email/cart_plain", then: c}
              - {segment: bargain_hunters}
          then: b
          else: exit
        b: {after: 1d}
        c: {after: 1d}
        """
    ).good.states["a"]
    assert isinstance(found.action, WaitFor)
    guard = found.action.first[0].guard
    assert found.action.first == (
        Awaited("clicked", None, guard, "c"),
        Awaited("opened", None, guard, "c"),
        Awaited(None, "bargain_hunters", None, "b"),
    )
    assert (found.action.within, found.otherwise) == (DAY, EXIT)


def test_waiting_for_a_segment():
    found = state("wait_for: {segment: lapsed_90d, within: 2d}").action
    assert found == WaitFor((Awaited(None, "lapsed_90d", None, "b"),), 2 * DAY)


def test_set_writes_literals_and_computed_values():
    found = state('set: {contact.tier: gold, journey.twice: "=entry.value * 2", contact.orders_365d: 3}').action
    assert isinstance(found, Set)
    assert found.values[0] == ("contact", "tier", "gold")
    assert found.values[1][:2] == ("journey", "twice")
    assert found.values[1][2].source == "entry.value * 2"
    assert found.values[2] == ("contact", "orders_365d", 3)


def test_emit_carries_properties():
    found = state("emit: {event: order_placed, props: {order_id: A1, total: =entry.value}}").action
    assert isinstance(found, Emit)
    assert (found.event, found.props["order_id"], found.props["total"].source) == ("order_placed", "A1", "entry.value")


def test_call_goes_to_a_listed_host():
    crm = replace(project(), webhooks={"crm": {"url": "https://crm.acme.test/hook"}})
    found = state(
        "call: {url: https://crm.acme.test/vip, json: {tier: =contact.tier, tags: [a, =entry.value]}, timeout: 5s, "
        "retries: 2, save_as: answer}",
        of=crm,
    ).action
    assert isinstance(found, Call)
    assert (found.method, found.timeout, found.retries, found.save_as) == ("POST", timedelta(seconds=5), 2, "answer")
    assert found.json["tier"].source == "contact.tier"
    assert found.json["tags"][1].source == "entry.value"


def test_exit_leaves_with_a_reason():
    found = state("if: contact.can_push, else: b, exit: had_enough")
    assert (found.action, found.then, found.falls_off) == (Leave("had_enough"), EXIT, False)


def test_a_run_that_is_passed_over_goes_to_else():
    found = with_states(
        "a: {if: contact.can_push, run: nps, with: {survey: x, reminder: 2d}, then: exit, else: b}\nb: {after: 1d}",
        files=NPS,
    ).good
    assert list(found.states) == ["a", "a.ask", "a.remind", "b"]
    assert (found.states["a"].then, found.states["a"].otherwise) == ("a.ask", "b")
    assert (found.states["a.remind"].then, found.states["a.remind"].falls_off) == (EXIT, False)
    assert found.states["a.remind"].after == 2 * DAY


def test_fragments_may_run_fragments():
    files = {
        "fragments/outer.yaml": "fragment: outer\nparams: {pause: duration}\nstates:\n"
        "  first: {after: =params.pause}\n  inner: {after: 1h, run: nps, with: {survey: a, reminder: =params.pause}}\n",
        **NPS,
    }
    found = with_states("a: {after: 1h, run: outer, with: {pause: 3h}}", files=files).good
    assert list(found.states) == ["a", "a.first", "a.inner", "a.inner.ask", "a.inner.remind"]
    assert found.states["a.inner.remind"].after == timedelta(hours=3)


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("{event: [signed_up, app_opened]}", Enter(("signed_up", "app_opened"), "event")),
        ("{manual: true}", Enter(("enter:j",), "manual")),
        ("{segment: lapsed_90d}", Enter(("entered:lapsed_90d", "enter:j"), "segment", None, "lapsed_90d")),
        ("{segment: lapsed_90d, check: 15m}", Enter(("enter:j",), "segment", None, "lapsed_90d", "15m")),
        ("{schedule: mon 09:00}", Enter(("enter:j",), "schedule", None, None, "mon 09:00")),
        (
            "{schedule: 1st 10:00, segment: lapsed_90d, limit: 5/min}",
            Enter(("enter:j",), "schedule", None, "lapsed_90d", "1st 10:00", (5, "min")),
        ),
        ("{schedule: 'cron \"0 9 * * 1\"'}", Enter(("enter:j",), "schedule", None, None, 'cron "0 9 * * 1"')),
    ],
)
def test_enter_by_event_segment_schedule_or_hand(clause, expected):
    found = read(f"journey: j\nenter: {clause}\nreenter: never\nstates:\n  a: {{after: 1d}}\n").good
    assert found.enter == expected


def test_reenter_says_when_and_how():
    def reenter(clause: str):
        text = f"journey: j\nenter: {{event: signed_up}}\nreenter: {clause}\nstates: {{a: {{after: 1d}}}}\n"
        found = read(text).good.reenter
        return found.after, found.while_active, found.limit

    assert reenter("never") == (None, "ignore", None)
    assert reenter("always") == (timedelta(0), "ignore", None)
    assert reenter("{after: 30d, max: 3, while_active: parallel}") == (30 * DAY, "parallel", 3)
    assert reenter("{while_active: restart}") == (timedelta(0), "restart", None)


def test_a_goal_has_defaults_and_may_be_several_events():
    found = with_states("a: {after: 1d}", "goal: {event: [order_placed, app_opened], if: event.total > 3}").good.goal
    assert found.events == ("order_placed", "app_opened")
    assert (found.within, found.value, found.exit) == (30 * DAY, None, True)
    assert found.guard.source == "event.total > 3"


def test_exits_and_jumps_come_from_everywhere():
    found = with_states(
        "a: {after: 1d}\nb: {after: 2d}\nc: {after: 3d}",
        """
        exit_when: [{event: [cart_emptied, signed_up], reason: gone}]
        jump_when: [{event: order_placed, if: event.total > 3, then: b}]
        """,
    ).good
    assert [(one.events, one.reason) for one in found.exits] == [(("cart_emptied", "signed_up"), "gone")]
    assert [(one.events, one.then) for one in found.jumps] == [(("order_placed",), "b")]
    assert found.cyclic == {"b", "c"}


def test_a_loop_is_cyclic_and_what_comes_before_is_not():
    found = with_states(
        "a: {after: 1d}\nb: {after: 1d, if: contact.can_push, then: exit, else: c}\nc: {after: 1d, then: b}"
    )
    assert found.good.cyclic == {"b", "c"}


def test_start_moved_and_the_rest():
    found = with_states(
        "a: {after: 1d, then: exit}\nb: {after: 1d, then: a}",
        """
        start: b
        moved: {old: a, older: exit}
        title: A title
        note: why
        tags: [x, y]
        priority: 80
        timezone: Europe/Rome
        holdout: 2.5%
        """,
    ).good
    assert (found.start, found.moved, found.tags) == ("b", {"old": "a", "older": "exit"}, ("x", "y"))
    assert (found.title, found.note, found.priority) == ("A title", "why", 80)
    assert (found.timezone, found.holdout) == ("Europe/Rome", 0.025)


def test_the_topic_can_make_a_journey_transactional():
    assert with_states("a: {after: 1d}", "topic: account").good.transactional
    assert not with_states("a: {after: 1d}", "topic: promo").good.transactional


def test_a_journey_tightens_the_projects_limits():
    found = with_states(
        "a: {send: email/cart_plain}",
        """
        caps: {all: [2/day], channels: {email: [2/month]}, when_capped: skip, max_wait: 2h}
        quiet_hours: {from: "20:00", to: "09:00"}
        late: {skip_after: 3h}
        """,
    ).good
    caps = {(rule.scope, rule.name, rule.per): rule.limit for rule in found.limits.caps}
    assert caps["all", "", "day"] == 2
    assert caps["all", "", "week"] == 8
    assert caps["channel", "email", "month"] == 2
    assert caps["channel", "email", "day"] == 1
    assert (found.limits.when_capped, found.limits.max_wait) == ("skip", timedelta(hours=2))
    assert found.limits.quiet_for("email").start == time(20)
    assert found.limits.skip_after == timedelta(hours=3)
    assert found.states["a"].when_capped == "skip"


def test_quiet_hours_by_channel_leave_the_others_alone():
    found = with_states("a: {after: 1d}", 'quiet_hours: {push: {from: "20:00", to: "10:00", then: skip}}').good.limits
    assert (found.quiet_for("push").then, found.quiet_for("push").end) == ("skip", time(10))
    assert found.quiet_for("email").end == time(8)


def test_used_files_bring_vars_exits_and_caps_and_own_keys_win():
    shared = """
        vars: {a: 1, b: 2}
        exit_when: [{event: cart_emptied}]
        caps: {all: [1/day]}
    """
    found = with_states(
        "s: {after: 1d}",
        "use: [shared/care.yaml]\nvars: {b: 3}\nexit_when: [{event: signed_up}]\ncaps: {all: [2/day]}",
        files={"shared/care.yaml": shared},
    ).good
    assert found.vars == {"a": 1, "b": 3}
    assert [one.events for one in found.exits] == [("signed_up",), ("cart_emptied",)]
    assert [rule.limit for rule in found.limits.caps if rule.scope == "all" and rule.per == "day"] == [2]


def test_a_choose_may_explore_in_its_own_way():
    found = (
        with_states(
            """
        a:
          choose:
            arms: [{send: email/cart_plain, id: plain, vars: {x: 1}}, email/cart_social, nothing]
            reward: {within: 2d, score: {order_placed: event.total}, clip: [-25, 200]}
            context: [contact.tier, entry.value]
            explore: {policy: fixed, shares: {plain: 50%, email/cart_social: 30%, nothing: 20%}, warmup: 0, half_life: 30d}
            baseline: {arm: plain, share: 5%}
            keep: contact
            learn: false
        """
        )
        .good.states["a"]
        .action
    )
    assert isinstance(found, Choose)
    assert found.explore.shares == {"plain": 0.5, "email/cart_social": 0.3, "nothing": 0.2}
    assert (found.explore.policy, found.explore.warmup, found.explore.half_life) == ("fixed", 0, 30 * DAY)
    assert (found.reward.clip, found.reward.scale) == ((-25.0, 200.0), 200.0)
    assert found.reward.score["unsubscribed"].source == "-4"
    assert (found.keep, found.learn, found.baseline) == ("contact", False, ("plain", 0.05))
    assert [one.source for one in found.context] == ["contact.tier", "entry.value"]


def test_clauses_keep_their_places():
    found = with_states("a:\n  after: 1d\n  send: email/cart_plain").good
    assert (found.states["a"].places["after"].line, found.states["a"].places["after"].col) == (6, 12)
    assert found.places["enter.event"].line == 2
