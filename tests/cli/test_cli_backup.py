"""A copy is whole, and a store that was restored sends nothing a second time."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.copies import COMPANIONS
from engine.sent_log import KEEP, SentLog
from engine.store.connect import open_store
from engine.store.tables import deliveries

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def signed_up(people: Path, sojourn) -> Path:
    """Lena has signed up and waits for her first mail."""
    assert sojourn("event", "send", "signed_up", "--contact", "lena@shop.example").code == 0
    return people


def mails(folder: Path) -> int:
    return sum(1 for path in (folder / "mailbox").rglob("*") if path.is_file())


def stands() -> list[tuple[str, str]]:
    store = open_store("sqlite:///sojourn.db")
    with store.connect() as conn:
        found = [tuple(row) for row in conn.execute(sa.select(deliveries.c.status, deliveries.c.detail))]
    store.dispose()
    return found


def test_what_went_out_after_the_copy_does_not_go_out_again(sojourn, signed_up):
    assert sojourn("db", "backup", "copy.db").code == 0
    assert "sent 1" in sojourn("tick").out
    assert mails(signed_up) == 1
    said = sojourn("db", "restore", "copy.db", "--yes")
    assert said.code == 0
    assert "1 messages went out since" in said.out
    assert "kept as" in said.out
    assert "sent 1" not in sojourn("tick").out
    assert mails(signed_up) == 1
    assert stands() == [("sent", "sent before the restore")]
    assert sojourn("doctor").code == 0


def test_a_copy_put_back_by_hand_is_noticed_before_anything_is_sent(sojourn, signed_up):
    assert sojourn("db", "backup", "copy.db").code == 0
    assert sojourn("tick").code == 0
    for end in ("", *COMPANIONS):
        Path(f"sojourn.db{end}").unlink(missing_ok=True)
    shutil.copy("copy.db", "sojourn.db")
    halted = sojourn("tick")
    assert "run: sojourn db restored" in halted.out + halted.err
    assert (halted.code, mails(signed_up)) == (6, 1)
    assert sojourn("db", "restored").code == 0
    assert sojourn("tick").code == 0
    assert mails(signed_up) == 1


def test_people_who_moved_on_before_anybody_said_restored_get_no_second_mail(sojourn, signed_up):
    assert sojourn("db", "backup", "copy.db").code == 0
    assert sojourn("tick").code == 0
    for end in ("", *COMPANIONS):
        Path(f"sojourn.db{end}").unlink(missing_ok=True)
    shutil.copy("copy.db", "sojourn.db")
    assert sojourn("event", "send", "signed_up", "--contact", "tom@shop.example").code == 0
    assert sojourn("tick").code == 6  # it steps people all the same
    assert json.loads(sojourn("db", "restored", "--json").out)["data"]["sent_since"] == 1
    assert sojourn("tick").code == 0
    assert mails(signed_up) == 2


def test_whoever_accepts_second_copies_gets_them(sojourn, signed_up):
    assert sojourn("db", "backup", "copy.db").code == 0
    assert sojourn("tick").code == 0
    for end in ("", *COMPANIONS):
        Path(f"sojourn.db{end}").unlink(missing_ok=True)
    shutil.copy("copy.db", "sojourn.db")
    assert sojourn("db", "restored", "--accept-duplicates").code == 0
    assert "sent 1" in sojourn("tick").out


def test_a_new_store_in_an_old_project_begins_a_ledger_of_its_own(sojourn, signed_up):
    assert sojourn("tick").code == 0
    for end in ("", *COMPANIONS):
        Path(f"sojourn.db{end}").unlink(missing_ok=True)
    assert sojourn("db", "upgrade", "--yes").code == 0
    assert sojourn("tick").code == 0


def test_a_damaged_copy_is_refused_and_changes_nothing(sojourn, signed_up):
    assert sojourn("db", "backup", "copy.db").code == 0
    whole = Path("copy.db").read_bytes()
    Path("copy.db").write_bytes(whole[: len(whole) // 2])
    said = sojourn("db", "restore", "copy.db", "--yes")
    assert (said.code, "copy.db" in said.err) == (5, True)
    assert "sent 1" in sojourn("tick").out
    assert sojourn("db", "vacuum").code == 0


def test_a_line_that_was_cut_off_is_no_key(tmp_path):
    log = SentLog(tmp_path, "l1")
    day = tmp_path / ".sojourn" / "sent" / "l1"
    day.mkdir(parents=True)
    (day / "2026-03-02").write_text("1772452800000000 r1:1\n1772452800000000 r1:2\n17724528000")
    assert log.last(2) == ["r1:1", "r1:2"]


def test_notes_that_no_copy_worth_restoring_needs_are_dropped(tmp_path):
    log = SentLog(tmp_path, "l1")
    log.add(["r1:1"], NOON)
    log.add(["r2:1"], NOON + KEEP)
    assert [key for key, _ in log.since(NOON)] == ["r1:1", "r2:1"]
    log.add(["r3:1"], NOON + KEEP + timedelta(days=1))
    assert [key for key, _ in log.since(NOON)] == ["r2:1", "r3:1"]
    log.close()
