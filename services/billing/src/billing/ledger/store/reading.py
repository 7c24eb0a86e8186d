"""Queries that read accounts and transfers back: for operators, migrations, and what becomes of a payment later."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from billing.ledger import rules
from billing.ledger.rules import Transfer, TransferKind
from billing.payments.rules import Outcome
from billing.schema import isp_wallet, ledger_transfers, paybill_payments

_BATCH = 1000

_t = ledger_transfers.c
_p = paybill_payments.c


@dataclass(frozen=True, slots=True)
class StoredTransfer:
    """A transfer as it is on record. `transfer_id` grows with time."""

    transfer_id: int
    transfer: Transfer
    create_time: datetime


@dataclass(frozen=True, slots=True)
class TransferFilter:
    """Which transfers: of an account, of a payment, from `start` on, before `end`, by somebody and not M-Pesa; what is
    empty does not matter.
    """

    account: str = ""
    trans_id: str = ""
    start: datetime | None = None
    end: datetime | None = None
    by_somebody: bool = False


def balances(connection: Connection) -> Mapping[str, int]:
    """The balance of every account in cents: what came in less what went out."""
    both = sa.union_all(
        sa.select(_t.to_account.label("account"), _t.amount), sa.select(_t.from_account, -_t.amount)
    ).subquery()
    total = sa.type_coerce(sa.func.sum(both.c.amount), _t.amount.type).label("cents")
    rows = connection.execute(sa.select(both.c.account, total).group_by(both.c.account).order_by(both.c.account))
    return {row.account: row.cents for row in rows}


def balance(connection: Connection, account: str) -> int:
    """What one account holds, in cents."""
    return balances_among(connection, [account]).get(account, 0)


def balances_among(connection: Connection, accounts: Collection[str]) -> Mapping[str, int]:
    """What each of these accounts holds, in cents; those that never held anything are left out."""
    both = sa.union_all(
        sa.select(_t.to_account.label("account"), _t.amount).where(_t.to_account.in_(accounts)),
        sa.select(_t.from_account, -_t.amount).where(_t.from_account.in_(accounts)),
    ).subquery()
    total = sa.type_coerce(sa.func.sum(both.c.amount), _t.amount.type).label("cents")
    rows = connection.execute(sa.select(both.c.account, total).group_by(both.c.account))
    return {row.account: row.cents for row in rows}


def balances_of(connection: Connection, trans_id: str) -> Mapping[str, int]:
    """Where a payment's money is, in cents by account; what left an account is negative."""
    found: dict[str, int] = defaultdict(int)
    query = sa.select(_t.from_account, _t.to_account, _t.amount)
    for row in connection.execute(query.where(_t.transfer_key.startswith(f"{trans_id}.", autoescape=True))):
        found[row.from_account] -= row.amount
        found[row.to_account] += row.amount
    return found


def count_transfers(connection: Connection, trans_id: str) -> int:
    """How many transfers a payment has."""
    query = sa.select(sa.func.count()).where(_t.transfer_key.startswith(f"{trans_id}.", autoescape=True))
    return connection.execute(query).scalar_one()


def balance_before(connection: Connection, account: str, moment: datetime) -> int:
    """What an account held before a moment, in cents."""

    def total(column: "sa.Column[str]") -> int:
        query = sa.select(sa.type_coerce(sa.func.sum(_t.amount), _t.amount.type))
        return connection.execute(query.where(column == account, _t.create_time < moment)).scalar() or 0

    return total(_t.to_account) - total(_t.from_account)


def list_transfers(
    connection: Connection, asked: TransferFilter, after_id: int, limit: int
) -> Sequence[StoredTransfer]:
    """Transfers, oldest first, after an id."""
    query = sa.select(ledger_transfers).where(_t.id > after_id).order_by(_t.id).limit(limit)
    if asked.account:
        query = query.where(sa.or_(_t.from_account == asked.account, _t.to_account == asked.account))
    if asked.trans_id:
        query = query.where(_t.transfer_key.startswith(f"{asked.trans_id}.", autoescape=True))
    if asked.start:
        query = query.where(_t.create_time >= asked.start)
    if asked.end:
        query = query.where(_t.create_time < asked.end)
    if asked.by_somebody:
        query = query.where(_t.actor != "")
    return [_stored(row) for row in connection.execute(query)]


def _stored(row: Any) -> StoredTransfer:
    number = int(row.transfer_key.rpartition(".")[2])
    transfer = Transfer(
        row.trans_id, number, TransferKind(row.kind), row.from_account, row.to_account, row.amount, row.actor
    )
    return StoredTransfer(row.id, transfer, row.create_time)


def wallets(connection: Connection) -> Mapping[int, int]:
    """The wallets as their readers see them, in cents, by ISP."""
    rows = connection.execute(sa.select(isp_wallet.c.isp_id, isp_wallet.c.balance))
    return {row.isp_id: row.balance or 0 for row in rows if row.isp_id is not None}


def total_cents(connection: Connection, outcome: Outcome) -> int:
    """The amounts of the payments of an outcome."""
    query = sa.select(sa.type_coerce(sa.func.sum(_p.TransAmount), _p.TransAmount.type))
    return connection.execute(query.where(_p.outcome == outcome)).scalar() or 0


def given_back_cents(connection: Connection) -> int:
    """What went back to paybills because payments were reversed."""
    query = sa.select(sa.type_coerce(sa.func.sum(_t.amount), _t.amount.type))
    to_paybills = _t.kind == TransferKind.REVERSAL, _t.to_account.startswith(rules.paybill(""), autoescape=True)
    return connection.execute(query.where(*to_paybills)).scalar() or 0


def paid_in(connection: Connection, trans_ids: Collection[str]) -> Mapping[str, int]:
    """What came in with each of these payments by its transfers, in cents; those without any are left out."""
    keys = [f"{trans_id}.{number}" for trans_id in trans_ids for number in (1, 2)]  # more does no payment come in by
    found: dict[str, int] = defaultdict(int)
    query = sa.select(_t.trans_id, _t.amount).where(_t.transfer_key.in_(keys), _t.kind == TransferKind.PAYMENT)
    for row in connection.execute(query):
        found[row.trans_id] += row.amount
    return found


def payments_that_differ(connection: Connection) -> Iterator[str]:
    """TransIDs of payments of ours that came in with another amount than their transfers say, or without any.

    Compared here: a predecessor's collation may not let the database compare its TransIDs with ours.
    """
    query = sa.select(_p.id, _p.trans_key, _p.TransAmount).where(_p.outcome.is_not(None)).order_by(_p.id).limit(_BATCH)
    last_id = 0
    while rows := connection.execute(query.where(_p.id > last_id)).all():
        last_id = rows[-1].id
        moved = paid_in(connection, [row.trans_key for row in rows])
        yield from (row.trans_key for row in rows if moved.get(row.trans_key, 0) != row.TransAmount)
