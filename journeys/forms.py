"""The journey file as a table: its top-level clauses, and fragments. States are in forms_state.py."""

from __future__ import annotations

from journeys.forms_state import CAPPED, STATE
from journeys.shape import Choice, Either, Form, Key, Many, Shape, Table, Whole, Word

TEXT, NAME, FLAG, SHARE, SPAN = Word("text"), Word("name"), Word("flag"), Word("share"), Word("span")
CONDITION, VALUE, TARGET, LITERAL = Word("condition"), Word("value"), Word("target"), Word("literal")
EVENTS = Many(Word("event"), least=1, alone=True)
WEEKDAYS = Word("weekdays")
IF_EVENT = "A condition; the event at hand is `event.…`."

_LIMIT = Key("limit", Word("rate"), "How many come in: `5/min`, `100/hour`, `400/day`. The others queue.")
ENTER_EVENT = Form(
    "enter by event",
    "Who comes in: people to whom this event happens.",
    (
        Key("event", EVENTS, "The event, or a list of events, that starts a run.", required=True),
        Key("if", CONDITION, IF_EVENT),
        _LIMIT,
    ),
)
ENTER_SCHEDULE = Form(
    "enter by schedule",
    "Who comes in: everybody, or a segment, at a time.",
    (
        Key(
            "schedule",
            Word("schedule"),
            '`"mon 09:00"`, `"weekdays 09:00"`, `"1st 10:00"`, `hourly`, `cron "0 9 * * 1-5"`.',
            required=True,
        ),
        Key("segment", Word("segment"), "Only who is in this segment of data.yaml."),
        Key("if", CONDITION, "Only whom this holds for."),
        _LIMIT,
    ),
)
ENTER_SEGMENT = Form(
    "enter by segment",
    "Who comes in: whoever enters a segment, as soon as they do; with `check`, its people, at a rhythm.",
    (
        Key("segment", Word("segment"), "A segment of data.yaml.", required=True),
        Key(
            "check",
            Word("check"),
            "Lets in whoever is in it at these times only: `hourly`, `daily 06:00`, or a length such as `15m`.",
            "at once, whoever enters it",
        ),
        Key("if", CONDITION, "Only whom this holds for."),
        _LIMIT,
    ),
)
ENTER_MANUAL = Form(
    "enter by hand",
    "Who comes in: nobody by itself; `sojourn enter JOURNEY --contact ID` starts people.",
    (Key("manual", Word("yes"), "Always `true`.", required=True),),
)
ENTER = {"event": ENTER_EVENT, "schedule": ENTER_SCHEDULE, "segment": ENTER_SEGMENT, "manual": ENTER_MANUAL}

REENTER = Form(
    "reenter",
    "When a person may come back.",
    (
        Key("after", SPAN, "Again, this long after the end of the last run.", "at once"),
        Key(
            "while_active",
            Choice(("ignore", "restart", "parallel")),
            "What a second trigger does during a run.",
            "ignore",
        ),
        Key("max", Whole(1), "At most so many runs."),
    ),
)
GOAL = Form(
    "goal",
    "What the journey is for. The goal ends the run and is what reports count.",
    (
        Key("event", EVENTS, "The event that reaches the goal.", required=True),
        Key("if", CONDITION, IF_EVENT),
        Key("within", SPAN, "How long after the entry it counts.", "30d"),
        Key("value", VALUE, "What it is worth: a number, or an expression such as `event.total`.", "1"),
        Key("exit", FLAG, "Whether it ends the run.", "true"),
    ),
)
EXIT_WHEN = Form(
    "exit_when",
    "Leaves the journey from any state, on an event, a condition, or an event that meets a condition.",
    (
        Key("event", EVENTS, "The event that ends the run."),
        Key("if", CONDITION, "A condition; with an event it sees `event.…`, alone it is asked before each action."),
        Key("segment", Word("segment"), "Being in this segment ends the run, as soon as somebody is."),
        Key("reason", NAME, "What the end is called in reports.", "the event"),
    ),
    some=True,
)
JUMP_WHEN = Form(
    "jump_when",
    "Moves a run to a state, from any other.",
    (
        Key("event", EVENTS, "The event that moves it.", required=True),
        Key("if", CONDITION, IF_EVENT),
        Key("then", TARGET, "The state it goes to.", required=True),
    ),
)
_RULES = Many(Word("cap"))
CAPS = Form(
    "caps",
    "How many messages a person gets at most. A journey may be stricter than the project, not looser.",
    (
        Key("all", _RULES, "Over all channels: `[3/day, 8/week]`."),
        Key("channels", Table(Word("channel"), _RULES), "By channel: `{email: [1/day]}`."),
        Key("topics", Table(Word("topic"), _RULES), "By topic: `{promo: [3/7d]}`."),
        Key("when_capped", Choice(CAPPED), "What happens when a cap is used up.", "the project's"),
        Key("max_wait", SPAN, "How long a message waits for a cap.", "the project's, 36h"),
        Key("count_transactional", FLAG, "Whether order and account messages count, too.", "false"),
    ),
)
QUIET = Form(
    "quiet_hours",
    "Hours in which nothing leaves, in the contact's own time.",
    (
        Key("from", Word("clock"), "When they begin.", required=True),
        Key("to", Word("clock"), "When they end.", required=True),
        Key("days", WEEKDAYS, "The days on which they begin.", "any"),
        Key("then", Choice(("wait", "skip")), "Whether a message waits for their end or is skipped.", "wait"),
        Key("spread", SPAN, "Waiting messages leave within this time after their end.", "15m"),
    ),
)
LATE = Form(
    "late",
    "What happens to messages that are late.",
    (Key("skip_after", SPAN, "A message later than this is skipped.", "24h"),),
)
EXPECT = Form(
    "expect",
    "What must come of it.",
    (
        Key("ends", NAME, "The reason with which the run ends: `goal`, `completed`, `exit` or your own."),
        Key("path", Many(TEXT), "The states it walks, from the first on; the beginning is enough."),
        Key(
            "sent",
            Many(Either((Word("message"), Table(Word("message"), TEXT, 1, 1)))),
            'The messages, in order; with a time: `{email/hello: "09:00..19:00"}`.',
        ),
        Key("sent_at_most", Whole(), "At most so many messages; `0` for none."),
        Key("state_at", Table(SPAN, TEXT), "Where the person is after a time: `{2d: nudge}`."),
    ),
    some=True,
)
TEST = Form(
    "tests",
    "One example: a person, what happens to them, and what must come of it. `sojourn test` plays it.",
    (
        Key("name", TEXT, "A sentence that could be false.", required=True),
        Key(
            "start",
            Word("moment"),
            "When it begins, local time of the contact: `2026-01-12T20:00`.",
            "Monday 2026-01-05, 10:00",
        ),
        Key("contact", Table(Word("attribute"), LITERAL), "The person's attributes."),
        Key(
            "events",
            Many(Table(Either((Choice(("at",)), Word("event"))), LITERAL, 1, 2)),
            "What happens: `{at: 50m, order_placed: {total: 64.9}}`.",
        ),
        Key("choose", Table(NAME, TEXT), "Which arm a decision draws, by state."),
        Key("group", Choice(("learner", "baseline", "holdout")), "The group the person is in.", "learner"),
        Key("alone", FLAG, "No other journey of the project runs.", "false"),
        Key("expect", EXPECT, "What must come of it.", required=True),
    ),
)

STATES: Shape = Table(NAME, STATE, least=1)
JOURNEY = Form(
    "journey",
    "One file is one journey, and the file has its name.",
    (
        Key("journey", NAME, "The journey's name, and the file's.", required=True),
        Key("title", TEXT, "What people call it.", "its name"),
        Key(
            "topic", Word("topic"), "What people subscribe to and unsubscribe from: a topic of sojourn.yaml.", "general"
        ),
        Key("priority", Whole(0, 100), "Who gets the slot when caps are tight: 0 to 100.", "50"),
        Key("vars", Table(NAME, LITERAL), "Constants for expressions (`vars.x`) and templates. No secrets."),
        Key("enter", Either(tuple(ENTER.values())), "Who comes in.", required=True),
        Key("reenter", Either((Choice(("never", "always")), REENTER)), "Who may come back.", "never"),
        Key("goal", GOAL, "What the journey is for; it ends the run."),
        Key("exit_when", Many(EXIT_WHEN), "What lifts people out of any state."),
        Key("jump_when", Many(JUMP_WHEN), "What moves people to a state, from any other."),
        Key(
            "holdout",
            SHARE,
            "A share that walks the same states and hears nothing: it shows what the journey is worth.",
            "0%",
        ),
        Key(
            "states", STATES, "The states, in order: the next one in the file is the default next step.", required=True
        ),
        Key(
            "transactional",
            FLAG,
            "Order and account messages: they pass caps, quiet hours and holdouts.",
            "what the topic says",
        ),
        Key("timezone", Word("zone"), "For contacts without a zone of their own.", "the project's"),
        Key(
            "verdict_on",
            Word("day"),
            "The date fixed beforehand for the verdict: from then on it is read once, by the plain 95 % interval.",
        ),
        Key("caps", CAPS, "How many messages a person gets at most.", "the project's"),
        Key(
            "quiet_hours",
            Either((Choice(("ignore",)), QUIET, Table(Word("channel"), QUIET, 1))),
            "Hours in which nothing leaves.",
            "the project's",
        ),
        Key("late", LATE, "What happens to messages that are late.", "the project's"),
        Key(
            "use",
            Many(Word("file")),
            "Shared files whose `vars`, `exit_when` and `caps` are merged in; paths count from sojourn.yaml.",
        ),
        Key("start", TARGET, "The state in which a run begins.", "the first"),
        Key(
            "moved",
            Table(NAME, TARGET),
            "Where people go who wait in a state that is gone: `{old: new}` or `{old: exit}`.",
        ),
        Key("tests", Many(TEST), "Examples that `sojourn test` plays."),
        Key("note", TEXT, "For people only."),
        Key("owner", TEXT, "Whom to ask."),
        Key("tags", Many(TEXT), "For people only."),
    ),
)
SHARED = Form(
    "use",
    "A file that journeys `use`.",
    tuple(key for key in JOURNEY.keys if key.name in ("vars", "exit_when", "caps")),
)
FRAGMENT = Form(
    "fragment",
    "A few states that several journeys paste in with `run`. The file has the fragment's name.",
    (
        Key("fragment", NAME, "The fragment's name, and the file's.", required=True),
        Key(
            "params",
            Table(NAME, TEXT),
            "What `with` fills: `{survey: text, reminder: duration = 4d}`; seen as `params.…`.",
        ),
        Key("states", STATES, "The states, in order.", required=True),
        Key("title", TEXT, "What people call it."),
        Key("note", TEXT, "For people only."),
    ),
)
