"""One of many processes: woken by what is committed, each job once among all, the dead ones' jobs taken over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from engine.cluster.runner import cluster
from engine.cluster.tasks import cron
from engine.runner import Job
from engine.store import wakes
from engine.store.alarms import due_count, ring
from engine.store.connect import open_store, reading, writing

NOON = datetime(2026, 10, 24, 12, tzinfo=UTC)
SELDOM = 3600.0
WORKERS = sa.text("SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '5 s'")
WAITING = sa.text("SELECT queueing_lock FROM procrastinate_jobs WHERE status = 'todo' ORDER BY 1")


@pytest.fixture
def queue(postgresql) -> Iterator[sa.Engine]:
    """A PostgreSQL store with one worker that says it is there and does nothing."""
    address = postgresql.lend()
    engine = open_store(address)
    with writing(engine) as conn:
        conn.execute(sa.text("INSERT INTO procrastinate_workers DEFAULT VALUES"))
    yield engine
    engine.dispose()
    postgresql.take_back(address)


def until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not look():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def waiting(store: sa.Engine) -> list[str]:
    with reading(store) as conn:
        return list(conn.execute(WAITING).scalars())


@contextmanager
def running(store: sa.Engine, *each: dict[str, Job]) -> Iterator[None]:
    """Let one process per set of jobs be at work."""
    members = [cluster(store, jobs, threading.Event()) for jobs in each]
    for member in members:
        member.start()
    try:
        until(lambda: at_work(store) >= 1 + 2 * len(each))
        yield
    finally:
        for member in members:
            member.stop()


def at_work(store: sa.Engine) -> int:
    with reading(store) as conn:
        return int(conn.execute(WORKERS).scalar_one())


def idle() -> dict[str, Job]:
    return {"tick": Job(lambda: False, SELDOM)}


def test_what_is_committed_wakes_a_worker_and_a_full_claim_calls_for_another(queue: sa.Engine):
    left = [2]
    ticks: list[float] = []

    def tick() -> bool:
        ticks.append(time.monotonic())
        left[0] -= 1
        return left[0] > 0

    with running(queue, {"tick": Job(tick, SELDOM, pieces=lambda: 0)}):
        with writing(queue) as conn:
            ring(conn, ["ana"], NOON)
        until(lambda: len(ticks) == 2)
    assert waiting(queue) == []


def test_a_wake_up_is_undone_with_what_it_was_for(queue: sa.Engine):
    def fails() -> None:
        with writing(queue) as conn:
            ring(conn, ["ana"], NOON)
            raise LookupError

    with pytest.raises(LookupError):
        fails()
    assert waiting(queue) == []


def test_any_number_of_wake_ups_of_a_process_are_one(queue: sa.Engine):
    for who in ("ana", "ben", "eve"):
        with writing(queue) as conn:
            ring(conn, [who], NOON)
    assert len(waiting(queue)) == 1
    with reading(queue) as conn:
        assert [due_count(conn, NOON, most) for most in (2, 9)] == [2, 3]


def test_nobody_is_called_where_nobody_works(queue: sa.Engine):
    with writing(queue) as conn:
        conn.execute(sa.text("DELETE FROM procrastinate_workers"))
        ring(conn, ["ana"], NOON)
    assert waiting(queue) == []


def test_who_takes_up_a_wake_up_waits_for_those_who_left_theirs_out_because_of_it(queue: sa.Engine):
    with writing(queue) as conn:
        ring(conn, ["ana"], NOON)
    seen: list[int] = []

    def take_up() -> None:
        with writing(queue) as conn:
            wakes.settle(conn)
        with reading(queue) as conn:
            seen.append(due_count(conn, NOON, 9))

    taker = threading.Thread(target=take_up)
    with writing(queue) as conn:
        ring(conn, ["ben"], NOON)
        wakes.call(conn)  # ana's still waits, so ben's is left out
        taker.start()
        taker.join(0.2)
        assert seen == []
    taker.join(10)
    assert seen == [2]


def test_as_many_claims_are_put_on_the_queue_as_wait_and_none_twice(queue: sa.Engine):
    for _ in range(2):
        with writing(queue) as conn:
            wakes.spread(conn, 3)
    assert waiting(queue) == ["step-1", "step-2", "step-3"]


def test_among_all_processes_the_learner_runs_once_at_a_time(queue: sa.Engine):
    now, most, runs = [0], [0], [0]
    turn = threading.Lock()

    def learn() -> bool:
        with turn:
            now[0] += 1
            runs[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.05)
        with turn:
            now[0] -= 1
        return runs[0] < 4

    jobs = [{**idle(), "learn": Job(learn, 1.0)} for _ in range(2)]
    with running(queue, *jobs):
        until(lambda: runs[0] >= 5)
    assert most == [1]


def test_the_jobs_of_a_killed_process_are_done_by_another(queue: sa.Engine):
    with writing(queue) as conn:
        [dead] = conn.execute(
            sa.text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 h' RETURNING id")
        )
        conn.execute(
            sa.text(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args, status, worker_id) "
                "VALUES ('care', 'learn', 'learn', 'learn', '{\"timestamp\": 1}', 'doing', :dead)"
            ),
            {"dead": dead[0]},
        )
        conn.execute(sa.text("INSERT INTO procrastinate_workers DEFAULT VALUES"))
    learned = threading.Event()

    def learn() -> bool:
        learned.set()
        return False

    with running(queue, {**idle(), "learn": Job(learn, SELDOM)}):
        until(learned.is_set)
    assert learned.is_set()


@pytest.mark.parametrize(
    ("seconds", "line"),
    [
        (0.2, "* * * * * */1"),
        (5, "* * * * * */5"),
        (60, "*/1 * * * * 0"),
        (3600, "0 */1 * * * 0"),
        (86400, "0 3 * * * 0"),
    ],
)
def test_a_span_is_a_line_of_cron(seconds: float, line: str):
    assert cron(seconds) == line


def test_a_process_whose_connections_are_all_lost_goes_on_by_itself_and_says_so_in_a_line(
    queue: sa.Engine, caplog: pytest.LogCaptureFixture
):
    ticked = threading.Event()

    def tick() -> bool:
        ticked.set()
        return False

    cut = sa.text(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with running(queue, {"tick": Job(tick, SELDOM, pieces=lambda: 0)}):
        with reading(queue) as conn:
            conn.execute(cut)
        time.sleep(0.3)
        ticked.clear()
        with writing(queue) as conn:
            ring(conn, ["ana"], NOON)
        until(ticked.is_set)
    assert not [record for record in caplog.records if record.exc_info]
