"""A migrated database with two ISPs and a few customers; a desk to pay at."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import billing
import pytest
import sqlalchemy as sa
from billing import directory, intake, leasing, reporting
from billing.accounts import Customer, Isp
from billing.intake import Policy
from billing.models import isp_wallet, paybill_payments, pppoe_users, tasks, wallet_entries
from billing.payments import Payment, Receipt
from servicekit import database, migrate

MIGRATIONS = Path(billing.__file__).parents[2] / "migrations"
ADMINS = ("254700000001", "254700000002")
SHORTCODE = "600100"


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = database.create_engine(database_url, pool_size=34)
    migrate.upgrade(engine, "billing", MIGRATIONS)
    yield engine
    engine.dispose()


@dataclass
class Desk:
    """Calls the use cases as the servicer does and reads the tables as an operator would."""

    engine: sa.Engine
    policy: Policy = field(default_factory=lambda: Policy(ADMINS, frozenset({SHORTCODE})))

    def pay(self, trans_id: str, reference: str, amount: str = "1000", **fields) -> Receipt:
        return self.pay_batch(payment(trans_id, reference, amount, **fields))[0]

    def pay_batch(self, *batch: Payment) -> list[Receipt]:
        return intake.record(self.engine, self.policy, batch)

    def lease(self, limit: int = 100, *, seconds: float = 30, busy=()) -> list[leasing.Task]:
        duration = timedelta(seconds=seconds)
        return list(leasing.lease(self.engine, self.policy, "test", limit, duration, busy).tasks)

    def report(self, *reports: reporting.Report) -> list[int]:
        return reporting.complete(self.engine, self.policy, reports)

    def rows(self, table: sa.Table, **where) -> list:
        query = sa.select(table).where(*(table.c[name] == value for name, value in where.items()))
        with self.engine.connect() as connection:
            return list(connection.execute(query.order_by(table.c.id)))

    def one(self, table: sa.Table, **where):
        (row,) = self.rows(table, **where)
        return row

    def customer(self, account: str):
        return self.one(pppoe_users, account_name=account)

    def wallet(self, isp_id: int) -> int:
        return self.one(isp_wallet, isp_id=isp_id).balance

    def make_due(self) -> None:
        """Let all open tasks be due now, as if their time had come."""
        with self.engine.begin() as connection:
            earlier = database.current_time(connection) - timedelta(seconds=1)
            connection.execute(sa.update(tasks).where(tasks.c.state == "open").values(due_at=earlier))

    def check_books(self) -> None:
        """What must hold after anything: entries sum to wallets, each payment has one outcome and moved money once."""
        sums: dict[int, int] = {}
        for entry in self.rows(wallet_entries):
            sums[entry.isp_id] = sums.get(entry.isp_id, 0) + entry.amount
            assert entry.balance_after == sums[entry.isp_id]
        assert sums == {wallet.isp_id: wallet.balance for wallet in self.rows(isp_wallet) if wallet.balance}
        for row in self.rows(paybill_payments):
            assert row.outcome
            assert (row.outcome == "unmatched") == (row.unmatched_reason is not None and not row.assigned_reference)


def payment(trans_id: str, reference: str, amount: str = "1000", **fields) -> Payment:
    whole, _, cents = amount.partition(".")
    defaults = {"business_short_code": SHORTCODE, "callback_body": b"{}", "first_name": "JOHN"}
    return Payment(
        trans_id=trans_id,
        bill_ref_number=reference,
        amount_cents=int(whole) * 100 + int((cents + "00")[:2]),
        **(defaults | fields),
    )


@pytest.fixture
def desk(engine: sa.Engine) -> Desk:
    """ISP 1 "Demo Networks" (SMS001, WA001, ACC001) with customers 0949AQ (KES 1000, router 1), 12BC (KES 1500.50, no
    router); ISP 2 "Pwani Fibre" (SMS002, WA002, ACC002) with customer 77XY (KES 500, router 2)."""
    first = directory.create_isp(engine, isp("Demo Networks", 1))
    second = directory.create_isp(engine, isp("Pwani Fibre", 2))
    results = directory.create_customers(
        engine,
        [
            customer("0949AQ", first, 100_000, router_id=1, username="0949AQ", phone="0712345678"),
            customer("12BC", first, 150_050, phone="0712000002"),
            customer("77XY", second, 50_000, router_id=2, username="xy77"),
        ],
    )
    assert not [result.error for result in results if result.error]
    return Desk(engine)


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
