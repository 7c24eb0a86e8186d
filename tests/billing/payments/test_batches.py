"""A batch is one everywhere: what is done for many takes no more statements than for one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import sqlalchemy as sa
from billing.tasks.rules import AccessOutcome, Report, TaskKind

from tests.billing.desk import Desk, payment
from tests.billing.dispatching import handed_over
from tests.billing.opening import open_desk

MANY = 100


@pytest.fixture
def desk(mysql_engine: sa.Engine) -> Desk:
    """With customers C0, C1, …, each on a router of its own. Round trips matter where the database is elsewhere."""
    desk = open_desk(mysql_engine)
    desk.insert_customers(
        *(
            {"account_name": f"C{n}", "router_id": 100 + n, "username": f"c{n}", "phone": "0712345678"}
            for n in range(MANY + 1)
        )
    )
    return desk


@contextmanager
def statements(engine: sa.Engine) -> Iterator[list[str]]:
    """What is sent to the database in the block."""
    sent: list[str] = []

    def note(_connection, _cursor, statement, *_) -> None:
        sent.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    yield sent
    sa.event.remove(engine, "before_cursor_execute", note)


def sent_for(desk: Desk, act: Callable[[], object]) -> int:
    with statements(desk.engine) as sent:
        act()
    return len(sent)


def pay_for(desk: Desk, prefix: str, count: int, first: int = 0) -> None:
    desk.pay_batch(*(payment(f"{prefix}{number}", f"C{number}") for number in range(first, first + count)))


@pytest.mark.parametrize("result", AccessOutcome)
def test_lines_reported_together_cost_the_database_no_more_than_one(desk, result):
    sent = []
    for count, first in ((1, MANY), (MANY, 0)):
        pay_for(desk, f"N{count}X", count, first)
        # The one before may be due again by now, if it failed.
        due = desk.lease(1000, kinds=[TaskKind.SET_ACCESS])
        leased = [task for task in due if task.trans_id.startswith(f"N{count}X")]
        assert len(leased) == count
        reports = [Report(task.task_id, task.fencing_token, f"of {task.trans_id}", result, "Tower") for task in leased]
        sent.append(sent_for(desk, lambda reports=reports: desk.report(*reports)))
    assert sent[0] == sent[1] < 12


@pytest.mark.parametrize("limit", [0, 1, 1000])
def test_messages_leased_together_cost_the_database_no_more_than_two(desk, limit):
    """Of two, because with a limit of one the second has to be left to a digest."""
    desk.policy = replace(desk.policy, staff_messages_per_hour=limit)
    sent = []
    for count in (3, 2, MANY):
        desk.pay_batch(*(payment(f"N{count}X{number}", "HELLO") for number in range(count)))
        sent.append(sent_for(desk, lambda: desk.lease(1000)))
    assert sent[1] == sent[2] < 12


def test_contradictions_that_come_together_cost_the_database_no_more_than_two(desk):
    pay_for(desk, "A", MANY)
    sent = []
    for count in (2, MANY):
        others = [payment(f"A{number}", "HELLO", str(count)) for number in range(count)]
        sent.append(sent_for(desk, lambda others=others: desk.pay_batch(*others)))
    assert sent[0] == sent[1] < 10


def test_messages_that_are_not_taken_cost_the_database_no_more_than_one(desk):
    desk.policy = replace(desk.policy, staff_messages_per_hour=0)
    sent = []
    for count in (1, MANY):
        desk.pay_batch(*(payment(f"N{count}X{number}", "ACC001") for number in range(count)))
        leased = desk.lease(1000)
        assert len(leased) == count
        reports = [Report(task.task_id, task.fencing_token, f"of {task.trans_id}", accepted=False) for task in leased]
        sent.append(sent_for(desk, lambda reports=reports: desk.report(*reports)))
        desk.make_due()
        desk.report(*(handed_over(task) for task in desk.lease(1000)))
    assert sent[0] == sent[1] < 5
