"""What the gateway relies on of billing: the same tests against the real servicers on SQLite and against the fake that
the gateway's other tests use.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from billing.__main__ import MIGRATIONS
from billing.settings import BillingSettings
from fake_billing import billing_service
from gateway.callbacks.parsing import Payment
from gateway.callbacks.raw import RawCallback
from gateway.clients.billing import Billing
from gateway.clients.channels import Clients, Targets
from gateway.clients.operations import Operations
from gateway.clients.quarantine import Quarantine
from gateway.clients.tasks import Report, Tasks
from gateway.clients.validation import Validation, ValidationVerdict
from servicekit.rpc.errors import FailedPrecondition, InvalidArgument, NotFound

from servicekit import engines
from tests.billing.opening import open_desk
from tests.billing.serving import build
from tests.databases import make_tables

pytestmark = pytest.mark.anyio

ARRIVAL = datetime.now(UTC).replace(microsecond=123_000)
# A customer of KES 1000 at router 1, in the fake as well as on the desk.
PAYMENT = Payment(
    trans_id="CONTRACT01",
    amount_cents=100_000,
    business_short_code="600000",
    bill_ref_number="0949AQ",
    transaction_type="Pay Bill",
    trans_time="20260131120000",
    invoice_number="",
    third_party_trans_id="",
    msisdn="2547 ***** 126",
    first_name="Asha",
    org_account_balance_cents=None,
    callback_body=b'{"TransID": "CONTRACT01"}',
    source_address="196.201.214.200",
    receive_time=ARRIVAL,
)
JUNK = RawCallback(b"\xff not json", "196.201.214.200", ARRIVAL, fault="body: not JSON")


@pytest.fixture
async def target(request, anyio_backend):
    """Where billing is."""
    if request.param == "fake":
        service = await billing_service().up()
        service.fake.creates_tasks = True
        yield service.target
        await service.close()
        return
    tmp_path, monkeypatch = request.getfixturevalue("tmp_path"), request.getfixturevalue("monkeypatch")
    settings = {"DATABASE_URL": "sqlite://", "PORT": "0"}
    for name, value in {f"BILLING_{name}": value for name, value in settings.items()}.items():
        monkeypatch.setenv(f"REJESHA_{name}", value)
    monkeypatch.setenv("REJESHA_SHORTCODES", "600000")
    monkeypatch.setenv("REJESHA_PLAINTEXT", "true")
    engine = engines.create_engine(f"sqlite:///{tmp_path}/billing.db")
    make_tables(engine, "billing", MIGRATIONS)
    open_desk(engine)
    server = build(BillingSettings.load(), engine)
    server.start()
    yield f"127.0.0.1:{server.port}"
    server.stop(0)
    engine.dispose()


@pytest.fixture
async def clients(target):
    clients = Clients.connect(Targets(target, target, target))
    yield clients
    await clients.close()


@pytest.fixture
def billing(clients):
    return Billing(clients.payments, deadline=10)


@pytest.fixture
def operations(clients):
    return Operations(clients.payments)


@pytest.fixture
def quarantine(clients):
    return Quarantine(clients.quarantine, deadline=10)


@pytest.fixture
def tasks(clients):
    return Tasks(clients.tasks, "test", lease_seconds=30, report_deadline=10)


both = pytest.mark.parametrize("target", ["fake", "real"], indirect=True)


@both
@pytest.mark.parametrize(
    ("changes", "outcome", "reason"),
    [
        ({}, "customer_paid", ""),
        ({"bill_ref_number": " 0949 aq "}, "customer_paid", ""),
        ({"amount_cents": 99_999}, "customer_partial", ""),
        ({"bill_ref_number": "sms 001"}, "sms_credits", ""),
        ({"bill_ref_number": "4711ZZ"}, "unmatched", "user_not_found"),
        ({"bill_ref_number": "SMS999"}, "unmatched", "isp_not_found"),
        ({"bill_ref_number": ""}, "unmatched", "unknown_reference"),
        ({"business_short_code": "1"}, "unmatched", "unknown_shortcode"),
    ],
)
async def test_a_payment_is_validated_and_recorded_alike(billing, clients, changes, outcome, reason):
    payment = replace(PAYMENT, **changes)
    assert await Validation(clients.payments, deadline=10).validate([payment]) == [ValidationVerdict(outcome, reason)]
    (receipt,) = await billing.record([payment])
    assert (receipt.outcome, receipt.reason, receipt.repeated) == (outcome, reason, False)
    assert (receipt.isp_id > 0, receipt.customer_id > 0) == (outcome != "unmatched", outcome.startswith("customer"))


@both
async def test_a_repeated_payment_gets_the_first_receipt_and_a_contradicting_one_is_a_conflict(billing):
    (first,) = await billing.record([PAYMENT])
    other = replace(PAYMENT, trans_id="CONTRACT02")
    same = replace(PAYMENT, bill_ref_number="0949aq ", first_name="B.", callback_body=b"{}")
    again, new = await billing.record([same, other])
    assert again == replace(first, repeated=True)
    assert (new.trans_id, new.outcome, new.repeated) == ("CONTRACT02", "customer_paid", False)
    (conflict,) = await billing.record([replace(PAYMENT, amount_cents=500)])
    assert (conflict.outcome, conflict.repeated) == ("conflict", True)


@both
async def test_a_batch_of_no_payments_is_refused(billing):
    with pytest.raises(InvalidArgument) as refused:
        await billing.record([])
    assert (refused.value.reason, refused.value.service) == ("BATCH_TOO_LARGE", "billing")


@both
async def test_a_payment_is_found_with_its_deliveries_and_the_work_that_follows(billing, operations):
    await billing.record([PAYMENT])
    known = await operations.get_payment("CONTRACT01")
    payment = known.payment
    assert (payment.trans_id, payment.amount_cents, payment.outcome) == ("CONTRACT01", 100_000, "customer_paid")
    assert (payment.bill_ref_number, payment.first_name) == ("0949AQ", "Asha")
    assert [(one.callback_body, one.source_address, one.conflicting) for one in known.deliveries] == [
        (PAYMENT.callback_body, PAYMENT.source_address, False)
    ]
    assert known.entries
    assert ("set_access", "open") in {(task.kind, task.state) for task in known.tasks}
    with pytest.raises(NotFound) as missing:
        await operations.get_payment("NOSUCH0001")
    assert missing.value.reason == "PAYMENT_NOT_FOUND"


@both
async def test_a_callback_is_quarantined_once_for_each_arrival_and_closed_once(quarantine, operations):
    other = replace(JUNK, receive_time=ARRIVAL.replace(microsecond=124_000))
    first, second = await quarantine.keep([JUNK, other])
    assert first != second
    assert await quarantine.keep([other, JUNK]) == [second, first]
    kept = await quarantine.get(first)
    assert (kept.callback_body, kept.source_address, kept.state) == (JUNK.body, JUNK.source_address, "open")
    assert (await operations.count_waiting(10)).open_callbacks == 2
    for _ in range(2):  # safe to repeat
        await quarantine.resolve(first, "CONTRACT01", "replayed")
    with pytest.raises(FailedPrecondition) as closed:
        await quarantine.resolve(first, "CONTRACT02", "replayed")
    assert closed.value.reason == "CALLBACK_ALREADY_RESOLVED"
    kept = await quarantine.get(first)
    assert (kept.state, kept.trans_id) == ("replayed", "CONTRACT01")
    assert (await operations.count_waiting(10)).open_callbacks == 1
    for call in (quarantine.get(99), quarantine.resolve(99, "CONTRACT01", "")):
        with pytest.raises(NotFound) as missing:
            await call
        assert missing.value.reason == "CALLBACK_NOT_FOUND"


@both
async def test_a_task_is_leased_to_one_and_a_late_report_changes_nothing(billing, operations, tasks):
    await billing.record([PAYMENT])
    assert not (await tasks.lease_access(100, {1})).tasks  # router 1 is busy
    (task,) = (await tasks.lease_access(100, ())).tasks
    assert task.router_id == 1
    assert 0 < task.lease_left <= 30
    assert not (await tasks.lease_access(100, ())).tasks
    late = replace(task, fencing_token=task.fencing_token - 1)
    assert await tasks.complete([Report(late, outcome="CHANGED")]) == [task.task_id]
    assert await tasks.complete([Report(task, outcome="CHANGED")]) == []
    assert {one.state for one in (await operations.get_payment("CONTRACT01")).tasks if one.kind == "set_access"} == {
        "done"
    }


@both
async def test_a_task_that_is_given_back_is_leased_again(billing, tasks):
    await billing.record([PAYMENT])
    (task,) = (await tasks.lease_access(100, ())).tasks
    assert await tasks.complete([Report(task, "not tried")]) == []
    async with asyncio.timeout(10):
        while not (again := (await tasks.lease_access(100, ())).tasks):  # noqa: ASYNC110  # asking is all that a client can do
            await asyncio.sleep(0.05)
    assert again[0].fencing_token > task.fencing_token
