"""What stands around each specimen in its file: journeys that are right but for the one mistake.

`TOP` is what stands above the fragment (blank lines fill up to its line), `BELOW` what stands below, by number.
"""

from __future__ import annotations

CART = "journey: cart_recovery\ntopic: promo\n"
ENTER = "enter: {event: cart_abandoned}\nreenter: {after: 3d}\n"
GOAL = "goal: {event: order_placed, within: 72h}\n"
STATES = CART + ENTER + GOAL + "holdout: 10%\nstates:\n"
HELLO = "states:\n  hello: {send: email/welcome_hello}\n"
WELCOME = "journey: welcome\ntopic: onboarding\nenter: {event: signed_up}\nreenter: never\n"
WELCOME_STATES = WELCOME + "goal: {event: order_placed, within: 14d}\nholdout: 10%\nstates:\n"
NUDGE = WELCOME_STATES + "  nudge:\n"
RECOVER = STATES + "  recover:\n    choose:\n"
ARMS = RECOVER + "      arms: [email/cart_plain, email/cart_social, nothing]\n"
FIVE = (
    RECOVER
    + "      arms:\n        - email/cart_plain\n        - email/cart_social\n        - email/cart_offer10\n        - push/cart_nudge\n"
)
REWARD = "      reward: {within: 48h, score: {order_placed: event.total}}\n"
NARROW = (  # the specimen's own indentation: `score` two steps below `choose`
    CART + ENTER + GOAL + "holdout: 10%\nstates:\n recover:\n  choose:\n"
    "   arms: [email/cart_plain, push/cart_nudge, nothing]\n   reward:\n      within: 48h\n"
)
CONCIERGE = "  concierge: {send: email/cart_concierge}\n"
BRANCH = STATES + "  route:\n    branch:\n"
MAIL = "<!--\nsubject: Your cart\n-->\n<mjml><mj-body><mj-section>\n"

TOP: dict[int, str] = {
    1: WELCOME_STATES,
    2: WELCOME_STATES,
    3: STATES,
    4: WELCOME_STATES,
    5: STATES + "  a:\n",
    6: STATES + "  a:\n",
    7: CART + ENTER,
    8: STATES + "  recover:\n",
    10: STATES,
    11: WELCOME_STATES,
    12: NUDGE,
    13: CART + ENTER + GOAL,
    14: STATES,
    15: STATES,
    16: "journey: welcome\n",
    17: STATES + "  cool_off:\n",
    18: "journey: welcome\ntopic: onboarding\nenter: {event: signed_up}\n",
    19: WELCOME_STATES,
    20: "journey: winback\ntopic: promo\n",
    21: BRANCH,
    22: BRANCH,
    23: STATES + "  a:\n",
    24: CART + ENTER,
    25: STATES + "  a:\n    send: email/cart_plain\n",
    26: STATES,
    27: STATES,
    28: FIVE,
    29: RECOVER,
    30: ARMS,
    31: NARROW,
    32: NUDGE,
    33: CART + ENTER + GOAL + "holdout: 10%\n",
    34: MAIL + "<mj-column>\n",
    35: MAIL,
    36: MAIL + "<mj-column><mj-text>Hello</mj-text></mj-column></mj-section></mj-body>\n",
    37: CART + ENTER + GOAL + "holdout: 10%\n",
    38: NUDGE,
}
BELOW: dict[int, str] = {
    5: "    send: email/cart_plain\n",
    6: "    send: email/cart_plain\n",
    7: "  - {if: contact.open_ticket}\n" + HELLO,
    9: HELLO,
    10: "      arms: [email/cart_social, nothing]\n" + REWARD,
    11: "    send: email/welcome_tips\n",
    12: "    send: email/welcome_tips\n",
    13: HELLO,
    14: "  short_note: {send: email/cart_last_short, then: exit}\n  long_note: {send: email/cart_last_long}\n",
    16: "reenter: never\n" + HELLO,
    17: "\n" * 15 + "  recover: {send: email/cart_plain}\n",
    18: "reenter: never\n" + HELLO,
    20: HELLO,
    21: "    else: exit\n" + CONCIERGE,
    22: "    else: exit\n" + CONCIERGE,
    23: "    send: email/cart_plain\n",
    24: HELLO,
    27: "    else: exit\n",
    28: REWARD,
    29: REWARD,
    32: "    send: email/welcome_tips\n",
    33: HELLO,
    34: "<mj-text>{{ unsubscribe_url }}</mj-text>\n</mj-column></mj-section></mj-body></mjml>\n",
    35: "  </mj-column>\n</mj-section></mj-body></mjml>\n",
    37: "    send: email/cart_plain\n  final_note: {send: email/cart_social}\n",
    38: "      channels: [email, push]\n      nothing: true\n      reward: goal\n",
}
