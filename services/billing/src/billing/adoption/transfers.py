"""The transfers of payments and wallets that are older than the ledger.

A billing of the release before, which knows no transfers, may record payments while the services are replaced one by
one: so each migration makes those of payments that have none.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from servicekit.moments import current_time
from servicekit.writes import together
from sqlalchemy import Connection

from billing.credits.rules import CreditPurchase
from billing.held.rules import dismissal
from billing.ledger import rules
from billing.ledger.rules import Transfer, TransferKind
from billing.ledger.store import posting, reading
from billing.payees.rules import Isp
from billing.payments.rules import HELD, Outcome, Payment
from billing.payments.settlement import Assigned, Settlement
from billing.schema import credit_transactions, isp_wallet, paybill_payments

_BATCH = 1000

_c = credit_transactions.c
_p = paybill_payments.c
_PAYMENTS = (
    sa.select(
        _p.id, _p.trans_key, _p.TransAmount, _p.BusinessShortCode, _p.outcome, _p.isp_id, _p.assigned_reference,
        _p.received_at,
    )
    .where(_p.id > sa.bindparam("after"), _p.outcome.is_not(None))
    .order_by(_p.id)
    .limit(_BATCH)
)  # fmt: skip


def of_payments(connection: Connection) -> None:
    """Make those of payments that have none. Looks at every payment: some 40 s for a million."""
    now, last_id = current_time(connection), 0
    while rows := connection.execute(_PAYMENTS, {"after": last_id}).all():
        last_id = rows[-1].id
        have = reading.paid_in(connection, [row.trans_key for row in rows])
        bare = [row for row in rows if row.trans_key not in have]
        bought = _bought(connection, [row.trans_key for row in bare]) if bare else {}
        with together(connection) as writes:
            for row in bare:
                posting.append(writes, _of_payment(row, bought.get(row.trans_key, 0)), row.received_at or now)


def _bought(connection: Connection, trans_ids: Collection[str]) -> Mapping[str, int]:
    """What each payment paid for credits, in cents."""
    query = sa.select(_c.reference, _c.total_amount).where(
        _c.reference.in_(trans_ids), _c.transaction_type == "purchase"
    )
    return {row.reference: row.total_amount or 0 for row in connection.execute(query)}


def _of_payment(row: Any, bought: int) -> Iterator[Transfer]:
    """As they would have been made: a payment that was assigned was held first."""
    placed = _settlement(row, bought)
    held = Settlement(payment=placed.payment, outcome=Outcome.UNMATCHED)
    if placed.outcome is Outcome.DISMISSED:
        yield from [*held.transfers(), dismissal(row.trans_key, row.TransAmount, 1, "")]
    elif row.assigned_reference:
        yield from [*held.transfers(), *placed.transfers(Assigned("", 1, rules.HELD))]
    else:
        yield from placed.transfers()


def _settlement(row: Any, bought: int) -> Settlement:
    outcome, cents = Outcome.of_row(row.outcome), row.TransAmount or 0
    payment = Payment(
        trans_id=row.trans_key, amount_cents=cents, business_short_code=row.BusinessShortCode or "", bill_ref_number=""
    )
    if outcome in HELD:
        return Settlement(payment=payment, outcome=outcome)
    credit_type = "sms" if outcome is Outcome.SMS_CREDITS else "whatsapp"
    return Settlement(
        payment=payment,
        outcome=outcome,
        isp=Isp(isp_id=row.isp_id, name="", contact_phone=""),
        wallet_cents=cents - bought,
        credits=CreditPurchase(row.isp_id, row.trans_key, credit_type, 0, 0) if bought else None,
    )


def open_wallets(connection: Connection) -> None:
    """Begin the ledger, once: give each wallet an opening with what it holds beyond its payments.

    The wallets stay locked until the transaction ends, so that no payment comes between the two looks.
    """
    wallets = connection.execute(
        sa.select(isp_wallet.c.isp_id, isp_wallet.c.balance).where(isp_wallet.c.isp_id.is_not(None)).with_for_update()
    ).all()
    of_payments(connection)
    moved = reading.balances(connection)
    openings = [
        _opening(row.isp_id, cents)
        for row in wallets
        if (cents := (row.balance or 0) - moved.get(rules.wallet(row.isp_id), 0))
    ]
    with together(connection) as writes:
        posting.append(writes, openings, current_time(connection))


def _opening(isp_id: int, balance_cents: int) -> Transfer:
    """What a wallet held before there was a ledger, which may have been less than nothing."""
    accounts = (rules.OPENING, rules.wallet(isp_id)) if balance_cents > 0 else (rules.wallet(isp_id), rules.OPENING)
    return Transfer("", isp_id, TransferKind.OPENING, *accounts, abs(balance_cents))
