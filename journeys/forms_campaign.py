"""A campaign as a table: products, weeks, how many people, and what it is for."""

from __future__ import annotations

from journeys.shape import Either, Form, Key, Many, Table, Whole, Word

_TEXT = Word("text")
_SHARE = Word("share")

PRODUCTS = Form(
    "products",
    "What the campaign sells: all products of these families, departments and skus; or words, for new ones.",
    (
        Key("family", Many(_TEXT, least=1, alone=True), "Every product of this family."),
        Key("department", Many(_TEXT, least=1, alone=True), "Every product of this department."),
        Key("sku", Many(_TEXT, least=1, alone=True), "These products."),
        Key("words", _TEXT, "What new products are called: buyers of what is called alike are found."),
    ),
    some=True,
)
AIM = Form(
    "goal of a campaign",
    "What counts as a success. Without it: an order of one of the products within 14 days.",
    (
        Key("event", Many(Word("event"), least=1, alone=True), "The event that counts.", required=True),
        Key("if", Word("condition"), "Only an event that meets this; it sees `event.…`."),
        Key("within", Word("span"), "How long after the start it counts.", "14d"),
        Key("value", Word("value"), "What it is worth: a number, or an expression such as `event.total`.", "1"),
        Key("exit", Word("flag"), "Whether it ends the run of the journey.", "true"),
    ),
)
CAMPAIGN = Form(
    "campaign",
    "One message to those who will buy: `campaigns/NAME.yaml`.",
    (
        Key("campaign", Word("name"), "Its name, that of the file.", required=True),
        Key("title", _TEXT, "What people call it.", "its name"),
        Key("products", PRODUCTS, "What it sells.", required=True),
        Key(
            "weeks",
            Many(_TEXT, least=1, alone=True),
            "The calendar weeks (ISO) in which it may go out: `2027-W10`.",
            "this week",
        ),
        Key("send", Word("message"), "The message: `channel/name`. A journey of one state is made for it."),
        Key("journey", Word("name"), "The journey that the people enter, instead; it has `enter: {manual: true}`."),
        Key(
            "volume",
            Either((_SHARE, Whole(1), Table(Word("name"), Word("number")))),
            "How many people: a share of those who can be reached, a number, or `{worth: 0.05}`: all for whom more "
            "money is expected than this.",
            "10%",
        ),
        Key("only", Word("condition"), "Only people who meet this."),
        Key("holdout", _SHARE, "How many of the chosen hear nothing, so that it can be measured.", "10%"),
        Key("random", _SHARE, "How much of the volume is drawn at random from the rest.", "5%"),
        Key("goal", AIM, "What counts as a success.", "an order of a product within 14d"),
        Key("topic", Word("topic"), "The topic that people subscribe to.", "the journey's, or general"),
        Key("note", _TEXT, "For people only."),
    ),
    one_of=(("send",), ("journey",)),
)
