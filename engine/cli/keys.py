"""`sojourn keys add|rotate|status`: the keys that personal values are sealed with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.answer import Answer
from engine.cli.session import Session
from engine.cli.text import columns, counted

if TYPE_CHECKING:
    import sqlalchemy as sa

WAY = (
    "  1. put it before the keys there are, in the variable or file that `encryption.keys` names, as NEW,OLD",
    "  2. start every process again, so that each can read both",
    "  3. sojourn keys rotate",
    "  4. take the old key out when `sojourn keys status` shows it no more; keep it for old backups",
)


def add(ctx: typer.Context) -> Answer:
    """Make a key and say what to do with it; nothing is changed and nothing is kept."""
    from engine.store.sealing import key_id, new_key

    session: Session = ctx.obj
    key = new_key()
    first = session.project().encryption == ()
    begin = [
        "  1. keep it where secrets are kept: without it what is sealed is lost",
        '  2. sojourn.yaml:  encryption: {keys: "${SOJOURN_KEYS}"}',
        "  3. start every process again with SOJOURN_KEYS set, then: sojourn keys rotate",
    ]
    return Answer(
        {"key": key, "id": key_id(key)}, [key, f"key {key_id(key)}; what to do with it:", *(begin if first else WAY)]
    )


def status(ctx: typer.Context) -> Answer:
    """Show how much is sealed with which key."""
    from engine.store.connect import reading
    from engine.store.keyring import PLAIN, counts

    session: Session = ctx.obj
    project = session.project()
    with session.store(project) as store, reading(store) as conn:
        found = counts(conn)
    ids = _ids(store)
    rows = [
        (place, key, f"{count:,}", "" if key == (ids or [PLAIN])[0] else "sojourn keys rotate" if ids else "")
        for place, keys in found.items()
        for key, count in sorted(keys.items())
    ]
    head = f"sealed with {ids[0]}" + (f", also opens {', '.join(ids[1:])}" if ids[1:] else "") if ids else _OPEN
    waits = any(key != ids[0] for keys in found.values() for key in keys) if ids else False
    return Answer({"keys": ids, "counts": found, "rotate": waits}, [head, *(f"  {line}" for line in columns(rows))])


_OPEN = "nothing is sealed: `encryption.keys` names no key (sojourn keys add)"


def _ids(store: sa.Engine) -> list[str]:
    from engine.store.sealed import sealing_of

    sealing = sealing_of(store.dialect)
    return list(sealing.ids) if sealing else []


def rotate(
    ctx: typer.Context,
    *,
    plain: Annotated[bool, typer.Option("--open", help="Take every seal off instead, to give encryption up.")] = False,
) -> Answer:
    """Seal everything with the first key, some people at a time; it may be killed and begun again at any moment."""
    from engine import rotating
    from engine.store.auditing import note
    from engine.store.connect import writing

    session: Session = ctx.obj
    project = session.project()
    with session.store(project) as store:
        rotating.demand_keys(store)
        if plain:
            session.confirm("open everything that is sealed")
        with session.bar("people", rotating.people(store)) as bar:
            done = rotating.rotate(store, session.now, bar.advance, plain=plain)
        with writing(store) as conn:
            note(conn, "keys", {"sealed_with": None if plain else _ids(store)[0], "rows": done}, session.now())
        ids = _ids(store)
    what = "opened: take `encryption` out of sojourn.yaml now" if plain else f"sealed with {ids[0]}"
    return Answer({"rows": done, "key": None if plain else ids[0]}, [f"✓ {counted(done, 'row')} {what}"])
