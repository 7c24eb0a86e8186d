"""Queries on payments that are held, and on whose they may be."""

from collections import Counter
from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy import Connection

from billing.payees.rules import IspAccount
from billing.payments.rules import HELD, Outcome, UnmatchedReason
from billing.payments.settlement import Settlement
from billing.schema import isps, paybill_payments, pppoe_users

_p = paybill_payments.c
_c = pppoe_users.c
_KEYS = ((IspAccount.SMS, isps.c.sms_key), (IspAccount.WHATSAPP, isps.c.wa_key), (IspAccount.SERVICE, isps.c.pay_key))
# However many there are of whatever is looked for: more than a person could choose from.
_MOST = 100


def place(connection: Connection, settled: Settlement, reference: str) -> None:
    """Turn a held payment into a placed one."""
    held = sa.update(paybill_payments).where(_p.trans_key == settled.payment.trans_id, _p.outcome.in_(HELD))
    whose = {
        "isp_id": settled.isp.isp_id if settled.isp else None,
        "customer_id": settled.customer.customer_id if settled.customer else None,
    }
    values = {"outcome": settled.outcome, "unmatched_reason": None, "assigned_reference": reference, **whose}
    connection.execute(held.values(**values))


def dismiss(connection: Connection, trans_id: str) -> None:
    """Close an unmatched payment."""
    unmatched = sa.update(paybill_payments).where(_p.trans_key == trans_id, _p.outcome == Outcome.UNMATCHED)
    connection.execute(unmatched.values(outcome=Outcome.DISMISSED, unmatched_reason=None))


def find_wanting(connection: Connection) -> list[tuple[str, str]]:
    """TransID and reference of what is held because a customer's record lacks the package or the ISP, oldest first."""
    query = sa.select(_p.trans_key, _p.BillRefNumber).where(
        _p.outcome == Outcome.UNMATCHED,
        _p.unmatched_reason.in_((UnmatchedReason.PACKAGE_NOT_SET, UnmatchedReason.ISP_NOT_FOUND)),
    )
    return [(row.trans_key, row.BillRefNumber or "") for row in connection.execute(query.order_by(_p.id))]


def find_near(connection: Connection, accounts: Collection[str], prefix: str) -> set[int]:
    """The ids of customers who have one of these normalised accounts, or one that begins so; a hundred of each."""
    named = sa.select(_c.id).where(_c.account_key.in_(sorted(accounts))).limit(_MOST)
    found = set(connection.execute(named).scalars())
    if prefix:
        begun = sa.select(_c.id).where(_c.account_key.startswith(prefix, autoescape=True)).order_by(_c.account_key)
        found.update(connection.execute(begun.limit(_MOST)).scalars())
    return found


def find_isps_near(connection: Connection, accounts: Collection[str]) -> set[int]:
    """The ids of ISPs who have one of these normalised accounts."""
    named = [key.in_(some) for kind, key in _KEYS if (some := sorted(one for one in accounts if one.startswith(kind)))]
    if not named:
        return set()
    return set(connection.execute(sa.select(isps.c.id).where(sa.or_(*named)).limit(_MOST)).scalars())


def find_by_phone(connection: Connection, spellings: Collection[str]) -> set[int]:
    """The ids of customers whose number is on record in one of these spellings."""
    query = sa.select(_c.id).where(_c.phone.in_(spellings)).limit(_MOST)
    return set(connection.execute(query).scalars()) if spellings else set()


def count_paid_before(connection: Connection, msisdn: str, first_name: str) -> dict[int, int]:
    """How often the payer with a number as M-Pesa sent it, and where a name is given with that name, paid for each
    customer, by id: of the last hundred payments.
    """
    paid = (Outcome.CUSTOMER_PAID, Outcome.CUSTOMER_PARTIAL)
    query = sa.select(_p.customer_id).where(_p.MSISDN.in_([msisdn]), _p.outcome.in_(paid), _p.customer_id.is_not(None))
    if first_name:
        query = query.where(sa.func.upper(_p.FirstName) == first_name.upper())
    # The index on the number finds them; MySQL may prefer to read all payments in their order.
    return dict(Counter(connection.execute(query.order_by((_p.id + 0).desc()).limit(_MOST)).scalars()))
