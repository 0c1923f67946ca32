"""Mail in a folder is a Maildir."""

from __future__ import annotations

import mailbox
from pathlib import Path

import pytest

from channels.channel import Envelope
from channels.errors import ChannelMisconfigured
from channels.maildir import MaildirChannel


def everything(keys: object) -> frozenset[str]:
    return frozenset(keys)  # type: ignore[call-overload, no-any-return]


def test_a_mail_program_reads_what_was_written(tmp_path: Path) -> None:
    channel = MaildirChannel(tmp_path / "mailbox")
    envelopes = [Envelope(f"e{n}:1", "a@b.test", f"Subject: {n}\r\n\r\nx\r\n".encode()) for n in range(3)]
    assert [r.status for r in channel.send(envelopes, everything)] == ["sent"] * 3
    box = mailbox.Maildir(tmp_path / "mailbox", create=False)
    assert sorted(m["Subject"] for m in box) == ["0", "1", "2"]
    assert all(p.name.endswith(".eml") for p in (tmp_path / "mailbox" / "new").iterdir())


def test_the_same_key_again_replaces_its_file_also_after_a_restart(tmp_path: Path) -> None:
    for subject in ("first", "second"):
        envelope = Envelope("e/1:1", "a@b.test", f"Subject: {subject}\r\n\r\n".encode())
        list(MaildirChannel(tmp_path).send([envelope], everything))
    (found,) = mailbox.Maildir(tmp_path, create=False)
    assert found["Subject"] == "second"


def test_a_folder_that_cannot_be_made_is_the_operators_turn(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ChannelMisconfigured, match=r"channels\.email\.folder"):
        list(MaildirChannel(tmp_path / "file").send([Envelope("k", "a@b.test", b"")], everything))
