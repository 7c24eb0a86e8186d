"""Queries on payments, their deliveries and their timelines (the predecessor's payment_debug_log)."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from servicekit.moments import clock
from servicekit.writes import Writes
from sqlalchemy import Connection

from billing.payments.rules import Content, Outcome, Payment, Receipt, TimelineEntry, UnmatchedReason
from billing.payments.settlement import Settlement
from billing.schema import paybill_payments, payment_debug_log, payment_deliveries, user_transactions_in

_p = paybill_payments.c

# Queries on the way of every payment are made once: to make one takes longer than to carry it out.
_always = sa.select(clock().label("now")).subquery()
_FIND_RECORDED = sa.select(
    _always.c.now, _p.trans_key, _p.TransID, _p.TransAmount, _p.BusinessShortCode, _p.BillRefNumber,
    _p.outcome, _p.unmatched_reason, _p.isp_id, _p.customer_id,
).select_from(
    _always.outerjoin(paybill_payments, _p.trans_key.in_(sa.bindparam("trans_ids", expanding=True)))
)  # fmt: skip


def find_recorded(
    connection: Connection, trans_ids: Collection[str]
) -> tuple[dict[str, tuple[Content, Receipt]], datetime]:
    """Content and receipt of those payments that are stored already, by TransID; and the time: one round trip."""
    rows = connection.execute(_FIND_RECORDED, {"trans_ids": list(trans_ids)}).all()
    recorded = {
        # The predecessor stored what came, such as "TKE1 ".
        row.trans_key: (
            Content.of(row.TransAmount or 0, row.BusinessShortCode or "", row.BillRefNumber or ""),
            Receipt(
                row.trans_key,
                Outcome.of_row(row.outcome),
                UnmatchedReason.of_row(row.unmatched_reason),
                row.isp_id,
                row.customer_id,
                repeated=True,
            ),
        )
        for row in rows
        if row.trans_key
    }
    return recorded, rows[0].now


def insert(writes: Writes, settlements: Collection[Settlement], now: datetime) -> None:
    """Store payments with their outcomes and their raw callbacks. A doubled TransID raises IntegrityError."""
    writes.insert(paybill_payments, [_payment_row(settled, now) for settled in settlements])
    insert_deliveries(writes, (settled.payment for settled in settlements), now, conflicting=False)


def _payment_row(settled: Settlement, now: datetime) -> dict[str, Any]:
    payment = settled.payment
    return {
        "TransactionType": payment.transaction_type,
        "TransID": payment.trans_id,
        "TransTime": payment.trans_time,
        "TransAmount": payment.amount_cents,
        "BusinessShortCode": payment.business_short_code,
        "BillRefNumber": payment.bill_ref_number,
        "InvoiceNumber": payment.invoice_number,
        "OrgAccountBalance": payment.org_account_balance_cents,
        "ThirdPartyTransID": payment.third_party_trans_id,
        "MSISDN": payment.msisdn,
        "FirstName": payment.first_name,
        "received_at": payment.effective_time(now),
        **_outcome(settled),
    }


def _outcome(settled: Settlement) -> dict[str, Any]:
    return {
        "outcome": settled.outcome,
        "unmatched_reason": settled.reason,
        "isp_id": settled.isp.isp_id if settled.isp else None,
        "customer_id": settled.customer.customer_id if settled.customer else None,
    }


def insert_deliveries(writes: Writes, payments: Iterable[Payment], now: datetime, *, conflicting: bool) -> None:
    """Keep raw callbacks beside their payments."""
    writes.insert(
        payment_deliveries,
        [
            {
                "trans_id": payment.trans_id,
                "conflicting": conflicting,
                "content": str(payment.content)[:255],
                "callback_body": payment.callback_body,
                "source_address": payment.source_address,
                "receive_time": payment.effective_time(now),
            }
            for payment in payments
        ],
    )


def get_msisdns(connection: Connection, trans_ids: Collection[str]) -> Mapping[str, str]:
    """The payers' numbers as M-Pesa sent them, by TransID."""
    rows = connection.execute(sa.select(_p.trans_key, _p.MSISDN).where(_p.trans_key.in_(trans_ids)))
    return {row.trans_key: row.MSISDN or "" for row in rows}


def insert_customer_transactions(writes: Writes, settlements: Iterable[Settlement], now: datetime) -> None:
    """The predecessor's one row for each customer payment."""
    rows = [
        {
            "isp_id": settled.isp.isp_id,
            "customer_id": settled.customer.customer_id,
            "amount": settled.payment.amount_cents,
            "method": "mpesa",
            "reference": settled.payment.trans_id,
            "received_at": settled.payment.effective_time(now),
        }
        for settled in settlements
        if settled.customer and settled.isp
    ]
    writes.insert(user_transactions_in, rows)


def insert_timeline(writes: Writes, entries: Collection[TimelineEntry], now: datetime) -> None:
    """Append entries in their order; those that name no time of their own happen now."""
    rows = [
        {
            "transaction_id": entry.trans_id,
            "category": entry.category,
            "message": entry.message,
            "details": orjson.dumps(entry.details).decode(),
            "created_at": (at := entry.create_time or now),
            "create_time": at,
        }
        for entry in entries
    ]
    writes.insert(payment_debug_log, rows)
