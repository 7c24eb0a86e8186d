"""Places a held payment where an operator says; does all that a direct payment does.

A module of its own: the one use case that changes a stored payment.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from servicekit.database import transact
from servicekit.moments import current_time
from servicekit.rpc.errors import FailedPrecondition
from servicekit.writes import together
from sqlalchemy import Connection, Engine

from billing import calendar
from billing.held import store as held
from billing.ledger import rules as ledger
from billing.ledger.store import reading
from billing.locking.service import Locking
from billing.lookup import store as lookup
from billing.lookup.rules import StoredPayment
from billing.part_payments.service import Keeping
from billing.payees import store as payees
from billing.payees.rules import Customer, Isp, IspAccount, Payees
from billing.payments import errors
from billing.payments.rules import HELD, Outcome, Payment, Receipt, UnmatchedReason, normalise
from billing.payments.service import apply
from billing.payments.settlement import Assigned, Settlement, of_customer, settle
from billing.policy import Policy


@dataclass(frozen=True, slots=True)
class Target:
    """Where a payment belongs: an account or a customer, one of the two.

    `isp_id`: which ISP, where several have the account, or the customer has none on record; 0: the record tells.
    """

    account: str = ""
    customer_id: int = 0
    isp_id: int = 0

    def is_of(self, stored: StoredPayment) -> bool:
        """Whether a placed payment was assigned just here."""
        if not stored.assigned_reference or (self.isp_id and self.isp_id != stored.isp_id):
            return False
        if self.customer_id:
            return self.customer_id == stored.customer_id
        return normalise(stored.assigned_reference) == normalise(self.account)


def assign(engine: Engine, policy: Policy, trans_id: str, target: Target, assigned_by: str) -> Receipt:
    """Place an unmatched or dismissed payment; the same assignment again answers the same receipt.

    Raises PaymentNotFound, PaymentAlreadyPlaced, and AccountNotFound, AccountAmbiguous, CustomerWithoutIsp or
    PackageNotSet when the payment has to stay held.
    """
    return transact(engine, lambda connection: _assign(connection, policy, trans_id, target, assigned_by))


def _assign(connection: Connection, policy: Policy, trans_id: str, target: Target, assigned_by: str) -> Receipt:
    stored = lookup.get_payment(connection, trans_id, lock=True)
    if stored is None:
        raise errors.PaymentNotFound(f"no payment {trans_id}")
    if stored.outcome not in HELD:
        if target.is_of(stored):
            return stored.receipt()
        raise errors.PaymentAlreadyPlaced(f"payment {trans_id} is not held: {stored.outcome}")
    now = current_time(connection)
    today = calendar.today(now)
    settled = _settle(connection, payment_of(stored), target, today)
    if settled.is_uneven:
        settled = Keeping(connection).settle(settled, today)
    settled.take_effect()
    held.place(connection, settled, _assigned_reference(settled, target))
    place = ledger.DISMISSED if stored.outcome is Outcome.DISMISSED else ledger.HELD
    assigned = Assigned(assigned_by, reading.count_transfers(connection, trans_id), place)
    with together(connection) as writes:
        apply(connection, writes, policy, [settled], now, Locking(), assigned)
    return settled.receipt()


def _assigned_reference(settled: Settlement, target: Target) -> str:
    account = settled.customer.account_name if settled.customer and target.customer_id else target.account
    return account.strip() or f"customer {target.customer_id}"


def _settle(connection: Connection, payment: Payment, target: Target, today: date) -> Settlement:
    isp = _isp(connection, target.isp_id) if target.isp_id else None
    if target.customer_id:
        return _settle_on_customer(connection, payment, target.customer_id, isp, today)
    reference = normalise(target.account)
    who = payees.load(connection, [reference], lock=True)
    settled = settle(payment, target.account, _of_isp(who, reference, isp) if isp else who, today)
    if settled.reason:
        isps = {one.isp_id: one for kind in IspAccount for one in who.isps_with(kind, reference)}
        raise _refusal(settled.reason, target.account, who.customers_with(reference), isps.values())
    return settled


def _isp(connection: Connection, isp_id: int) -> Isp:
    found = payees.get_isps(connection, [isp_id]).get(isp_id)
    if found is None:
        raise errors.AccountNotFound(f"there is no ISP {isp_id}")
    return found


def _of_isp(who: Payees, reference: str, isp: Isp) -> Payees:
    """An ISP, and those who have the account and belong to it, or to none that is on record."""
    customers = [one for one in who.customers_with(reference) if one.isp_id == isp.isp_id or one.isp_id not in who.isps]
    return Payees([isp], [replace(one, isp_id=isp.isp_id) for one in customers])


def _settle_on_customer(
    connection: Connection, payment: Payment, customer_id: int, isp: Isp | None, today: date
) -> Settlement:
    customer = payees.lock_customers(connection, [customer_id]).get(customer_id)
    if customer is None:
        raise errors.AccountNotFound(f"there is no customer {customer_id}")
    on_record = payees.get_isps(connection, [customer.isp_id or 0]).get(customer.isp_id or 0)
    if on_record and isp and on_record.isp_id != isp.isp_id:
        raise errors.AccountNotFound(f"customer {customer_id} belongs to ISP {on_record.isp_id}, not {isp.isp_id}")
    settled = of_customer(payment, customer, on_record or isp, today)
    if settled.reason:
        raise _refusal(settled.reason, f"customer {customer_id}", [customer], [])
    return settled


def _refusal(
    reason: UnmatchedReason, named: str, customers: Sequence[Customer], isps: Iterable[Isp]
) -> FailedPrecondition:
    """Why a payment has to stay held, and what would help; `customers`, `isps`: who has the account that was named."""
    match reason:
        case UnmatchedReason.AMBIGUOUS_REFERENCE if customers:
            who = ", ".join(f"{one.customer_id} ({one.full_name or '-'}, ISP {one.isp_id or '-'})" for one in customers)
            return errors.AccountAmbiguous(f"{named} is the account of customers {who}: name one by its id")
        case UnmatchedReason.AMBIGUOUS_REFERENCE:
            who = ", ".join(f"{one.isp_id} ({one.name})" for one in isps)
            return errors.AccountAmbiguous(f"{named} is the account of ISPs {who}: say which")
        case UnmatchedReason.ISP_NOT_FOUND if customers:
            return errors.CustomerWithoutIsp(f"{named} belongs to no ISP that is on record: say which gets the money")
        case UnmatchedReason.PACKAGE_NOT_SET:
            return errors.PackageNotSet(f"the package of {named} has no amount: set it first")
        case _:
            return errors.AccountNotFound(f"{named} leads nowhere: {reason}")


def payment_of(stored: StoredPayment) -> Payment:
    """What a payment on record was when it came in, as far as placing it needs."""
    return Payment(
        trans_id=stored.trans_id,
        amount_cents=stored.amount_cents,
        business_short_code=stored.business_short_code,
        bill_ref_number=stored.bill_ref_number,
        msisdn=stored.msisdn,
        first_name=stored.first_name,
    )
