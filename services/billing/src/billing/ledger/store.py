"""Queries on wallets, their entries, and credits: the rows that every payment of an ISP wants at once."""

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

import sqlalchemy as sa
from servicekit.writes import Writes
from sqlalchemy import Connection

from billing.ledger.rules import CreditPurchase, WalletEntry
from billing.locking import store as locks
from billing.locking.rules import RowKind
from billing.schema import credit_transactions, isp_credits, isp_wallet, wallet_entries

# Made once: to make it takes longer than to carry it out.
_WALLETS = locks.UniqueLock(RowKind.WALLET, isp_wallet.c.isp_id, isp_wallet.c.balance)
_CREDITS = locks.UniqueLock(RowKind.CREDITS, isp_credits.c.sms_credits)


def post(
    connection: Connection,
    writes: Writes,
    entries: Sequence[WalletEntry],
    purchases: Sequence[CreditPurchase],
    now: datetime,
    seconds: float | None = None,
) -> list[int]:
    """Credit wallets and add bought credits; answers the wallet in cents after each entry.

    The wallets, which every payment of an ISP wants, stay locked until the transaction ends: call it as late as
    possible. `seconds`: how long each locking read may wait for others; then RowsLocked.
    """
    _buy_credits(connection, purchases, now, seconds)
    balances = _lock(connection, {entry.isp_id for entry in entries}, now, seconds)
    after = []
    for entry in entries:
        balances[entry.isp_id] += entry.amount_cents
        after.append(balances[entry.isp_id])
    writes.update(isp_wallet.c.balance, isp_wallet.c.isp_id, balances, {isp_wallet.c.last_updated: now})
    _insert_entries(writes, [pair for pair in zip(entries, after, strict=True) if pair[0].amount_cents], now)
    return after


def _lock(connection: Connection, isp_ids: AbstractSet[int], now: datetime, seconds: float | None) -> dict[int, int]:
    """The balances of ISPs, whose wallets are locked; a missing wallet is created."""
    if not isp_ids:
        return {}
    # A NULL, which somebody else may have written, would swallow the money.
    balances = {row.isp_id: row.balance or 0 for row in _WALLETS.rows(connection, sorted(isp_ids), seconds)}
    if missing := sorted(isp_ids - balances.keys()):
        # Another transaction may create the same wallet just now: the doubled key has this one run again.
        rows = [{"isp_id": isp_id, "balance": 0, "last_updated": now} for isp_id in missing]
        connection.execute(sa.insert(isp_wallet), rows)
    return dict.fromkeys(missing, 0) | balances


def _insert_entries(writes: Writes, entries: Collection[tuple[WalletEntry, int]], now: datetime) -> None:
    """Append entries, each with the balance after it."""
    rows = [
        {
            "isp_id": entry.isp_id,
            "trans_id": entry.trans_id,
            "kind": entry.kind,
            "amount": entry.amount_cents,
            "balance_after": balance,
            "create_time": now,
        }
        for entry, balance in entries
    ]
    writes.insert(wallet_entries, rows)


def _buy_credits(
    connection: Connection, purchases: Sequence[CreditPurchase], now: datetime, seconds: float | None
) -> None:
    """Record purchases of credits and add them to the ISPs' credits."""
    if not purchases:
        return
    _CREDITS.rows(connection, {bought.isp_id for bought in purchases}, seconds)
    connection.execute(sa.insert(credit_transactions), [_purchase(bought, now) for bought in purchases])
    totals: dict[int, list[int]] = {}
    for bought in purchases:
        total = totals.setdefault(bought.isp_id, [0, 0])
        total[bought.credit_type == "whatsapp"] += bought.count
    for isp_id, (sms, whatsapp) in sorted(totals.items()):
        _add_credits(connection, isp_id, sms, whatsapp)


def _purchase(bought: CreditPurchase, now: datetime) -> dict[str, object]:
    return {
        "isp_id": bought.isp_id,
        "transaction_type": "purchase",
        "credit_type": bought.credit_type,
        "amount": bought.count,
        "unit_price": bought.unit_cents,
        "total_amount": bought.count * bought.unit_cents,
        "reference": bought.trans_id,
        "description": f"{bought.count} {bought.credit_type} credits by M-Pesa",
        "created_at": now,
    }


def _add_credits(connection: Connection, isp_id: int, sms: int, whatsapp: int) -> None:
    columns = isp_credits.c
    changed = connection.execute(
        sa.update(isp_credits)
        .where(columns.isp_id == isp_id)
        .values(
            sms_credits=sa.func.coalesce(columns.sms_credits, 0) + sms,
            whatsapp_credits=sa.func.coalesce(columns.whatsapp_credits, 0) + whatsapp,
        )
    ).rowcount
    if not changed:
        row = {"isp_id": isp_id, "sms_credits": sms, "whatsapp_credits": whatsapp}
        connection.execute(sa.insert(isp_credits), [row])
