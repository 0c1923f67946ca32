"""Texts that grow when they are read (each is refused at once), and the largest that are not refused for their size."""

from __future__ import annotations

HEAD = "journey: bomb\nenter: {manual: true}\nstates:\n"
_LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
_MERGES = "b0: &b0 {k: 1}\n" + "".join(f"b{n}: &b{n} {{<<: [{', '.join([f'*b{n - 1}'] * 9)}]}}\n" for n in range(1, 12))

BOMBS = {
    "laughs": _LAUGHS,
    "merges": _MERGES,
    "itself": "a: &a [*a]\n",
    "aliases": "a: &a [1]\nb: [" + "*a, " * 100_000 + "*a]\n",
    "deep lists": "a: " + "[" * 100_000,
    "deep maps": "a: " + "{a: " * 100_000,
    "deep dashes": "- " * 100_000 + "x",
    "deep block": "".join(" " * n + "a:\n" for n in range(1000)),
    "long scalar": "a: " + "x" * 5_000_000,
    "long quote": 'a: "' + "x" * 5_000_000,
    "long key": "x" * 1_000_000 + ": 1\n",
    "many keys": "".join(f"k{n}: 1\n" for n in range(100_000)),
    "many states": HEAD + "".join(f"  s{n}: {{sned: x}}\n" for n in range(40_000)),
    "same key": "a: 1\n" * 200_000,
    "many lines": "\n" * 2_000_000,
    "many documents": "---\n" * 200_000,
    "many tags": "".join(f"- !t{n} x\n" for n in range(80_000)),
    "many tabs": "\tx: 1\n" * 150_000,
    "many braces": "x: {{ " * 150_000,
    "many template lines": "x: {{ y }}\n" * 90_000,
    "quoted conditions": HEAD + '  s: {if: "a" ' * 60_000,
    "brackets": HEAD + "  s: {if: a" + "[b]" * 300_000,
    "open brackets": HEAD + "  s: {if: a" + "[" * 900_000,
    "spaces": HEAD + "  s: {if: a" + " " * 900_000 + "[",
    "quotes": HEAD + "  s: " + "'" * 900_000,
    "nulls": "\x00" * 1_000_000,
    "brackets in a condition": HEAD + "  s:\n    if: " + "(" * 100_000,
    "nots": HEAD + "  s:\n    if: " + "not " * 200_000 + "contact.x",
    "sums": HEAD + "  s:\n    if: 1" + " + 1" * 200_000 + " > 2",
    "long number": HEAD + "  s: {after: " + "9" * 900_000 + "d}\n",
    "long span": HEAD + "  s: {after: " + "1d " * 300_000 + "}\n",
    "long name": HEAD + "  s: {send: email/" + "x" * 900_000 + "}\n",
}

STATES = 990
FULL = {
    "brackets": "  s: {if: a" + "[b]" * 3200 + "\n",
    "spaces": "  s: {if: a" + " " * 9900 + "[\n",
    "words": "  s: {if: a" + " a" * 4900 + "\n",
    "quoted": "  s: {" + 'if: "a" ' * 1200 + "\n",
    "quoted twice": "  s: {" + ',if: "a" b' * 900 + "\n",
    "braces": "  s: " + "{{ " * 3200 + "\n",
}


def _each(line: str) -> str:
    return HEAD + "".join(f"  s{n}: {line.format(n=n, next=n + 1, other=n * 7 % STATES)}\n" for n in range(STATES))


HEAVY = {
    **{f"full lines of {name}": HEAD + line * 25 for name, line in FULL.items()},
    "unknown keys": "".join(f"key_number_{n}: 1\n" for n in range(STATES)),
    "states of slips": _each("{{sned: x, thn: s{next}, afer: 2 days}}"),
    "states": _each("{{after: 1d, send: email/hello}}"),
    "loops": _each("{{branch: [{{if: now.hour == 1, then: s{other}}}]}}"),
    "conditions": _each("{{after: 1d, if: now.hour > 1 and now.hour < {n} or now.hour == 3}}"),
    "arms": f"{HEAD}  s:\n    choose:\n      reward: goal\n      arms:\n"
    + "".join(f"        - {{send: email/hello, id: a{n}}}\n" for n in range(STATES)),
    "lengths of time": _each("{{after: " + "9" * 90 + "d}}"),
    "a number of digits": HEAD + "  s: {after: " + "9" * 9900 + "}\n",
    "merges": "a: &a {" + ", ".join(f"k{n}: 1" for n in range(900)) + "}\nb:\n"
    + "".join(f"  c{n}: {{<<: *a}}\n" for n in range(99)),
    "empty lines before a tab": "a:\n" + " \n" * 19_000 + "\tb: 1\n",
}  # fmt: skip
