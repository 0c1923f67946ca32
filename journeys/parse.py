"""Text to Expression: parsed with positions, type-checked against what is known at its place, compiled to closures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, cast

from journeys import bits
from journeys.bits import Bit
from journeys.calls import Calls
from journeys.check_secrets import VARIABLE, WAY_OUT
from journeys.expression import Expression
from journeys.grammar import Misfit, tree
from journeys.kinds import (
    ANY,
    DURATION,
    FLAG,
    LIST,
    NONE,
    NUMBER,
    READERS,
    TEXT,
    Kind,
    comparable,
)
from journeys.names import Names, Unknown, find
from journeys.page import near, sure
from journeys.person import TOP_INTEREST, half_life, top_interest
from journeys.place import Place
from journeys.problem import Edit, Problem
from journeys.span import parse_span

if TYPE_CHECKING:
    from journeys.grammar import Leaf

_ROOTS = {"contact": "attribute", "value": "traits"}

Answer = tuple[Expression | None, list[Problem]]


def parse(source: str, place: Place, names: Names, wanted: str = "any") -> Answer:
    """Return the Expression that `source` says at `place`, or None and why; `wanted` is "flag" for conditions."""
    reading = Reading(source, place, names)
    if "${" in source:
        start = source.index("${")
        end = source.find("}", start) + 1 or len(source)
        reading.say(
            "X304",
            (start, end),
            VARIABLE,
            helps=(WAY_OUT,),
        )
        return None, reading.problems
    try:
        bit = reading.read(tree(source))
    except Misfit as misfit:
        fix = "==" if misfit.code == "X303" else None
        reading.say(misfit.code, (misfit.start, misfit.end), misfit.says, label=misfit.label, instead=fix)
        return None, reading.problems
    reading.expect(bit, wanted)
    if any(problem.severity == "error" for problem in reading.problems):
        return None, reading.problems
    needs, segments = dict(reading.needs), frozenset(reading.segments)
    kind = bit.kind.name if bit.kind.name != "none" else "any"
    attributes, traits = frozenset(reading.attributes), reading.traits
    return (
        Expression(source, place, kind, needs, segments, bit.run, reading.gaps(), attributes, traits, bit),
        reading.problems,
    )


class Reading:
    """One expression being read: its words, and what was found wrong or needed so far."""

    def __init__(self, source: str, place: Place, names: Names) -> None:
        self.source, self.place, self.names = source, place, names
        self.problems: list[Problem] = []
        self.needs: dict[str, timedelta | None] = {}
        self.segments: set[str] = set()
        self.attributes: set[str] = set()
        self.traits = False
        self.missing: dict[str, Place] = {}  # contact attributes that may have no value, by name
        self.provided: set[str] = set()  # those of them that the words compare with none
        self.calls = Calls(self)

    def say(self, code: str, span: tuple[int, int], says: str, **more: Any) -> None:
        """Report a Problem at columns of the source; `instead` makes the fix that writes it there."""
        start, end = span
        line, col = self.place.line, self.place.col
        instead = more.pop("instead", None)
        if instead is not None:
            more["fix"] = (Edit(line, col + start, col + end, instead),)
        severity: Literal["error", "warning"] = "warning" if code == "X310" else "error"
        self.problems.append(Problem(code, severity, self.place.file, line, col + start, col + end, says, **more))

    def unknown(self, code: str, span: tuple[int, int], unknown: Unknown, *, quoted: bool = True) -> Bit:
        """Report a name that nobody knows, with the nearest known one."""
        word = self.source[slice(*span)]
        guess = near(word, unknown.among)
        more: dict[str, Any] = {}
        if guess:
            more = {
                "label": f'did you mean "{guess}"?' if quoted else f"did you mean {guess}?",
                "instead": guess if sure(word, guess) else None,
            }
        if unknown.note == "attributes":
            known = self.names.data.attributes.get(guess or "")
            where = known.place if known else self.names.data.places.get("contact")
            more["notes"] = (f"attributes are declared in {where.file}, line {where.line}",) if where else ()
        self.say(code, span, unknown.says, about=word, **more)
        return self.nothing(span)

    def nothing(self, span: tuple[int, int]) -> Bit:
        return Bit(ANY, bits.always(None), *span)

    def need(self, event: str, back: timedelta | None) -> None:
        known = self.needs.get(event, timedelta(0))
        self.needs[event] = None if back is None or known is None else max(known, back)

    def read(self, leaf: Leaf) -> Bit:
        """Return the compiled part for a tree."""
        start, end = leaf.meta.start_pos, leaf.meta.end_pos
        work = _WORK.get(str(leaf.data))
        if work is not None:
            return work(self, leaf, (start, end))
        return self.calls.read(leaf, (start, end))

    def seeing(self, event: str) -> Reading:
        """Return a reading of the same words in which `event.*` is this event."""
        props = self.names.data.events.get(event, {})
        inner = Reading(self.source, self.place, replace(self.names, event=props))
        inner.problems, inner.needs, inner.segments = self.problems, self.needs, self.segments
        inner.attributes = self.attributes
        inner.missing, inner.provided = self.missing, self.provided
        return inner

    def expect(self, bit: Bit, wanted: str) -> None:
        """Report a value of another kind than wanted here."""
        if wanted == "any" or bit.kind.name in (wanted, "any"):
            return
        span = (bit.start, bit.end)
        if wanted == "flag":
            self.say("X302", span, f"a condition is true or false, but this is {bit.kind}", label="compare it")
        else:
            self.say("X302", span, f"this must be {Kind(wanted)}, but it is {bit.kind}")

    def gaps(self) -> dict[str, Place]:
        """Return the contact attributes without which nothing is said."""
        return {name: place for name, place in self.missing.items() if name not in self.provided}

    def conditions(self, leaf: Leaf) -> list[Bit]:
        parts = [self.read(child) for child in _trees(leaf)]
        for part in parts:
            self.expect(part, "flag")
        return parts

    def path(self, leaf: Leaf, span: tuple[int, int]) -> Bit:
        words, (start, end) = leaf.children, span
        if [str(word) for word in words] == [TOP_INTEREST]:
            self.traits = True
            run = top_interest(half_life(self.names.data))
            return Bit(Kind("text", TOP_INTEREST, maybe=True), run, *span, op=TOP_INTEREST)
        if len(words) != 2:
            return self.unknown("X301", span, self._bare(str(words[0]), len(words)))
        root, name = str(words[0]), str(words[1])
        found = find(self.names, root, name)
        if isinstance(found, Unknown):
            begin = start if found.says.startswith(("nothing", "there is no")) else end - len(name)
            where = (begin, begin + len(root if begin == start else name))
            return self.unknown("X301", where, found)
        if root == "contact" and found[0].maybe:
            col = self.place.col + end - len(name)
            self.missing.setdefault(name, replace(self.place, col=col, end_col=col + len(name)))
        self.traits |= root == "value"
        if root == "contact":
            self.attributes.add(name)
        const = root in ("vars", "params")
        return Bit(found[0], found[1], *span, const=const, op=_ROOTS.get(root, "const" if const else root), about=name)

    def _bare(self, word: str, size: int) -> Unknown:
        if size > 2:
            return Unknown("a name has two parts: contact.tier, entry.value", ())
        if word in self.names.data.events:
            return Unknown(f'"{word}" is an event: write `any {word}`, `no {word}` or `count({word})`', ())
        hits = tuple(f"{root}.{word}" for root in ("contact", "entry", "event", "vars") if self._known(root, word))
        return Unknown(f'nothing is called "{word}" here' + (f": write {hits[0]}" if hits else ""), ())

    def _known(self, root: str, word: str) -> bool:
        return not isinstance(find(self.names, root, word), Unknown)


def _trees(leaf: Leaf) -> list[Leaf]:
    return [cast("Leaf", child) for child in leaf.children if hasattr(child, "data")]


def _or(reading: Reading, leaf: Leaf, span: tuple[int, int]) -> Bit:
    parts = reading.conditions(leaf)
    return Bit(FLAG, bits.either([part.run for part in parts]), *span, op="or", parts=tuple(parts))


def _and(reading: Reading, leaf: Leaf, span: tuple[int, int]) -> Bit:
    parts = reading.conditions(leaf)
    return Bit(FLAG, bits.both([part.run for part in parts]), *span, op="and", parts=tuple(parts))


def _not(reading: Reading, leaf: Leaf, span: tuple[int, int]) -> Bit:
    part = reading.conditions(leaf)[0]
    if part.kind.maybe and part.kind.name == "flag" and part.kind.called and part.kind.called.startswith("?"):
        name = part.kind.called[1:]
        reading.say(
            "X310",
            span,
            f"this is also true for everyone without {name}",
            helps=(f"say what you mean for them: `{name} == none or …` or `{name} != none and …`",),
        )
    return Bit(FLAG, bits.negation(part.run), *span, op="not", parts=(part,))


def _comparison(reading: Reading, leaf: Leaf, span: tuple[int, int]) -> Bit:
    one, two = (reading.read(child) for child in _trees(leaf))
    op = str(next(child for child in leaf.children if not hasattr(child, "data")))
    if not comparable(one.kind, two.kind, op) or _impossible(one, two):
        _incomparable(reading, one, two, span)
        return reading.nothing(span)
    if NONE in (one.kind, two.kind):
        reading.provided |= {bit.kind.called for bit in (one, two) if bit.kind.called}
    run = _compared(op, one, two)
    # Remember what may be missing, for `not`: "?" marks a comparison.
    maybe = next((bit for bit in (one, two) if bit.kind.maybe), None)
    missing = maybe is not None and NONE not in (one.kind, two.kind)
    called = f"?{reading.source[maybe.start : maybe.end]}" if missing and maybe else ""
    const = one.const and two.const
    return Bit(Kind("flag", called, maybe=missing), run, *span, const, "compare", (one, two), op)


def _compared(op: str, one: Bit, two: Bit) -> bits.Run:
    if two.kind.name == "none":
        return bits.absent(one.run, op)
    if one.kind.name == "none":
        return bits.absent(two.run, op)
    names = {one.kind.name, two.kind.name}
    for name in ("date", "time"):
        if name in names:
            one, two = _converted(one, name), _converted(two, name)
            if name == "date":
                return bits.compare_dates(op, one.run, two.run)
    return bits.compare(op, one.run, two)


def _converted(bit: Bit, name: str) -> Bit:
    if bit.kind.name == name:
        return bit
    read, run = READERS[name], bit.run
    if bit.const:
        return replace(bit, run=bits.always(read(bit.constant)))
    return replace(bit, run=lambda scope: read(run(scope)))


def _impossible(one: Bit, two: Bit) -> bool:
    """Return whether a constant can never be equal: no choice of the enum, no date."""
    for bit, other in ((one, two), (two, one)):
        if other.const and other.kind.name == "text":
            if bit.kind.choices and other.constant not in bit.kind.choices:
                return True
            if bit.kind.name in READERS and READERS[bit.kind.name](other.constant) is None:
                return True
    return False


def _incomparable(reading: Reading, one: Bit, two: Bit, span: tuple[int, int]) -> None:
    left, right = (one, two) if one.kind.choices or not two.kind.choices else (two, one)
    says = f"cannot compare {left.kind} with {right.kind}"
    helps: tuple[str, ...] = ()
    if left.kind.choices:
        source, choices = reading.source[left.start : left.end], left.kind.choices
        if right.const and right.kind.name == "text":
            guess = near(str(right.constant), choices)
            says = f'{left.kind.called} is one of {", ".join(choices)}, never "{right.constant}"'
            if guess:
                at = (right.start, right.end)
                reading.say("X302", at, says, label=f'did you mean "{guess}"?', instead=f'"{guess}"')
                return
        some = ", ".join(f'"{choice}"' for choice in choices[-2:])
        helps = (f'`{source} == "{choices[-1]}"` or `{source} in [{some}]`',)
    reading.say("X302", span, says, helps=helps)


def _in(reading: Reading, leaf: Leaf, span: tuple[int, int]) -> Bit:
    item, row = (reading.read(child) for child in _trees(leaf))
    if row.kind.name not in ("list", "any"):
        reading.say("X302", (row.start, row.end), f"`in` looks into a list, but this is {row.kind}", label="write [ ]")
    elif row.const and item.kind.choices:
        wrong = [value for value in row.constant if value not in item.kind.choices]
        if wrong:
            says = f'{item.kind.called} is one of {", ".join(item.kind.choices)}, never "{wrong[0]}"'
            guess = near(str(wrong[0]), item.kind.choices)
            label = f'did you mean "{guess}"?' if guess else ""
            reading.say("X302", (row.start, row.end), says, label=label)
    run = bits.member(item.run, row, wanted=leaf.data == "within_list")
    called = f"?{reading.source[item.start : item.end]}" if item.kind.maybe else ""
    op = "in" if leaf.data == "within_list" else "outside"
    return Bit(Kind("flag", called, maybe=item.kind.maybe), run, *span, op=op, parts=(item, row))


def _search(reading: Reading, leaf: Leaf, span: tuple[int, int]) -> Bit:
    """Return `text contains|starts|ends text`, or `list contains value`."""
    one, two = (reading.read(child) for child in _trees(leaf))
    how = str(leaf.data)
    fits = ("text", "any", "list") if how == "contains" else ("text", "any")
    if one.kind.name not in fits:
        what = "text or a list" if how == "contains" else "text"
        reading.say("X302", (one.start, one.end), f"`{how}` looks into {what}, but this is {one.kind}")
    elif one.kind.name == "text":
        reading.expect(two, "text")
        if two.const and two.constant == "":
            reading.say("X302", (two.start, two.end), f"`{how}` needs a part of the text to look for")
    run = bits.search(how, one.run, two.run)
    called = f"?{reading.source[one.start : one.end]}" if one.kind.maybe else ""
    return Bit(Kind("flag", called, maybe=one.kind.maybe), run, *span, op=how, parts=(one, two))


def _sum(reading: Reading, leaf: Leaf, span: tuple[int, int]) -> Bit:
    one, two = (reading.read(child) for child in _trees(leaf))
    name, const = str(leaf.data), one.const and two.const
    kinds = (one.kind.name, two.kind.name)
    run = bits.arithmetic(name, one.run, two.run)
    maybe, parts = one.kind.maybe or two.kind.maybe, (one, two)
    if "any" in kinds:
        return Bit(ANY, run, *span, const, name, parts)
    if kinds == ("date", "duration") and name in ("add", "sub"):
        shifted = bits.shift_date(1 if name == "add" else -1, one.run, two.run)
        return Bit(Kind("date", maybe=maybe), shifted, *span, False, name, parts)
    if kinds == ("duration", "duration") and name in ("add", "sub"):
        return Bit(DURATION, run, *span, const, name, parts)
    if set(kinds) == {"duration", "number"} and name in ("mul", "div") and (name, kinds[0]) != ("div", "number"):
        return Bit(DURATION, run, *span, const, name, parts)
    if kinds != ("number", "number"):
        verb = {"add": "add {1} to {0}", "sub": "take {1} from {0}", "mul": "multiply {0} by {1}"}.get(name)
        said = (verb or "divide {0} by {1}").format(one.kind, two.kind)
        reading.say("X302", span, f"cannot {said}")
        return reading.nothing(span)
    return Bit(Kind("number", maybe=maybe), run, *span, const, name, parts)


def _minus(reading: Reading, leaf: Leaf, span: tuple[int, int]) -> Bit:
    part = reading.read(_trees(leaf)[0])
    if part.kind.name not in ("number", "duration", "any"):
        reading.say("X302", span, f"there is no minus of {part.kind}")
    return Bit(part.kind, bits.minus(part.run), *span, part.const, "minus", (part,))


def _listed(reading: Reading, leaf: Leaf, span: tuple[int, int]) -> Bit:
    parts = [reading.read(child) for child in _trees(leaf)]
    const = all(part.const for part in parts)
    run = bits.row([part.run for part in parts])
    return Bit(LIST, bits.always(run(bits.NOWHERE)) if const else run, *span, const, "listed", tuple(parts))


def _literal(kind: Kind, value: Any, span: tuple[int, int]) -> Bit:
    return Bit(kind, bits.always(value), *span, const=True)


def _text(word: str) -> str:
    inside = word[1:-1]
    return inside.replace('\\"', '"').replace("\\\\", "\\") if word[0] == '"' else inside


def _number(word: str) -> int | float:
    return float(word) if "." in word or len(word) > 18 else int(word)


_WORK: Mapping[str, Callable[[Reading, Leaf, tuple[int, int]], Bit]] = {
    "or_": _or,
    "and_": _and,
    "negation": _not,
    "comparison": _comparison,
    "within_list": _in,
    "outside_list": _in,
    "contains": _search,
    "starts": _search,
    "ends": _search,
    "add": _sum,
    "sub": _sum,
    "mul": _sum,
    "div": _sum,
    "minus": _minus,
    "listed": _listed,
    "path": Reading.path,
    "none": lambda _, __, span: _literal(NONE, None, span),
    "true": lambda _, __, span: _literal(FLAG, True, span),
    "false": lambda _, __, span: _literal(FLAG, False, span),
    "number": lambda _, leaf, span: _literal(NUMBER, _number(str(leaf.children[0])), span),
    "text": lambda _, leaf, span: _literal(TEXT, _text(str(leaf.children[0])), span),
    "duration": lambda _, leaf, span: _literal(DURATION, parse_span(" ".join(str(leaf.children[0]).split())), span),
}
