"""Random sequences of everything that can happen to billing, against a simple model."""

import shutil
from collections.abc import Callable
from datetime import timedelta

import pytest
from billing.payees.rules import Line
from billing.policy import Policy
from billing.schema import isp_wallet, paybill_payments, payment_deliveries, pppoe_users, tasks
from billing.tasks.leasing import LeasedTask
from billing.tasks.rules import CONFIRMED, AccessOutcome, Report
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from servicekit.engines import create_engine
from servicekit.rpc.errors import ServiceError

from tests.billing.desk import ADMINS, SHORTCODE, Desk, payment
from tests.billing.model import Customer, Model
from tests.billing.opening import empty, open_desk

TRANS_IDS = st.sampled_from([f"T{n}" for n in range(12)])
NOBODY = ["HELLO", "0001ZZ", "wa9", ""]
REFERENCES = st.sampled_from(
    ["0949AQ", " 0949 aq", "12bc", "wairimu1", "77XY", "SMS001", "sms 002", "Wa001", "\tacc002", *NOBODY]
)
AMOUNTS = st.sampled_from(["0.20", "0.70", "500", "999.99", "1000", "1500.50", "20000"])
SHORTCODES = st.sampled_from([SHORTCODE] * 9 + ["999"])
PAYMENTS = st.builds(payment, TRANS_IDS, REFERENCES, AMOUNTS, business_short_code=SHORTCODES)
RESULTS = st.sampled_from(list(AccessOutcome))
RARELY = st.sampled_from([False] * 5 + [True])
LEASE = timedelta(seconds=30)
# What staff are told of, by outcome.
EVENTS = {
    "customer_paid": {"payment"},
    "customer_partial": {"payment"},
    "sms_credits": {"credits"},
    "whatsapp_credits": {"credits"},
    "service_payment": {"service"},
    "unmatched": {"unmatched"},
}


class Billing(RuleBasedStateMachine):
    """`held`: the newest lease of each task that has not been reported yet, and until when nobody else may have it."""

    def __init__(self, open_desk_: Callable[[], Desk]) -> None:
        super().__init__()
        self.desk = open_desk_()
        # The model knows no digests.
        self.desk.policy = Policy(ADMINS, frozenset({SHORTCODE}), 0, 0, 0)
        self.model = Model(
            {
                row.account_name: Customer(row.isp_id, row.amount, row.router_id, row.phone, row.next_payment_date)
                for row in self.desk.rows(pppoe_users)
            }
        )
        self.time = timedelta()
        self.old: list[LeasedTask] = []
        self.held: dict[int, tuple[LeasedTask, timedelta]] = {}
        self.told: dict[str, str] = {}

    # --- what may happen ---

    @rule(batch=st.lists(PAYMENTS, min_size=1, max_size=6))
    def payments_come(self, batch):
        expected = [self.model.pay(one, self.desk.today()) for one in batch]
        assert [(receipt.outcome, receipt.repeated) for receipt in self.desk.pay_batch(*batch)] == expected

    @rule(trans_id=TRANS_IDS, reference=REFERENCES)
    def an_operator_assigns(self, trans_id, reference):
        expected = self.model.assign(trans_id, reference, self.desk.today())
        try:
            answer = self.desk.assign(trans_id, reference).outcome
        except ServiceError as error:
            answer = error.reason
        assert answer == expected

    @rule(limit=st.integers(1, 20), busy=st.sets(st.sampled_from([1, 2])))
    def tasks_are_leased(self, limit, busy):
        for task in self.desk.lease(limit, busy=busy):
            if task.task_id in self.held:
                before, until = self.held[task.task_id]
                assert until <= self.time + timedelta(seconds=5)  # real time passes too, but not as much
                assert task.fencing_token > before.fencing_token
            self.held[task.task_id] = (task, self.time + LEASE)
            self.old.append(task)
            self._check_work(task, busy)

    def _check_work(self, task: LeasedTask, busy: set[int]) -> None:
        """Whatever is handed out must be true at that moment."""
        if isinstance(task.work, Line):
            assert task.work.router_id not in busy
            assert self.model.payments[task.trans_id].line == "open"
            return
        for message in task.work:
            if message.message_id == f"{task.trans_id}.payment.customer":
                assert message.template == self.model.customer_template(task.trans_id)
            if message.template == "customer_reconnected":
                assert self.model.payments[task.trans_id].line == "done"

    @rule(number=st.integers(0, 999), result=RESULTS, accepted=st.booleans(), release=RARELY)
    def a_report_comes(self, number, result, accepted, release):
        """Of any lease there ever was: most of them are stale."""
        if not self.old:  # no precondition: what is leased depends on real time too, what is drawn must not
            return
        task = self.old[number % len(self.old)]
        is_line = isinstance(task.work, Line)
        report = Report(
            task.task_id,
            task.fencing_token,
            access=result if is_line and not release else None,
            accepted=accepted if not is_line and not release else None,
        )
        is_newest = task.task_id in self.held and self.held[task.task_id][0].fencing_token == task.fencing_token
        assert self.desk.report(report) == ([] if is_newest else [task.task_id])
        if is_newest:
            del self.held[task.task_id]
            self._take(task, report)

    def _take(self, task: LeasedTask, report: Report) -> None:
        record = self.model.payments[task.trans_id]
        if report.access in CONFIRMED:
            record.line = "done"
            self.model.customers[record.account].status = "active"
        elif report.access in {AccessOutcome.NO_SUCH_SECRET, AccessOutcome.NO_SUCH_ROUTER}:
            record.line, record.was_given_up = "given_up", True
        elif report.accepted:
            assert not isinstance(task.work, Line)
            self.told |= {message.message_id: message.template for message in task.work}

    @rule(trans_id=TRANS_IDS)
    def an_operator_retries(self, trans_id):
        record = self.model.payments.get(trans_id)
        if record is None:
            with pytest.raises(ServiceError, match="no payment"):
                self.desk.retry(trans_id)
            return
        reopened = self.desk.retry(trans_id)
        assert bool(reopened) == (record.line == "given_up")
        if reopened:
            record.line = "open"

    @rule(time=st.sampled_from([1, 11, 31, 600]))
    def time_passes(self, time):
        self.desk.pass_time(timedelta(seconds=time))
        self.time += timedelta(seconds=time)

    # --- what must always hold ---

    @invariant()
    def money_dates_and_outcomes_are_as_in_the_model(self):
        assert {row.isp_id: row.balance for row in self.desk.rows(isp_wallet)} == self.model.wallets
        for isp, credits_ in self.model.credits.items():
            assert self.desk.credits(isp) == (credits_["SMS"], credits_["WA"])
        customers = {row.account_name: (row.next_payment_date, row.status) for row in self.desk.rows(pppoe_users)}
        assert customers == {account: (one.due, one.status) for account, one in self.model.customers.items()}
        stored = {row.TransID: (row.outcome, row.unmatched_reason) for row in self.desk.rows(paybill_payments)}
        assert stored == {trans_id: (one.outcome, one.reason) for trans_id, one in self.model.payments.items()}

    @invariant()
    def every_conflict_is_kept_once(self):
        kept = [(row.trans_id, row.content) for row in self.desk.rows(payment_deliveries, conflicting=True)]
        assert len(kept) == len(set(kept)) == len(self.model.conflicts)

    def teardown(self):
        """However it went: once routers and notify are well, everything comes to its end and everyone is told."""
        for _ in range(20):
            leased = self.desk.lease(1000)
            for task in leased:
                self._check_work(task, set())
            for task in leased:
                is_line = isinstance(task.work, Line)
                report = Report(
                    task.task_id,
                    task.fencing_token,
                    access=AccessOutcome.CHANGED if is_line else None,
                    accepted=None if is_line else True,
                )
                assert self.desk.report(report) == []
                self._take(task, report)
            self.time_passes(61)
        assert self.desk.rows(tasks, state="open") == []
        self.money_dates_and_outcomes_are_as_in_the_model()
        self.desk.check_books()
        self._check_who_was_told()

    def _check_who_was_told(self):
        waited, reconnected = set(), set()
        for trans_id, record in self.model.payments.items():
            template = self.told.get(f"{trans_id}.payment.customer")
            customer = self.model.customers.get(record.account)
            assert (template is not None) == bool(customer and customer.phone)
            for event in EVENTS[record.outcome] | ({"unmatched"} if record.assigned_to else set()):
                assert {f"{trans_id}.{event}.admin1", f"{trans_id}.{event}.admin2"} <= self.told.keys()
            if template and record.line == "done" and template != "customer_connected":
                waited.add(record.account)
            if any(one.startswith(f"{trans_id}.reconnected:") and one.endswith(".customer") for one in self.told):
                reconnected.add(record.account)
        assert waited <= reconnected
        conflicts = [id_ for id_ in self.told if ".conflict:" in id_ and id_.endswith("admin1")]
        assert len(conflicts) == len(self.model.conflicts)


def run(open_desk_: Callable[[], Desk], *, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        lambda: Billing(open_desk_),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_billing_does_as_its_model_on_sqlite(sqlite_file, tmp_path):
    engines = []

    def fresh() -> Desk:
        while engines:
            engines.pop().dispose()
        engines.append(create_engine(f"sqlite:///{shutil.copy(sqlite_file, tmp_path)}"))
        return open_desk(engines[-1])

    run(fresh, examples=25, steps=20)


@pytest.mark.mysql
def test_billing_does_as_its_model_on_mysql(mysql_schema):
    def fresh() -> Desk:
        empty(mysql_schema)
        return open_desk(mysql_schema)

    run(fresh, examples=6, steps=15)
