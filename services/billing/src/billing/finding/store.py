"""Queries that find payments: each filter is answered by an index, however many payments there are."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from billing.finding.rules import PaymentFilter
from billing.lookup.rules import StoredPayment
from billing.lookup.store import read_payments
from billing.payees.rules import IspAccount
from billing.payments.rules import Outcome
from billing.schema import isps, paybill_payments, pppoe_users

_p = paybill_payments.c
_Condition = sa.ColumnElement[bool]

_OF_ISPS = (
    (IspAccount.SMS, isps.c.sms_key, Outcome.SMS_CREDITS),
    (IspAccount.WHATSAPP, isps.c.wa_key, Outcome.WHATSAPP_CREDITS),
    (IspAccount.SERVICE, isps.c.pay_key, Outcome.SERVICE_PAYMENT),
)


def find(connection: Connection, wanted: PaymentFilter, before_id: int, limit: int) -> list[StoredPayment]:
    """Payments, newest first; with an id before `before_id`, unless that is 0."""
    found = query(connection, wanted, before_id, limit)
    return [] if found is None else read_payments(connection, found)


def query(connection: Connection, wanted: PaymentFilter, before_id: int, limit: int) -> sa.Executable | None:
    """Whole rows, newest first; None: no payment came in the span."""
    conditions = [*_plain(wanted), *([_p.id < before_id] if before_id else [])]
    if wanted.since or wanted.until:
        span = _in_span(connection, wanted)
        if not span:
            return None
        conditions += span
    found = sa.select(paybill_payments)
    if not wanted.account:
        return _newest(found.where(*conditions), _way(wanted), limit)
    ids = _on_account(connection, wanted.account, conditions, limit)
    return found.join(ids, ids.c.id == _p.id).order_by(_p.id.desc()).limit(limit)


class _Way(StrEnum):
    """How rows are read: few, which are sorted, or many, in the order of the index that the value names."""

    FEW = ""
    OF_A_CUSTOMER = "ix_paybill_payments_customer_id"
    OF_AN_ISP = "ix_paybill_payments_isp_id"
    OF_AN_OUTCOME = "ix_paybill_payments_outcome"
    ALL = "PRIMARY"


def _way(wanted: PaymentFilter) -> _Way:
    if wanted.customer_id:
        return _Way.OF_A_CUSTOMER
    if wanted.msisdns:
        return _Way.FEW
    if wanted.since or wanted.until:
        return _Way.ALL
    return _Way.OF_AN_ISP if wanted.isp_id else _Way.OF_AN_OUTCOME if wanted.outcome else _Way.ALL


def _newest(found: "sa.Select[Any]", way: _Way, limit: int) -> "sa.Select[Any]":
    # Left to choose, MySQL reads all payments backwards for the sake of their order, or all of an index to sort it.
    if way is _Way.FEW:
        return found.order_by((_p.id + 0).desc()).limit(limit)
    return found.with_hint(paybill_payments, f"FORCE INDEX ({way})", "mysql").order_by(_p.id.desc()).limit(limit)


def _plain(wanted: PaymentFilter) -> Iterator[_Condition]:
    if wanted.outcome is Outcome.PREDECESSOR:
        yield _p.outcome.is_(None)
    elif wanted.outcome:
        yield _p.outcome == wanted.outcome
    if wanted.customer_id:
        yield _p.customer_id == wanted.customer_id
    if wanted.isp_id:
        yield _p.isp_id == wanted.isp_id
    if wanted.msisdns:
        yield _p.MSISDN.in_(wanted.msisdns)
    if wanted.payer:
        yield sa.func.upper(_p.FirstName).startswith(wanted.payer.upper(), autoescape=True)
    if wanted.least_cents:
        yield _p.TransAmount >= wanted.least_cents
    if wanted.most_cents:
        yield _p.TransAmount <= wanted.most_cents


def _in_span(connection: Connection, wanted: PaymentFilter) -> list[_Condition]:
    """The span, and between which ids it lies: payments are read by id, and those of other times not at all."""
    span = [_p.received_at >= wanted.since] if wanted.since else []
    span += [_p.received_at < wanted.until] if wanted.until else []
    first, last = connection.execute(sa.select(sa.func.min(_p.id), sa.func.max(_p.id)).where(*span)).one()
    return [*span, _p.id.between(first, last)] if first else []


def _on_account(connection: Connection, account: str, conditions: list[_Condition], limit: int) -> sa.Subquery:
    """The ids of the newest of each way in which a payment can be an account's, each by its own index."""
    newest = [
        _newest(sa.select(_p.id).where(condition, *conditions), way, limit).subquery()
        for condition, way in _conditions(connection, account)
    ]
    return sa.union(*(sa.select(one.c.id) for one in newest)).subquery()


def _conditions(connection: Connection, account: str) -> Iterator[tuple[_Condition, _Way]]:
    customers = sa.select(pppoe_users.c.id).where(pppoe_users.c.account_key == account)
    for customer_id in connection.execute(customers).scalars().all():
        yield _p.customer_id == customer_id, _Way.OF_A_CUSTOMER
    for kind, key, outcome in _OF_ISPS:
        if account.startswith(kind):
            for isp_id in connection.execute(sa.select(isps.c.id).where(key == account)).scalars().all():
                yield sa.and_(_p.isp_id == isp_id, _p.outcome == outcome), _Way.OF_AN_ISP
    typed = _compared(_p.BillRefNumber) == account
    yield sa.and_(_p.outcome == Outcome.UNMATCHED, typed), _Way.OF_AN_OUTCOME
    yield sa.and_(_p.outcome.is_(None), typed), _Way.OF_AN_OUTCOME


def _compared(column: "sa.ColumnElement[Any]") -> "sa.ColumnElement[Any]":
    """What was typed, as references are compared: see payments.rules.normalise."""
    for space in (" ", "\t", "\r", "\n", "\u00a0"):
        column = sa.func.replace(column, space, "")
    return sa.func.upper(column)
