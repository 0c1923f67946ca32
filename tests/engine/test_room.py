"""Nothing is sent that could not be written down."""

from __future__ import annotations

import shutil
from typing import NamedTuple

import pytest

from engine.doctor import RESERVE, no_room
from engine.posting import Post
from engine.store.connect import create, open_store, writing


class Usage(NamedTuple):
    free: int


def test_without_room_for_the_ledger_nothing_is_claimed_and_it_says_why(tmp_path, monkeypatch):
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    with writing(store) as conn:
        create(conn)
    assert no_room(store) is None
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(RESERVE - 1))
    post = Post({}, None, None, room=lambda: no_room(store))  # type: ignore[arg-type]
    posted = post.deliver(store, None, None)  # type: ignore[arg-type]
    assert posted.claimed == 0
    assert "63 MiB are free" in posted.troubles[0]
    monkeypatch.undo()
    with pytest.raises(AttributeError):
        post.deliver(store, None, None)  # type: ignore[arg-type]  # it goes on to ask the clock
    store.dispose()
