"""Queries on wallets and their entries: the rows that every payment of an ISP wants at once."""

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

import sqlalchemy as sa
from servicekit.writes import Writes
from sqlalchemy import Connection

from billing.ledger.rules import WalletEntry
from billing.locking.rules import RowKind
from billing.locking.store import locks
from billing.schema import isp_wallet, wallet_entries

# Made once: to make it takes longer than to carry it out.
_WALLETS = locks.UniqueLock(RowKind.WALLET, isp_wallet.c.isp_id, isp_wallet.c.balance)


def post(
    connection: Connection,
    writes: Writes,
    entries: Sequence[WalletEntry],
    now: datetime,
    seconds: float | None = None,
) -> list[int]:
    """Credit wallets; answers the wallet in cents after each entry.

    The wallets, which every payment of an ISP wants, stay locked until the transaction ends: call it as late as
    possible. `seconds`: how long the locking read may wait for others; then RowsLocked.
    """
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
