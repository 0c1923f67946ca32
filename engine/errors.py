"""Exceptions for what a caller cannot go past, by whose turn it is.

EngineError
  ConfigError            the operator's: which setting, what is wrong, where to set it
  DefinitionError        the author's: carries all Problems
  NotFound               the caller's: no such contact, journey, message
  NotAllowed             the caller's: not in their role
  StoreError
    StoreUnavailable     not reachable, locked, corrupt
    SchemaOutdated       run `sojourn db upgrade`
    SchemaNewer          the database is of a later program
    ClaimLost            someone else moved this contact; the next tick sees it again
  LearnerError           a policy cannot be read; the engine goes on with uniform

ChannelError and its kin live in channels/errors.py. Expected outcomes are values: Problem, Refusal, Receipt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from journeys import Problem


class EngineError(Exception):
    """Base; `exit_code` is what the command line answers (cli.md 2.3)."""

    exit_code: ClassVar[int] = 1


class ConfigError(EngineError):
    """A setting is missing or wrong; the message says which, and where to set it."""

    exit_code = 2


class DefinitionError(EngineError):
    """Journeys cannot be used; `problems` holds every finding."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        errors = [p for p in problems if p.severity == "error"]
        first = errors[0] if errors else problems[0]
        more = f" (and {len(errors) - 1} more: run `sojourn lint`)" if len(errors) > 1 else ""
        super().__init__(f"{first.file}:{first.line}:{first.col}: {first.says}{more}")
        self.problems = tuple(problems)


class NotFound(EngineError):
    """What was asked for does not exist."""

    exit_code = 4


class NotAllowed(EngineError):
    """The role of whoever asks does not allow it; the message says what and whose it is."""

    exit_code = 3


class NotHandedOver(EngineError):
    """A provider refused a message that was sent by hand."""

    exit_code = 6


class StoreError(EngineError):
    """The store cannot be used."""

    exit_code = 5


class StoreUnavailable(StoreError):
    """The database is not reachable, locked or damaged; the message names it and the way out."""


class SchemaOutdated(StoreError):
    """The database is older than the program."""

    def __init__(self, found: str | None, needed: str) -> None:
        super().__init__(
            f"the store is at schema {found or 'none'}, this program needs {needed}; run: sojourn db upgrade"
        )


class SchemaNewer(StoreError):
    """The database is newer than the program."""

    def __init__(self, found: str) -> None:
        super().__init__(f"the store is at schema {found}, which this program does not know; install the newer sojourn")


class ClaimLost(StoreError):
    """Another worker moved the contact in between; nothing was written."""


class LearnerError(EngineError):
    """A policy version cannot be used; decisions go on with uniform chances."""
