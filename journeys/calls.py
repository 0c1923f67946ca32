"""Reading of `any …`, `no …` and function calls inside expressions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from journeys import happenings, person
from journeys.bits import Bit, Run
from journeys.happenings import Asked
from journeys.kinds import ANY, FLAG, NUMBER, Kind, kind_of
from journeys.names import Unknown
from journeys.sequence import Step, reach, sequence
from journeys.span import parse_span

if TYPE_CHECKING:
    from journeys.grammar import Leaf
    from journeys.parse import Reading

Span = tuple[int, int]

FUNCTIONS = (
    "count", "sum", "last", "first", "days_since", "days_since_first", "sequence", "in_segment", "interest", "bucket",
    "next", "round", "min", "max", "lower",
)  # fmt: skip
_DAYS = {"days_since": happenings.days_since_event, "days_since_first": happenings.days_since_first}


class Calls:
    """The part of a Reading that deals with happenings and functions."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading

    def read(self, leaf: Leaf, span: Span) -> Bit:
        return self._happened(leaf, span) if leaf.data == "happened" else self._call(leaf, span)

    def _happened(self, leaf: Leaf, span: Span) -> Bit:
        quantifier, name = leaf.children[0], leaf.children[1]
        asked = self._asked(name, [child for child in leaf.children[2:] if hasattr(child, "data")])
        if asked is None:
            return self.reading.nothing(span)
        run = (happenings.any_ if quantifier == "any" else happenings.no)(asked)
        return Bit(FLAG, run, *span, op=str(quantifier), about=asked)

    def _asked(self, name: Any, tails: list[Any], *, needed: bool = True) -> Asked | None:
        """Return which events are meant, and note that they are `needed`."""
        test: Bit | None = None
        within: timedelta | None = None
        since = ""
        known = self._event(name)
        for tail in tails:
            if tail.data == "where":
                inner = self.reading.seeing(str(name))
                test = inner.read(tail.children[0])
                inner.expect(test, "flag")
                self.reading.traits |= inner.traits
            elif tail.data == "span":
                within = self._span(tail.children[0])
            else:
                since = self._since(tail.children[0])
        if not known:
            return None
        if needed:
            self.reading.need(str(name), within)
        return Asked(str(name), test.run if test else None, within, since, test)

    def _event(self, name: Any) -> bool:
        events = self.reading.names.data.events
        if str(name) in events:
            return True
        span = (name.start_pos, name.end_pos)
        self.reading.unknown("R202", span, Unknown(f'no event called "{name}" in data.yaml', tuple(events)))
        return False

    def _span(self, word: Any) -> timedelta | None:
        if not hasattr(word, "data"):
            return parse_span(" ".join(str(word).split()))
        bit = self.reading.read(word)
        value = bit.constant
        value = parse_span(value) if isinstance(value, str) else value
        if isinstance(value, timedelta):
            return value
        if bit.kind is not ANY:
            self.reading.say("X302", (bit.start, bit.end), f"`within` takes a length of time, but this is {bit.kind}")
        return None

    def _since(self, word: Any) -> str:
        if str(word) in ("entry", "state"):
            return str(word)
        self.reading.unknown(
            "X301",
            (word.start_pos, word.end_pos),
            Unknown(f'`since` takes entry or state, not "{word}"', ("entry", "state")),
        )
        return ""

    def _call(self, leaf: Leaf, span: Span) -> Bit:
        name: Any = leaf.children[0]
        function = str(name)
        args: list[Any] = [child for child in leaf.children[1:] if hasattr(child, "data")]
        after: Any = leaf.children[-1] if not hasattr(leaf.children[-1], "data") and len(leaf.children) > 1 else None
        if function not in FUNCTIONS:
            unknown = Unknown(f'there is no function "{function}"', FUNCTIONS)
            return self.reading.unknown("X305", (name.start_pos, name.end_pos), unknown)
        if function == "sequence":
            return self._sequence(args, span)
        wanted = 2 if function in ("min", "max") else 1
        lots = function == "bucket" and len(args) == 2
        if len(args) != wanted and not lots and not (wanted == 2 and len(args) > 1):
            return self._wrong(span, f"{function} takes {'two values' if wanted == 2 else 'one value'}")
        if after is not None and function not in ("last", "first"):
            return self._wrong(span, f"nothing can follow {function}( )")
        if function in ("count", "sum", "last", "first"):
            return self._over_events(function, args[0], after, span)
        for arg in args:
            if len(arg.children) > 1 and not (function in _DAYS and self._named(arg)):
                return self._wrong(span, f"`where`, `within` and `since` do not go with {function}")
        return self._plain(function, args, span)

    def _wrong(self, span: Span, says: str) -> Bit:
        self.reading.say("X305", span, says)
        return self.reading.nothing(span)

    def _named(self, arg: Any) -> Any:
        """Return the single name that an argument consists of, None when it is anything else."""
        first = arg.children[0]
        return first.children[0] if first.data == "path" and len(first.children) == 1 else None

    def _over_events(self, function: str, arg: Any, after: Any, span: Span) -> Bit:
        path = arg.children[0]
        wanted = 2 if function == "sum" else 1
        if path.data != "path" or len(path.children) != wanted:
            says = "sum takes an event and its property: sum(order_placed.total)"
            return self._wrong(span, says if function == "sum" else f"{function} takes an event: {function}(clicked)")
        asked = self._asked(path.children[0], list(arg.children[1:]))
        if asked is None:
            return self.reading.nothing(span)
        if function == "count":
            return Bit(NUMBER, happenings.count(asked), *span, op="count", about=asked)
        prop = path.children[1] if function == "sum" else after
        if prop is None:
            return self._wrong(span, f"say what of it: {function}({asked.event}).property")
        props = self.reading.names.data.events[asked.event]
        if str(prop) not in props:
            unknown = Unknown(f'the event "{asked.event}" has no property "{prop}"', tuple(props))
            return self.reading.unknown("X301", (prop.start_pos, prop.end_pos), unknown)
        kind = kind_of(props[str(prop)], f"{asked.event}.{prop}", maybe=True)
        asked = replace(asked, prop=str(prop))
        if function != "sum":
            work = happenings.last if function == "last" else happenings.first
            return Bit(kind, work(asked, str(prop)), *span, op=function, about=asked)
        if kind.name not in ("number", "any"):
            return self._wrong(span, f"only numbers add up, but {kind} is not one")
        return Bit(NUMBER, happenings.total(asked, str(prop)), *span, op="sum", about=asked)

    def _sequence(self, args: list[Any], span: Span) -> Bit:
        """Read the steps: events, and `no …` between or after them."""
        if len(args) < 2:
            return self._wrong(
                span, "sequence takes at least two steps: sequence(cart_updated, no order_placed within 2h)"
            )
        steps = [step for arg in args if (step := self._step(arg, span)) is not None]
        if len(steps) < len(args):
            return self.reading.nothing(span)
        if steps[0].absent:
            return self._wrong(span, "the first step of a sequence is something that happened")
        for step in steps:
            self.reading.need(step.asked.event, reach(tuple(steps)))
        return Bit(FLAG, sequence(tuple(steps)), *span, op="sequence", about=tuple(steps))

    def _step(self, arg: Any, span: Span) -> Step | None:
        name, first = self._named(arg), arg.children[0]
        absent = first.data == "happened" and str(first.children[0]) == "no"
        tails = first.children[2:] if absent else arg.children[1:]
        if name is None and not absent:
            self._wrong(span, "a step of a sequence is an event, or `no` and an event")
            return None
        if any(getattr(tail, "data", "") == "since" for tail in tails):
            self._wrong(span, "`since` does not go into a sequence: each step is after the one before it")
            return None
        asked = self._asked(first.children[1] if absent else name, list(tails), needed=False)
        return None if asked is None else Step(asked, absent)

    def _plain(self, function: str, args: list[Any], span: Span) -> Bit:
        name = self._named(args[0])
        if function == "in_segment":
            return self._segment(name, span)
        if function in _DAYS and name is not None:
            asked = self._asked(name, list(args[0].children[1:]))
            if asked is None:
                return self.reading.nothing(span)
            return Bit(Kind("number", maybe=True), _DAYS[function](asked), *span, op=function, about=asked)
        parts = tuple(self.reading.read(arg.children[0]) for arg in args)
        if function in _PLAIN:
            wanted, given, work = _PLAIN[function]
            self.reading.expect(parts[0], wanted)
            op = "days_since_date" if function == "days_since" else function
            return Bit(Kind(given, maybe=parts[0].kind.maybe), work(parts[0].run), *span, op=op, parts=parts)
        if function in ("interest", "bucket"):
            return self._own(function, parts, span)
        if function == "days_since_first":
            return self._wrong(span, "days_since_first takes an event: days_since_first(order_placed)")
        for part in parts[1:]:
            self.reading.expect(part, parts[0].kind.name)
        maybe = any(part.kind.maybe for part in parts)
        run = happenings.extreme(function, [part.run for part in parts])
        return Bit(Kind(parts[0].kind.name, maybe=maybe), run, *span, op=function, parts=parts)

    def _own(self, function: str, parts: tuple[Bit, ...], span: Span) -> Bit:
        """Read interest("topic"), bucket(10) and bucket(10, "a lot of its own")."""
        said, lot = parts[0].constant, parts[1].constant if len(parts) > 1 else ""
        if function == "interest":
            if not isinstance(said, str):
                return self._wrong(span, 'interest takes a topic in quotes: interest("shoes")')
            self.reading.traits = True
            span_of = person.half_life(self.reading.names.data)
            return Bit(NUMBER, person.interest(said, span_of), *span, op="interest", about=(said, span_of))
        if not isinstance(said, int) or isinstance(said, bool) or not 2 <= said <= 10_000:
            return self._wrong(span, "bucket takes a number of groups, 2 to 10000: bucket(10) < 3")
        if not isinstance(lot, str):
            return self._wrong(span, 'the lots of a bucket have a name in quotes: bucket(10, "spring") < 3')
        return Bit(NUMBER, person.bucket(said, lot), *span, op="bucket", about=(said, lot))

    def _segment(self, name: Any, span: Span) -> Bit:
        known = self.reading.names.segments
        segments = tuple(self.reading.names.data.segments) if known is None else tuple(sorted(known))
        if name is None:
            return self._wrong(span, "in_segment takes the name of a segment")
        if str(name) not in segments:
            unknown = Unknown(f'no segment called "{name}" in data.yaml', segments)
            return self.reading.unknown("R204", (name.start_pos, name.end_pos), unknown)
        self.reading.segments.add(str(name))
        return Bit(FLAG, happenings.segment(str(name)), *span, op="segment", about=str(name))


_PLAIN: dict[str, tuple[str, str, Callable[[Run], Run]]] = {  # what it takes, what it gives, and how
    "days_since": ("date", "number", happenings.days_since_date),
    "next": ("date", "date", happenings.next_date),
    "round": ("number", "number", happenings.rounded),
    "lower": ("text", "text", happenings.lower),
}
