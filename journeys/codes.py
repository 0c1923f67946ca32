"""Every code that lint says; what each means stands in docs/language.md, which the tests hold against this list."""

from __future__ import annotations

import re


def _codes(words: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", words))


ERRORS = _codes("""
    Y001 Y002 Y003 Y004 Y005 Y006 Y007 Y008 Y009
    S101 S102 S103 S104 S105 S106 S107 S108 S109 S110 S111 S112 S113 S121 S122 S130 S131
    R201 R202 R203 R204 R205 R206 R207 R208 R209 R210 R211 R212 R213
    X300 X301 X302 X303 X304 X305
    F401 F402 F403 F404
    B501 B502 B503 B505 B507
    P601 P602 P603 P606
    T700 T701 T702 T703
    D801
""")
COUNTED = _codes("W902 W905 W906 W908 W909 W910 W913 W914 W920 W921 W922 W923")
"""Warnings that need the counts of the store: whether they are given differs from one store to the next."""

WARNINGS = COUNTED | _codes("""
    S120 X310 B504 B506 P604 P605 T704 T705 T706 T707
    W901 W903 W904 W911 W912
""")
CODES = ERRORS | WARNINGS
