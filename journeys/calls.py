"""Reading of `any …`, `no …` and function calls inside expressions."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from journeys import happenings
from journeys.bits import Bit, Run
from journeys.happenings import Asked
from journeys.kinds import ANY, FLAG, NUMBER, TEXT, Kind, kind_of
from journeys.names import Unknown
from journeys.span import parse_span

if TYPE_CHECKING:
    from journeys.grammar import Leaf
    from journeys.parse import Reading

Span = tuple[int, int]

FUNCTIONS = ("count", "sum", "last", "days_since", "in_segment", "next", "round", "min", "max", "lower")


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
        return Bit(FLAG, (happenings.any_ if quantifier == "any" else happenings.no)(asked), *span)

    def _asked(self, name: Any, tails: list[Any]) -> Asked | None:
        """Return which events are meant, and note that they are needed."""
        where: Run | None = None
        within: timedelta | None = None
        since = ""
        known = self._event(name)
        for tail in tails:
            if tail.data == "where":
                inner = self.reading.seeing(str(name))
                bit = inner.read(tail.children[0])
                inner.expect(bit, "flag")
                where = bit.run
            elif tail.data == "span":
                within = self._span(tail.children[0])
            else:
                since = self._since(tail.children[0])
        if not known:
            return None
        self.reading.need(str(name), within)
        return Asked(str(name), where, within, since)

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
        wanted = 2 if function in ("min", "max") else 1
        if len(args) != wanted and not (wanted == 2 and len(args) > 1):
            return self._wrong(span, f"{function} takes {'two values' if wanted == 2 else 'one value'}")
        if after is not None and function != "last":
            return self._wrong(span, f"nothing can follow {function}( )")
        if function in ("count", "sum", "last"):
            return self._over_events(function, args[0], after, span)
        for arg in args:
            if len(arg.children) > 1 and not (function == "days_since" and self._named(arg)):
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
            return Bit(NUMBER, happenings.count(asked), *span)
        prop = path.children[1] if function == "sum" else after
        if prop is None:
            return self._wrong(span, f"say what of it: last({asked.event}).property")
        props = self.reading.names.data.events[asked.event]
        if str(prop) not in props:
            unknown = Unknown(f'the event "{asked.event}" has no property "{prop}"', tuple(props))
            return self.reading.unknown("X301", (prop.start_pos, prop.end_pos), unknown)
        kind = kind_of(props[str(prop)], f"{asked.event}.{prop}", maybe=True)
        if function == "last":
            return Bit(kind, happenings.last(asked, str(prop)), *span)
        if kind.name not in ("number", "any"):
            return self._wrong(span, f"only numbers add up, but {kind} is not one")
        return Bit(NUMBER, happenings.total(asked, str(prop)), *span)

    def _plain(self, function: str, args: list[Any], span: Span) -> Bit:
        name = self._named(args[0])
        if function == "in_segment":
            return self._segment(name, span)
        if function == "days_since" and name is not None:
            asked = self._asked(name, list(args[0].children[1:]))
            run = happenings.days_since_event(asked) if asked else None
            return Bit(Kind("number", maybe=True), run, *span) if run else self.reading.nothing(span)
        parts = [self.reading.read(arg.children[0]) for arg in args]
        runs = [part.run for part in parts]
        maybe = any(part.kind.maybe for part in parts)
        match function:
            case "days_since" | "next":
                self.reading.expect(parts[0], "date")
                if function == "next":
                    return Bit(Kind("date", maybe=maybe), happenings.next_date(runs[0]), *span)
                return Bit(Kind("number", maybe=maybe), happenings.days_since_date(runs[0]), *span)
            case "round":
                self.reading.expect(parts[0], "number")
                return Bit(Kind("number", maybe=maybe), happenings.rounded(runs[0]), *span)
            case "lower":
                self.reading.expect(parts[0], "text")
                return Bit(TEXT, happenings.lower(runs[0]), *span)
        for part in parts[1:]:
            self.reading.expect(part, parts[0].kind.name)
        return Bit(Kind(parts[0].kind.name, maybe=maybe), happenings.extreme(function, runs), *span)

    def _segment(self, name: Any, span: Span) -> Bit:
        known = self.reading.names.segments
        segments = tuple(self.reading.names.data.segments) if known is None else tuple(sorted(known))
        if name is None:
            return self._wrong(span, "in_segment takes the name of a segment")
        if str(name) not in segments:
            unknown = Unknown(f'no segment called "{name}" in data.yaml', segments)
            return self.reading.unknown("R204", (name.start_pos, name.end_pos), unknown)
        self.reading.segments.add(str(name))
        return Bit(FLAG, happenings.segment(str(name)), *span)
