"""`at: best`: the hour of the day at which this person is there, as far as one can tell.

Rules
- A person's own signs of life (clicks, visits, orders), by local hour, shrunk to everyone's: a Dirichlet prior of
  PRIOR signs with everyone's shares. Somebody without signs gets everyone's best hour.
- Neighbouring hours help each other, so that one odd click decides nothing. Ties: the earliest hour.
- Hours that lie in quiet hours are not looked at. When hardly anybody has shown a sign, there is no best hour, and the
  message leaves as soon as the other clauses allow.
- Snapshot and moment carry the counts: nothing is asked for here.

Sources: shrinkage as in empirical Bayes (Efron and Morris 1975); products choose among hours likewise
(Salesforce's send time optimisation scores hours over 90 days).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta, tzinfo

from engine.core.calendar import instant, quiet_until
from engine.core.look import Look
from journeys import Choose, QuietHours, Window
from journeys import Send as SendAction

PRIOR = 8.0
"""How many signs everyone's hours are worth beside a person's own."""

ENOUGH = 3
"""Own signs that are enough where nothing is known of everyone."""

HOURS = 24


def hours_of(look: Look) -> Window | None:
    """Return the window of the state; for `at: best` the best hour, or the days alone where there is none."""
    window = look.state.window
    if window is None or not window.best:
        return window
    hour = best_hour(look)
    if hour is None:
        return replace(window, best=False)
    return replace(window, best=False, opens=time(hour), closes=time((hour + 1) % HOURS))


def best_hour(look: Look) -> int | None:
    """Return the local hour, 0 to 23, at which this person is likeliest to be there; None: nobody can tell."""
    own = local_hours(look.snapshot.hours, look.zone, look.moment.now)
    everyone = look.moment.hours
    if not everyone and sum(own) < ENOUGH:
        return None
    prior = everyone or (1 / HOURS,) * HOURS
    share = [count + PRIOR * part for count, part in zip(own, prior, strict=True)]
    smooth = [share[h - 1] + 2 * share[h] + share[(h + 1) % HOURS] for h in range(HOURS)]
    free = [hour for hour in range(HOURS) if not _quiet(hour, look)]
    return max(free, key=lambda hour: (round(smooth[hour], 9), -hour), default=None)


def local_hours(counts: Sequence[int], zone: tzinfo, now: datetime) -> tuple[int, ...]:
    """Return counts by UTC hour as counts by local hour, with the zone's difference of today in whole hours."""
    if not counts:
        return (0,) * HOURS
    ahead = now.astimezone(zone).utcoffset() or timedelta(0)
    shift = round(ahead / timedelta(hours=1))
    return tuple(counts[(hour - shift) % HOURS] for hour in range(HOURS))


def _quiet(hour: int, look: Look) -> bool:
    """Return whether quiet hours take the beginning of this hour from every channel of the state."""
    rules = _quiet_rules(look)
    at = instant(look.moment.now.astimezone(look.zone).date(), time(hour), look.zone)
    return bool(rules) and all(rule is not None and quiet_until(rule, at, look.zone) is not None for rule in rules)


def _quiet_rules(look: Look) -> list[QuietHours | None]:
    action = look.state.action
    if look.journey.transactional:
        return []
    channels = [arm.channel for arm in action.arms if arm.channel] if isinstance(action, Choose) else []
    channels += [action.channel] if isinstance(action, SendAction) else []
    return [look.journey.limits.quiet_for(channel) for channel in channels]
