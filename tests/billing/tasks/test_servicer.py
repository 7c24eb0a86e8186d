"""TaskService through a real gRPC server."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from billing.tasks import leasing, servicer
from google.protobuf.duration_pb2 import Duration
from rejesha.billing.v1 import task_service_pb2 as task_pb

from tests.billing.serving import payment, refused

INVALID = ("INVALID_ARGUMENT", "INVALID_PAYMENT")


@pytest.mark.parametrize(
    "bad",
    [
        {"owner": ""},
        {"owner": "x" * 101},
        {"max_tasks": 0},
        {"max_tasks": -1},
        {"max_tasks": 1001},
        {"busy_router_ids": range(1001)},
        {"lease_duration": Duration()},
        {"lease_duration": Duration(nanos=999_999_999)},
        {"lease_duration": Duration(seconds=601)},
        {"lease_duration": Duration(seconds=-5)},
        {"lease_duration": Duration(seconds=2**62)},
        {"lease_duration": Duration(seconds=5, nanos=-(2**31))},
    ],
)
def test_a_lease_that_breaks_the_contract_is_refused(client, bad):
    assert refused(lambda: client.lease(**bad)) == ("INVALID_ARGUMENT", "INVALID_LEASE")


def test_a_line_is_leased_reported_and_counted_over_the_wire(client, desk):
    client.record(payment("A1"))
    lease = client.lease()
    (task,) = lease.tasks
    assert (task.trans_id, task.fencing_token, task.access.username) == ("A1", 1, "0949AQ")
    report = task_pb.TaskReport(task_id=task.task_id, fencing_token=task.fencing_token)
    report.access.outcome = task_pb.ACCESS_OUTCOME_CHANGED
    counts = client.tasks.GetTaskCounts(task_pb.GetTaskCountsRequest())
    assert (counts.open_access_tasks, counts.open_message_tasks, counts.given_up_tasks) == (1, 1, 0)
    complete = task_pb.CompleteTasksRequest(reports=[report])
    assert list(client.tasks.CompleteTasks(complete).stale_task_ids) == []
    assert list(client.tasks.CompleteTasks(complete).stale_task_ids) == [task.task_id]
    assert desk.customer("0949AQ").status == "active"
    (messages,) = client.lease(busy_router_ids=[1, 2, 2**62]).tasks
    assert messages.messages.messages[0].facts["amount"] == "1,000.00"
    retry = task_pb.RetryTasksRequest(trans_id=" a1")
    assert list(client.tasks.RetryTasks(retry).task_ids) == []
    retry = task_pb.RetryTasksRequest(trans_id="A2")
    assert refused(lambda: client.tasks.RetryTasks(retry)) == ("NOT_FOUND", "PAYMENT_NOT_FOUND")


def test_a_report_that_says_nothing_is_refused(client):
    silent = task_pb.TaskReport(task_id=1, fencing_token=1)
    unspecified = task_pb.TaskReport(task_id=1, fencing_token=1)
    unspecified.access.router_name = "x"
    unknown = task_pb.TaskReport(task_id=1, fencing_token=1)
    unknown.access.outcome = 99
    for reports in ([], [silent], [unspecified], [unknown], [task_pb.TaskReport(task_id=1)] * 1001):
        report = partial(client.tasks.CompleteTasks, task_pb.CompleteTasksRequest(reports=reports))
        assert refused(report) == ("INVALID_ARGUMENT", "INVALID_REPORT")


def test_few_calls_about_tasks_work_at_once_and_payments_are_recorded_beside_them(client, monkeypatch):
    monkeypatch.setattr(servicer, "MAX_WAIT", 0.05)
    at_work, may_end, lease = threading.Semaphore(0), threading.Event(), leasing.lease

    def slow(*arguments):
        at_work.release()
        may_end.wait(30)
        return lease(*arguments)

    monkeypatch.setattr(leasing, "lease", slow)
    with ThreadPoolExecutor() as threads:
        working = [threads.submit(client.lease) for _ in range(servicer.MAX_CALLS_AT_ONCE)]
        for _ in working:
            assert at_work.acquire(timeout=30)
        assert refused(client.lease) == ("RESOURCE_EXHAUSTED", "TASKS_BUSY")
        client.record(payment("A1"))
        may_end.set()
        assert sum(len(one.result(30).tasks) for one in working) == 1
    assert client.lease().tasks == []
