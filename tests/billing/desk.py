"""A desk to pay at: calls billing's use cases as the servicer does, reads the tables as an operator would."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from billing import calendar
from billing.accounts import service as accounts
from billing.failures import retrying
from billing.ledger import service as ledger
from billing.locking.service import HeldRows
from billing.payees.rules import Customer, Isp
from billing.payments import assignment
from billing.payments import service as intake
from billing.payments.assignment import Target
from billing.payments.rules import Payment, Receipt
from billing.policy import Policy
from billing.schema import (
    credit_transactions,
    isp_credits,
    isp_wallet,
    ledger_transfers,
    paybill_payments,
    payment_debug_log,
    pppoe_users,
    tasks,
    user_transactions_in,
)
from billing.tasks import leasing
from billing.tasks import service as reporting
from billing.tasks.rules import Report, TaskFilter, TaskKind

from servicekit import moments

ADMINS = ("254700000001", "254700000002")
SHORTCODE = "600100"
CUSTOMER_PHONE = "0712345678"
ISP_1, ISP_2 = "254711000001", "254711000002"
# Who is told what (Dispatcher.told) after a payment to ISP 1.
CONNECTED = {CUSTOMER_PHONE: ["customer_connected"], ISP_1: ["payment_notice"], "admins": ["payment_notice"]}
PARTIAL = CONNECTED | {CUSTOMER_PHONE: ["customer_partial"]}
CREDITS = {ISP_1: ["credits_purchased"], "admins": ["credits_purchased"]}
SERVICE = {ISP_1: ["service_payment"], "admins": ["service_payment"]}
UNMATCHED = {"admins": ["unmatched_payment"]}


@dataclass
class Desk:
    engine: sa.Engine
    policy: Policy = field(default_factory=lambda: Policy(ADMINS, frozenset({SHORTCODE})))

    def __post_init__(self) -> None:
        self.held_rows = HeldRows(self.engine)

    def pay(self, trans_id: str, reference: str, amount: str = "1000", **fields) -> Receipt:
        return self.pay_batch(payment(trans_id, reference, amount, **fields))[0]

    def pay_batch(self, *batch: Payment) -> list[Receipt]:
        return intake.record(self.engine, self.policy, batch, self.held_rows)

    def create(self, customers: Sequence[Customer]) -> None:
        results = accounts.create_customers(self.engine, customers)
        assert not [result.error for result in results if result.error]

    def assign(self, trans_id: str, reference: str = "", **target: int) -> Receipt:
        return assignment.assign(self.engine, self.policy, trans_id, Target(reference, **target), "Asha")

    def lease(
        self, limit: int = 100, *, owner: str = "test", seconds: float = 30, busy=frozenset(), kinds=tuple(TaskKind)
    ) -> list[leasing.LeasedTask]:
        duration = timedelta(seconds=seconds)
        return list(leasing.lease(self.engine, self.policy, owner, duration, TaskFilter(limit, kinds, busy)))

    def next_due_in_of(self, rows: Sequence[Any]) -> timedelta:
        """How long until the first of these tasks is due, by the database's clock."""
        with self.engine.connect() as connection:
            return min(row.due_time for row in rows) - moments.current_time(connection)

    def is_anything_due(self) -> bool:
        """Whether somebody could lease a task now."""
        free = [row for row in self.rows(tasks, state="open") if row.lease_expire_time is None]
        return bool(free) and self.next_due_in_of(free) <= timedelta()

    def make_due(self) -> None:
        """Let all open tasks be due now, as if their time had come and every lease had run out."""
        with self.engine.begin() as connection:
            earlier = moments.current_time(connection) - timedelta(seconds=1)
            now_due = {"due_time": earlier, "lease_expire_time": None}
            connection.execute(sa.update(tasks).where(tasks.c.state == "open").values(**now_due))

    def forward(self, time: timedelta) -> None:
        """Let open tasks be due earlier, as if so much time had passed."""
        for row in self.rows(tasks, state="open"):
            with self.engine.begin() as connection:
                connection.execute(sa.update(tasks).where(tasks.c.id == row.id).values(due_time=row.due_time - time))

    def report(self, *reports: Report) -> list[int]:
        return reporting.complete(self.engine, self.policy, reports, self.held_rows)

    def retry(self, trans_id: str) -> list[int]:
        return retrying.retry(self.engine, trans_id)

    def rows(self, table: sa.Table, **where) -> list[Any]:
        query = sa.select(table).where(*(table.c[name] == value for name, value in where.items()))
        with self.engine.connect() as connection:
            return list(connection.execute(query.order_by(*table.primary_key)))

    def one(self, table: sa.Table, **where) -> Any:
        (row,) = self.rows(table, **where)
        return row

    def customer(self, account: str) -> Any:
        return self.one(pppoe_users, account_name=account)

    def payment(self, trans_id: str) -> Any:
        return self.one(paybill_payments, TransID=trans_id)

    def wallet(self, isp_id: int) -> int:
        return self.one(isp_wallet, isp_id=isp_id).balance

    def credits(self, isp_id: int) -> tuple[int, int]:
        """SMS and WhatsApp credits."""
        rows = self.rows(isp_credits, isp_id=isp_id)
        return (rows[0].sms_credits, rows[0].whatsapp_credits) if rows else (0, 0)

    def timeline(self, trans_id: str) -> list[str]:
        """The categories of its entries."""
        return [row.category for row in self.rows(payment_debug_log, transaction_id=trans_id)]

    def today(self) -> date:
        """Today in Nairobi by the database's clock."""
        with self.engine.connect() as connection:
            return calendar.today(moments.current_time(connection))

    def execute(self, statement: sa.Executable, *parameters) -> None:
        with self.engine.begin() as connection:
            connection.execute(statement, *parameters)

    def set_customer(self, account: str, **values) -> None:
        self.execute(sa.update(pppoe_users).where(pppoe_users.c.account_name == account).values(**values))

    def insert_customer(self, account: str, **values) -> None:
        """Straight into the table, as the predecessor's screens do."""
        self.insert_customers({"account_name": account} | values)

    def insert_customers(self, *customers: dict[str, Any]) -> None:
        """The same, many with one statement; each with the same columns."""
        defaults = {"isp_id": 1, "amount": 100_000, "status": "inactive"}
        named = [{"full_name": f"Customer {one['account_name']}"} | one for one in customers]
        self.execute(sa.insert(pppoe_users), [defaults | one for one in named])

    def pass_time(self, time: timedelta) -> None:
        """Move all moments that are to come towards us, as if `time` had passed."""
        with self.engine.begin() as connection:
            for task in connection.execute(sa.select(tasks).where(tasks.c.state == "open")).all():
                moments = {"due_time": task.due_time - time, "expire_time": task.expire_time - time}
                if task.lease_expire_time:
                    moments["lease_expire_time"] = task.lease_expire_time - time
                connection.execute(sa.update(tasks).where(tasks.c.id == task.id).values(**moments))
            for customer in connection.execute(sa.select(pppoe_users)).all():
                if time.days and customer.next_payment_date:
                    due_date = customer.next_payment_date - timedelta(days=time.days)
                    change = sa.update(pppoe_users).where(pppoe_users.c.id == customer.id)
                    connection.execute(change.values(next_payment_date=due_date))

    def check_books(self) -> None:
        """What must hold after anything: every shilling of every payment is in exactly one place."""
        assert ledger.check(self.engine) == []
        moved: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for transfer in self.rows(ledger_transfers):
            assert transfer.amount > 0
            moved[transfer.trans_id][transfer.from_account] -= transfer.amount
            moved[transfer.trans_id][transfer.to_account] += transfer.amount
        moved.pop("", None)  # openings
        for name in [name for name in moved if name.startswith(("RENEWAL-", "PAYOUT-"))]:
            customer_id = name.rpartition("-")[2]
            assert moved.pop(name).pop(f"credit:{customer_id}") <= 0
        purchases: dict[str, int] = defaultdict(int)
        for row in self.rows(credit_transactions):
            purchases[row.reference] += row.total_amount
        received: dict[str, int] = defaultdict(int)
        for row in self.rows(user_transactions_in):
            received[row.reference] += row.amount
        for row in self.rows(paybill_payments):
            self._check_payment(row, moved.pop(row.TransID, {}), purchases.pop(row.TransID, 0))
            of_customer = row.outcome in {"customer_paid", "customer_partial"}
            assert received.pop(row.TransID, 0) == (row.TransAmount if of_customer else 0)
        assert not purchases
        assert not received
        assert not moved
        self._check_credits()

    def _check_payment(self, row: Any, moved: dict[str, int], to_credits: int) -> None:
        """Its money came from the paybill and is where its outcome says, to the cent."""
        where = {account: cents for account, cents in moved.items() if cents}
        if not row.outcome:  # the predecessor's
            assert not where
            return
        came_in = 0 if row.outcome == "reversed" else row.TransAmount
        assert where.pop(f"paybill:{row.BusinessShortCode}", 0) == -came_in
        to_wallet = where.pop(f"wallet:{row.isp_id}", 0)
        assert sum(cents for account, cents in where.items() if account.startswith("revenue:")) == to_credits
        kept = sum(cents for account, cents in where.items() if account.startswith("credit:"))
        for account, outcome in (("held", "unmatched"), ("dismissed", "dismissed")):
            assert where.get(account, 0) == (row.TransAmount if row.outcome == outcome else 0)
        if row.outcome == "unmatched":
            assert row.unmatched_reason
            assert (to_wallet, to_credits) == (0, 0)
            assert (row.isp_id, row.customer_id, row.assigned_reference) == (None, None, None)
        elif row.outcome == "dismissed":
            assert (to_wallet, to_credits, row.assigned_reference) == (0, 0, None)
        elif row.outcome == "reversed":
            assert not row.unmatched_reason
            assert (to_wallet, to_credits, row.assigned_reference) == (0, 0, None)
            assert not where
        else:
            assert row.outcome in {
                "customer_paid", "customer_partial", "sms_credits", "whatsapp_credits", "service_payment"
            }  # fmt: skip
            assert row.unmatched_reason is None
            assert to_wallet + to_credits + kept == row.TransAmount
            assert not kept or row.outcome in {"customer_paid"} | ({"customer_partial"} if kept > 0 else set())
            assert not to_credits or row.outcome.endswith("_credits")

    def _check_credits(self) -> None:
        bought: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        for row in self.rows(credit_transactions):
            bought[row.isp_id][row.credit_type == "whatsapp"] += row.amount
        held = {row.isp_id: [row.sms_credits, row.whatsapp_credits] for row in self.rows(isp_credits)}
        assert dict(bought) == held


def payment(trans_id: str, reference: str, amount: str = "1000", **fields) -> Payment:
    """`amount` in shillings, such as "1000" or "0.70"."""
    whole, _, cents = amount.partition(".")
    defaults = {"business_short_code": SHORTCODE, "callback_body": b"{}", "first_name": "JOHN"}
    return Payment(
        trans_id=trans_id,
        bill_ref_number=reference,
        amount_cents=int(whole) * 100 + int((cents + "00")[:2]),
        **(defaults | fields),
    )


def isp(name: str, number: int) -> Isp:
    return Isp(
        isp_id=0,
        name=name,
        contact_phone=f"25471100000{number}",
        sms_account=f"SMS00{number}",
        wa_account=f"WA00{number}",
        pay_account_number=f"ACC00{number}",
    )


def customer(account: str, isp_id: int, package_cents: int | None, **fields) -> Customer:
    defaults = {
        "customer_id": 0,
        "full_name": f"Customer {account}",
        "username": "",
        "phone": "",
        "router_id": None,
        "next_payment_date": date(2026, 1, 31),
    }
    return Customer(account_name=account, isp_id=isp_id, package_cents=package_cents, **(defaults | fields))
