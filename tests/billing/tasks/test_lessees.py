"""A task is reported on by whoever leased it: who that is, the caller's certificate proves."""

from contextlib import ExitStack

import pytest
from billing.schema import tasks
from billing.settings import BillingSettings
from billing.tasks.rules import lessee, may_report
from rejesha.billing.v1 import task_service_pb2 as pb
from servicekit.rpc import certificates, channel
from servicekit.rpc.errors import CallNotPermitted

from tests.billing.serving import Client, build
from tests.issuing import Authority


@pytest.fixture
def as_dispatcher(desk, monkeypatch, tmp_path):
    """Answers a client of billing with the certificate of a dispatcher of that name; "" is one without a name."""
    ours = Authority(tmp_path / "ours")
    for name, value in {
        "BILLING_DATABASE_URL": "sqlite://",
        "BILLING_PORT": "0",
        "SANDBOX": "true",
        "TLS_DIRECTORY": str(ours.process("billing")),
    }.items():
        monkeypatch.setenv(f"REJESHA_{name}", value)
    with ExitStack() as stack:
        server = build(BillingSettings.load(), desk.engine)
        server.start()
        stack.callback(server.stop, 0)

        def client(name):
            certificate = certificates.read(ours.process("dispatcher", name=name))
            target = f"127.0.0.1:{server.port}"
            connected = stack.enter_context(channel.connect(target, service="billing", certificate=certificate))
            return Client.of(connected)

        yield client


def line_of(leased):
    """The first line among leased tasks."""
    return next(task for task in leased.tasks if task.HasField("access"))


def report(client, task):
    """Whether a report that the line is on counted."""
    one = pb.TaskReport(task_id=task.task_id, fencing_token=task.fencing_token)
    one.access.outcome = pb.ACCESS_OUTCOME_CHANGED
    return not client.tasks.CompleteTasks(pb.CompleteTasksRequest(reports=[one]), timeout=20).stale_task_ids


def test_only_the_lessee_s_report_counts(desk, as_dispatcher):
    first, second, nameless = as_dispatcher("a"), as_dispatcher("b"), as_dispatcher("")
    desk.pay("T1", "0949AQ")
    task = line_of(first.lease(owner="host:1 as dispatcher/b"))  # it pretends in vain
    assert not report(second, task)
    assert not report(nameless, task)
    assert desk.customer("0949AQ").status == "inactive"
    assert report(first, task)
    assert desk.customer("0949AQ").status == "active"


def test_who_took_a_task_over_may_report_on_it_and_who_had_it_may_not(desk, as_dispatcher):
    first, second = as_dispatcher("a"), as_dispatcher("b")
    desk.pay("T1", "0949AQ")
    before = line_of(first.lease(owner="x" * 100))
    assert desk.one(tasks, id=before.task_id).leased_by == "x" * 84 + " as dispatcher/a"
    desk.make_due()
    now = line_of(second.lease())
    forged = pb.Task(task_id=now.task_id, fencing_token=now.fencing_token)
    assert not report(first, forged)
    assert report(second, now)


def test_a_dispatcher_s_certificate_opens_nothing_else_of_billing(as_dispatcher):
    with pytest.raises(CallNotPermitted):
        as_dispatcher("a").get("T1")


def test_where_nobody_can_prove_who_they_are_a_lease_alone_decides():
    assert may_report("", lessee("host:1", ""))
    assert may_report("", lessee("host:1", "dispatcher"))
    assert not may_report("dispatcher", lessee("host:1", ""))
    assert not may_report("", None)
