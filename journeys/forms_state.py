"""A state as a table: when, if, one action, then. The parts of `choose` are in forms_choose.py."""

from __future__ import annotations

from journeys.forms_choose import CHOOSE
from journeys.shape import Choice, Either, Form, Key, Many, Table, Whole, Word

CAPPED = ("wait", "skip", "switch", "exit")
METHODS = ("POST", "GET", "PUT", "PATCH", "DELETE")
_TEXT, _NAME, _FLAG, _SPAN = Word("text"), Word("name"), Word("flag"), Word("span")
_CONDITION, _TARGET, _LITERAL = Word("condition"), Word("target"), Word("literal")
_EVENTS = Many(Word("event"), least=1, alone=True)
_VALUES = Table(_TEXT, _LITERAL)

SEND = Form(
    "send",
    "One message.",
    (
        Key(
            "message",
            Word("message"),
            "The message: `channel/name`, the file `templates/channel/name.*`.",
            required=True,
        ),
        Key("from", _TEXT, "The sender: `Maya at Acme <maya@shop.example>`.", "the channel's"),
        Key("reply_to", _TEXT, "Where answers go."),
        Key("vars", _VALUES, "What the template sees as `vars.…`; a value that begins with `=` is computed."),
        Key("quiet_hours", Choice(("respect", "ignore")), "`ignore` is for transactional journeys only.", "respect"),
        Key("track", _FLAG, "`false` leaves links as they are written.", "true"),
    ),
)
FIRST = Form(
    "first",
    "One of several things that end a wait.",
    (
        Key("event", _EVENTS, "The event."),
        Key("segment", Word("segment"), "Being in this segment."),
        Key("if", _CONDITION, "Only an event that meets this; it sees `event.…`."),
        Key("then", _TARGET, "Where it leads.", "the state's `then`"),
    ),
    one_of=(("event",), ("segment",)),
)
WAIT_FOR = Form(
    "wait_for",
    'Waits for something, and no longer than `within`. `then` is "it happened", `else` is "time is up".',
    (
        Key("event", _EVENTS, "The event that ends the wait."),
        Key("segment", Word("segment"), "Being in this segment ends the wait."),
        Key("first", Many(FIRST, least=1), "Several things, whichever comes first."),
        Key("if", _CONDITION, "Only an event that meets this; it sees `event.…`."),
        Key("within", _SPAN, "How long at most.", required=True),
    ),
    one_of=(("event",), ("segment",), ("first",)),
)
BRANCH = Form(
    "branch",
    "A way that is taken if its condition holds; the first that holds wins.",
    (
        Key("if", _CONDITION, "The condition.", required=True),
        Key("then", _TARGET, "Where it leads.", required=True),
    ),
)
EMIT = Form(
    "emit",
    "Records an event, as if it had happened.",
    (
        Key("event", Word("event"), "The event.", required=True),
        Key("props", _VALUES, "Its properties; a value that begins with `=` is computed."),
    ),
)
CALL = Form(
    "call",
    "Calls a webhook whose host is listed in sojourn.yaml.",
    (
        Key("url", Word("url"), "The address.", required=True),
        Key("method", Choice(METHODS), "The HTTP method.", "POST"),
        Key("json", _VALUES, "The body; a value that begins with `=` is computed."),
        Key("timeout", _SPAN, "How long one try may take.", "10s"),
        Key("retries", Whole(0, 20), "How often it is tried again.", "5"),
        Key("save_as", _NAME, "Waits for the answer, and keeps it as `journey.NAME`."),
    ),
)
_ACTIONS = (
    Key("send", Either((Word("message"), SEND)), "Sends one message: `channel/name`."),
    Key("choose", CHOOSE, "Decides per person between messages, channels and silence, and learns."),
    Key("wait_for", WAIT_FOR, "Waits for something, and no longer than `within`."),
    Key(
        "split",
        Table(_TARGET, Word("share"), 1),
        "Sends people on by shares that add up to 100%; each falls on the same side every time.",
    ),
    Key("branch", Many(BRANCH), "Sends people on by conditions; the first that holds wins, none: `else`."),
    Key(
        "set",
        Table(Word("assigned"), _LITERAL),
        "Writes `contact.x` or `journey.x`; a value that begins with `=` is computed.",
    ),
    Key("emit", EMIT, "Records an event, as if it had happened."),
    Key("call", CALL, "Calls a webhook."),
    Key("exit", _NAME, "Leaves the journey; the value is the reason that reports show."),
)
ACTIONS = tuple(key.name for key in _ACTIONS)
STATE = Form(
    "state",
    "One sentence: when (`after`, `at`), `if`, one action, `then`.",
    (
        Key("after", Word("timing"), "How long to wait first: `45m`, `2d`, or `=expression`.", "at once"),
        Key("until", Word("value"), "A moment to wait for: `next(contact.birthday) - 3d`. Without a value: `else`."),
        Key(
            "at",
            Word("window"),
            'A time of day, or a window: `"09:00"`, `"09:00-11:00"`; `best` is the person\'s own hour.',
            "any time",
        ),
        Key("days", Word("weekdays"), "The days on which it may act: `weekdays`, `[tue, thu]`.", "any"),
        Key("if", _CONDITION, "The action is skipped when this is false.", "true"),
        Key("else", _TARGET, "Where to go when `if` is false, time is up, or no branch fits.", "the next state"),
        Key("then", _TARGET, "Where to go after the action.", "the next state"),
        *_ACTIONS,
        Key("run", Word("fragment"), "Pastes a fragment in: `fragments/NAME.yaml`."),
        Key("with", Table(_NAME, _LITERAL), "The parameters of the fragment."),
        Key("when_capped", Choice(CAPPED), "What happens when a cap is used up.", "the journey's"),
        Key("max_wait", _SPAN, "How long to wait for a cap.", "the project's, 36h"),
        Key("max_visits", Whole(1), "How often one run may come here.", "10"),
        Key("title", _TEXT, "What people call it.", "its name"),
        Key("note", _TEXT, "For people only."),
    ),
    at_most_one=((*ACTIONS, "run"), ("after", "until")),
    with_=(("with", "run"),),
)
