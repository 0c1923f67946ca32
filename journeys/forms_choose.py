"""A decision as a table: its arms, what it earns, what it looks at, how it explores."""

from __future__ import annotations

from journeys.shape import Choice, Either, Form, Key, Many, Table, Whole, Word

POLICIES = ("thompson", "vw", "beta", "random", "fixed")
NOTHING = "nothing"
_CONDITION, _VALUE, _SHARE, _SPAN = Word("condition"), Word("value"), Word("share"), Word("span")
_TIMES = Many(Word("daypart"), least=1)

ARM = Form(
    "arm",
    "One thing that a decision may pick.",
    (
        Key("send", Word("message"), "The message: `channel/name`.", required=True),
        Key("id", Word("name"), "What the arm is called.", "the message"),
        Key(
            "times", _TIMES, "The parts of the day at which it may leave; each is an arm of its own.", "the decision's"
        ),
        Key("if", _CONDITION, "Only for whom this holds."),
        Key("cost", _VALUE, "What it costs, in the unit of the reward: `0.10 * entry.value`.", "0"),
        Key("vars", Table(Word("text"), Word("literal")), "What the template sees as `vars.…`."),
    ),
)
REWARD = Form(
    "reward",
    "What a decision earns.",
    (
        Key("within", _SPAN, "How long after the message events count.", required=True),
        Key(
            "score",
            Table(Word("event"), _VALUE),
            "What each event is worth: `{order_placed: event.total, clicked: 0.2}`.",
            required=True,
        ),
        Key("clip", Many(Word("number"), 2, 2), "The lowest and the highest reward: `[-25, 200]`."),
    ),
)
REPEAT = Form(
    "repeat",
    "What a message loses by having been sent lately.",
    (
        Key("penalty", _SHARE, "The share it loses right after it was sent.", "the project's, 30%"),
        Key("half_life", _SPAN, "How fast that fades.", "the project's, 15d"),
    ),
)
EXPLORE = Form(
    "explore",
    "How a decision learns.",
    (
        Key(
            "policy",
            Choice(POLICIES),
            "How estimates become chances; `random` is an A/B/n test.",
            "the project's, thompson",
        ),
        Key("warmup", Whole(), "So many decisions are drawn evenly first.", "the project's, 300"),
        Key("min_share", _SHARE, "The chance that every arm keeps.", "the project's, 0.5%"),
        Key("new_arm_share", _SHARE, "The chance that an arm gets while it is new.", "the project's, 10%"),
        Key("repeat", REPEAT, "What a message loses by having been sent lately.", "the project's"),
        Key("half_life", _SPAN, "How fast old decisions fade."),
        Key("shares", Table(Word("text"), _SHARE, 1), "For `fixed`: the chance of each arm; together 100%."),
    ),
)
BASELINE = Form(
    "baseline",
    "A share of people who always get the same arm: it shows whether personalising pays.",
    (
        Key("arm", Word("arm"), "The arm; `nothing` is no baseline, that is what `holdout` is for.", required=True),
        Key("share", _SHARE, "How many people.", required=True),
    ),
)
STOP_ARM_IF = Form(
    "stop_arm_if",
    "Takes an arm out for everybody when its rate is above a limit for certain.",
    (
        Key("unsubscribed", _SHARE, "The highest rate of unsubscribes.", "1%"),
        Key("complained", _SHARE, "The highest rate of complaints.", "0.1%"),
        Key("bounced", _SHARE, "The highest rate of bounces.", "5%"),
        Key("after", Whole(1), "Not before so many messages.", "200"),
    ),
)
CHOOSE = Form(
    "choose",
    "Decides per person between messages, channels and silence, and learns from what follows.",
    (
        Key(
            "arms",
            Many(Either((Choice((NOTHING,)), Word("message"), ARM)), 1),
            "What there is to choose from: messages, `nothing`, or mappings with `send`.",
        ),
        Key("messages", Many(Word("bare_message"), 1), "Short form: message names without their channel."),
        Key(
            "channels",
            Many(Word("channel"), 1),
            "Short form: the channels; each message is an arm on each channel for which it has a template.",
        ),
        Key(
            "times", _TIMES, "The parts of the day at which a message may leave; each is an arm of its own.", "at once"
        ),
        Key("nothing", Word("flag"), "Short form: whether saying nothing is an arm.", "false"),
        Key(
            "reward",
            Either((Choice(("goal",)), REWARD)),
            "What a decision earns; `goal` is the journey's goal.",
            required=True,
        ),
        Key("context", Many(Word("context")), "Expressions that the model may look at.", "the project's"),
        Key("baseline", BASELINE, "A share of people who always get the same arm."),
        Key("explore", EXPLORE, "How it learns.", "the project's"),
        Key("stop_arm_if", STOP_ARM_IF, "Takes a harmful arm out."),
        Key("keep", Choice(("fresh", "contact")), "`contact` draws once per person and keeps the arm.", "fresh"),
        Key("learn", Word("flag"), "`false` freezes the model.", "true"),
        Key(
            "behaviour",
            Word("flag"),
            "Whether the model also looks at when the person was last heard of.",
            "the project's",
        ),
    ),
    one_of=(("arms",), ("messages", "channels")),
)
