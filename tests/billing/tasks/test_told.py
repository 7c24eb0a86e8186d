"""What operators and customers are told of tasks: counts, times and routers' names that are what their labels say."""

from datetime import UTC, timedelta

from billing.schema import tasks
from billing.tasks.rules import AccessOutcome, Report, TaskKind
from rejesha.billing.v1 import task_service_pb2 as task_pb

from tests.billing.dispatching import failed, handed_over, lines, switched
from tests.billing.serving import payment

OTHER_ACCOUNT = "WAIRIMU1"


def line_of(client, trans_id="A1"):
    """The line's task as an operator sees it."""
    return next(task for task in client.get(trans_id).tasks if task.kind == "set_access")


def messages_of(client, trans_id):
    """The facts of a payment's messages."""
    found = [task for task in client.get(trans_id).tasks if task.kind == "send_messages"]
    return [message.facts for task in found for message in task.messages.messages]


def test_only_attempts_that_were_reported_on_are_counted(client, desk):
    client.record(payment("A1"))
    (first,) = lines(desk)
    assert line_of(client).attempts == 0
    desk.report(Report(first.task_id, first.fencing_token, "router-control is away"))
    assert line_of(client).attempts == 0
    for told in (1, 2):
        desk.make_due()
        lines(desk)  # nobody reports: its lease runs out
        desk.make_due()
        (task,) = lines(desk)
        desk.report(failed(task))
        assert line_of(client).attempts == told
    desk.make_due()
    (last,) = lines(desk)
    desk.report(switched(last))
    assert line_of(client).attempts == 3


def test_attempts_at_messages_and_at_lines_that_are_given_up_count_too_and_a_retry_forgets_none(client, desk):
    client.record(payment("A1"))
    (line,) = lines(desk)
    desk.report(failed(line, AccessOutcome.NO_SUCH_SECRET))
    assert line_of(client).attempts == 1
    desk.retry("A1")
    (line,) = lines(desk, kinds=[TaskKind.SET_ACCESS])
    desk.report(switched(line))
    assert line_of(client).attempts == 2
    told = desk.lease()
    first, *others = told
    desk.report(Report(first.task_id, first.fencing_token, "notify is away", accepted=False))
    desk.report(*(handed_over(task) for task in others))
    assert {row.attempts for row in desk.rows(tasks, kind="send_messages")} == {1}


def test_the_next_attempt_is_never_in_the_past(client, desk):
    client.record(payment("A1"))
    desk.make_due()
    due = line_of(client)
    assert not due.HasField("lease_expire_time")
    row = desk.one(tasks, kind="set_access")
    assert due.due_time.ToDatetime(UTC) >= row.due_time + timedelta(seconds=1)
    (task,) = lines(desk, kinds=[TaskKind.SET_ACCESS])
    leased = line_of(client)
    assert not leased.HasField("due_time")
    expires = leased.lease_expire_time.ToDatetime(UTC)
    assert expires == desk.one(tasks, kind="set_access").lease_expire_time
    desk.report(failed(task))
    waiting = line_of(client)
    assert waiting.due_time.ToDatetime(UTC) == desk.one(tasks, kind="set_access").due_time
    assert not waiting.HasField("lease_expire_time")


def test_a_lease_that_ran_out_is_no_lease_and_an_ended_task_has_no_next_attempt(client, desk):
    client.record(payment("A1"))
    (task,) = lines(desk, kinds=[TaskKind.SET_ACCESS])
    desk.pass_time(timedelta(seconds=31))
    assert line_of(client).HasField("due_time")
    assert not line_of(client).HasField("lease_expire_time")
    desk.report(switched(task))
    ended = line_of(client)
    assert ended.state == task_pb.TASK_STATE_DONE
    assert not ended.HasField("due_time")
    assert not ended.HasField("lease_expire_time")


def test_all_messages_that_wait_for_a_router_name_it_however_its_lines_failed(client, desk):
    client.record(payment("A1"), payment("B1", OTHER_ACCOUNT))
    first, second = lines(desk)
    nameless = Report(first.task_id, first.fencing_token, "no answer", access=AccessOutcome.TIMED_OUT)
    desk.report(nameless)
    assert {facts["router"] for facts in messages_of(client, "A1")} == {"1"}
    desk.report(failed(second))
    client.record(payment("C1"))  # whose line nobody has tried yet
    for trans_id in ("A1", "B1", "C1"):
        assert {facts["router"] for facts in messages_of(client, trans_id)} == {"Tower"}
    desk.make_due()
    line = lines(desk, kinds=[TaskKind.SET_ACCESS])[0]
    desk.report(Report(line.task_id, line.fencing_token, access=AccessOutcome.TIMED_OUT))
    desk.make_due()
    told = [one for task in desk.lease(kinds=[TaskKind.SEND_MESSAGES]) for one in task.work]
    assert {one.facts["router"] for one in told} == {"Tower"}


def test_a_router_is_not_called_by_another_one_s_name(client, desk):
    desk.set_customer(OTHER_ACCOUNT, router_id=2)
    client.record(payment("A1"), payment("B1", OTHER_ACCOUNT))
    first, second = lines(desk)
    desk.report(failed(first))
    assert {facts["router"] for facts in messages_of(client, "B1")} == {"2"}
    hill = Report(second.task_id, second.fencing_token, access=AccessOutcome.UNREACHABLE, router_name="Hill")
    desk.report(hill)
    assert {facts["router"] for facts in messages_of(client, "A1")} == {"Tower"}
    assert {facts["router"] for facts in messages_of(client, "B1")} == {"Hill"}


def test_a_renamed_router_is_called_by_its_new_name(client, desk):
    client.record(payment("A1"))
    for name in ("Tower", "Mast", "Mast"):
        desk.make_due()
        (line,) = lines(desk, kinds=[TaskKind.SET_ACCESS])
        desk.report(Report(line.task_id, line.fencing_token, access=AccessOutcome.UNREACHABLE, router_name=name))
        assert {facts["router"] for facts in messages_of(client, "A1")} == {name}


def test_messages_name_the_router_on_which_a_line_is_tried_again(client, desk):
    client.record(payment("A1"))
    (line,) = lines(desk)
    desk.report(Report(line.task_id, line.fencing_token, access=AccessOutcome.NO_SUCH_ROUTER))
    desk.set_customer("0949AQ", router_id=7, username="moved")
    desk.retry("A1")
    waiting = [facts for facts in messages_of(client, "A1") if "username" in facts]
    assert {(facts["router"], facts["username"]) for facts in waiting} == {("7", "moved")}
