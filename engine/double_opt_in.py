"""Double opt-in as a project says it: which topics ask, and with which mail.

Rules
- `topics.X.double_opt_in: true` asks with templates/email/confirm_X, or with a plain mail of our own.
- It goes by e-mail: without such a channel nobody can be asked, and the topic is granted to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from engine.store.confirming import Asking
from journeys.project import Project

PLAIN: Final = "email/sojourn_confirm"
_FILE: Final = Path(__file__).parent / "web" / "confirm.txt"


def asking_of(project: Project) -> Asking:
    """Return the topics that ask, each with its message."""
    topics = [name for name, topic in project.topics.items() if topic.double_opt_in and not topic.transactional]
    own = {name: f"email/confirm_{name}" for name in topics}
    return Asking({name: message if message in project.messages else PLAIN for name, message in own.items()})


def messages_of(project: Project) -> Mapping[str, tuple[Path, ...]]:
    """Return the project's messages, and the plain one that asks for a confirmation where some topic needs it."""
    needed = PLAIN in asking_of(project).topics.values()
    return {**project.messages, PLAIN: (_FILE,)} if needed else project.messages
