"""What a failed line leads to: how long it and its neighbours wait, and what the log says of it."""

from datetime import timedelta

import pytest
from billing.failures.rules import FIRST_PAUSE, MAX_PAUSE, MAX_PROBE_PAUSE, pause
from billing.schema import tasks
from billing.tasks.rules import AccessOutcome, Report

from tests.billing.desk import payment
from tests.billing.dispatching import failed, lines


def test_pauses_grow_are_spread_and_have_a_longest():
    for failures in range(1, 2000):
        full = min(FIRST_PAUSE * 2 ** min(failures - 1, 30), MAX_PAUSE)
        assert full / 2 <= pause(failures) <= full
    assert len({pause(20) for _ in range(50)}) > 40


def test_a_router_s_failed_lines_wait_together_and_longer_each_time(desk):
    pauses = pauses_of_two_lines(desk, AccessOutcome.LOGIN_REFUSED)
    assert all(first == second for first, second in pauses)  # one call to the router for both
    assert pauses[3] > pauses[0]
    assert max(second for _, second in pauses) <= MAX_PAUSE


@pytest.mark.parametrize("result", [AccessOutcome.UNREACHABLE, AccessOutcome.TIMED_OUT])
def test_one_line_of_those_that_wait_looks_every_few_seconds_whether_their_router_is_back(desk, result):
    pauses = pauses_of_two_lines(desk, result)
    assert all(first <= MAX_PROBE_PAUSE for first, _ in pauses)
    assert timedelta(seconds=29) < pauses[-1][1] <= MAX_PAUSE


def test_lines_that_failed_in_several_calls_send_one_probe(desk):
    for number in range(8):
        desk.pay(f"A{number}", "0949AQ")
        desk.report(*(failed(line) for line in lines(desk)))
    passed = timedelta()
    for _ in range(80):
        pause = desk.next_due_in_of(desk.rows(tasks, router_id=1))
        passed += pause
        desk.forward(pause)
        desk.report(*(failed(line) for line in lines(desk)))
    assert passed > timedelta(seconds=50)  # about 100; with a probe each about 20


def pauses_of_two_lines(desk, result):
    """How long the lines of one router wait after each of eight failures in a row."""
    desk.pay_batch(payment("A1", "0949AQ"), payment("A2", "WAIRIMU1"), payment("A3", "77XY", "500"))
    pauses = []
    for failures in range(1, 9):
        desk.report(*(failed(line, result) for line in lines(desk) if line.work.router_id == 1))
        first, second = sorted(desk.rows(tasks, router_id=1), key=lambda row: row.id)
        assert {first.failures, second.failures} == {failures}
        pause = desk.next_due_in_of([first])
        pauses.append((pause, pause + second.due_time - first.due_time))
        desk.make_due()
    return pauses


def test_a_failure_without_end_is_logged_once_for_each_result(desk):
    desk.pay("A1", "0949AQ")
    for result in [AccessOutcome.UNREACHABLE] * 4 + [AccessOutcome.LOGIN_REFUSED] * 3 + [AccessOutcome.UNREACHABLE]:
        (line,) = lines(desk)
        desk.report(failed(line, result))
        desk.make_due()
    assert desk.timeline("A1").count("RECONNECTION_FAILED") == 2
    assert desk.timeline("A1").count("MIKROTIK_ATTEMPT") == 1


@pytest.mark.parametrize("answer", [AccessOutcome.CHANGED, AccessOutcome.ALREADY_SO, AccessOutcome.NO_SUCH_SECRET])
def test_a_router_that_answers_makes_all_that_wait_for_it_due(desk, answer):
    desk.pay("A1", "0949AQ")
    desk.pay("A2", "77XY", "500")
    for _ in range(7):
        desk.report(*(failed(line) for line in lines(desk)))
        desk.make_due()
    desk.report(*(failed(line) for line in lines(desk)))
    desk.pay("A3", "WAIRIMU1")
    (line,) = lines(desk)
    desk.report(Report(line.task_id, line.fencing_token, access=answer))
    assert [task.trans_id for task in lines(desk)] == ["A1"]  # A2 is on another router
