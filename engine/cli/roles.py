"""What a role may see and do: the one place that decides.

Rules
- A marketer sees counts and samples without addresses; everybody else is an operator. Whoever `roles` in sojourn.yaml
  or SOJOURN_ROLE calls a marketer is one: a variable can take rights away, never give them.
- Whatever a marketer is shown goes through `shown`: lines, JSON and notes. Commands that hand out or change what is
  known of single people, and those of keys and of the store, are refused with one line; both go into the audit.
- This keeps honest people from seeing what they need not see. Who can read the store's file or its password needs no
  command line: rights on the machine and in the database come first.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from engine.errors import ConfigError, NotAllowed
from engine.redacting import reaches, redacted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.cli.session import Session
    from journeys.project import Data, Project

OPERATOR, MARKETER = "operator", "marketer"
VARIABLE = "SOJOURN_ROLE"
REFUSED = frozenset({
    "contact import", "contact export", "contact erase", "contact readmit", "contact merge", "contact unmerge",
    "event import", "keys status", "keys add", "keys rotate", "config push-key", "config dkim-key", "db backup",
    "db restore", "db restored", "db vacuum", "db upgrade", "mail intake", "retention", "intake kafka", "serve",
})  # fmt: skip
HIDDEN = "***"
_ENDPOINT = re.compile(r'(\\?"endpoint\\?"\s*:\s*\\?")[^"\\]*|https://[\w.-]*(?:push|fcm|wns|mozaws)[\w.-]*/[^\s"\\]*')


def role_of(session: Session) -> str:
    """Return the role of whoever is at the command line; ConfigError when it has a name that there is not."""
    said = session.env.get(VARIABLE, "").strip() or OPERATOR
    if said not in (OPERATOR, MARKETER):
        raise ConfigError(f'{VARIABLE} is "{said}"; there is: {OPERATOR}, {MARKETER}')
    if said == MARKETER:
        return MARKETER
    given = _given(session)
    if not given:
        return OPERATOR
    user = session.user
    return given.get(user) or given.get(user.partition("@")[0]) or OPERATOR


def _given(session: Session) -> Mapping[str, str]:
    """Return `roles` of sojourn.yaml; a project that says nothing of roles is not read for it."""
    from journeys.load import find_root, load_project

    root = find_root(session.here)
    if root is None or "roles:" not in (root / "sojourn.yaml").read_text(encoding="utf-8", errors="replace"):
        return {}
    project, _ = load_project(root, session.env)
    return project.roles if project is not None else {}


def admit(session: Session) -> None:
    """Refuse a command that this role may not call."""
    session.role = role_of(session)
    if session.role == MARKETER and session.command in REFUSED:
        _refuse(session, f"sojourn {session.command}")


def need_operator(session: Session, project: Project, what: str) -> None:
    """Refuse something that only an operator may ask of a command."""
    if session.role == MARKETER:
        _refuse(session, what, project)


def _refuse(session: Session, what: str, project: Project | None = None) -> None:
    """Write the refusal into the audit, where there is a store, and say so."""
    from engine.errors import EngineError
    from engine.store import auditing
    from engine.store.connect import writing

    try:
        with session.store(project or session.project()) as store, writing(store) as conn:
            auditing.note(conn, "refused", {"what": what, "role": session.role}, session.now())
    except EngineError:
        pass  # no store that could keep it: the refusal holds all the same
    raise NotAllowed(f"{what}: not for the role {session.role}; ask an operator")


def shown(text: str) -> str:
    """Return what a marketer may read of a line or of JSON: no mailbox, no telephone number, no push endpoint."""
    return _ENDPOINT.sub(lambda found: f"{found[1]}{HIDDEN}" if found[1] else HIDDEN, redacted(text))


def shown_json(text: str) -> str:
    """Return the same of a JSON text, value by value."""
    return json.dumps(_each(json.loads(text)), ensure_ascii=False)


def _each(value: Any) -> Any:
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, list):
        return [_each(one) for one in value]
    return {shown(name): _each(one) for name, one in value.items()} if isinstance(value, dict) else value


def private(session: Session, data: Data) -> frozenset[str]:
    """Return the attributes that this role must not see."""
    if session.role != MARKETER:
        return frozenset()
    return frozenset(name for name, one in data.attributes.items() if one.private or reaches(name))
