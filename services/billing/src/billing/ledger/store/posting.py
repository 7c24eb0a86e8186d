"""Queries that move money: the wallets, which every payment of an ISP wants at once, and the transfers."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime

import sqlalchemy as sa
from servicekit.writes import Writes
from sqlalchemy import Connection

from billing.ledger.rules import Transfer
from billing.locking.rules import RowKind
from billing.locking.store import locks
from billing.schema import isp_wallet, ledger_transfers

# Made once: to make it takes longer than to carry it out.
_WALLETS = locks.UniqueLock(RowKind.WALLET, isp_wallet.c.isp_id, isp_wallet.c.balance)


def lock_wallets(
    connection: Connection, isp_ids: AbstractSet[int], now: datetime, seconds: float | None = None
) -> dict[int, int]:
    """The balances of ISPs' wallets in cents; a missing wallet is created.

    They, which every payment of an ISP wants, stay locked until the transaction ends: call it as late as possible.
    `seconds`: how long the locking read may wait for others; then RowsLocked.
    """
    if not isp_ids:
        return {}
    # A NULL, which somebody else may have written, would swallow the money.
    balances = {row.isp_id: row.balance or 0 for row in _WALLETS.rows(connection, sorted(isp_ids), seconds)}
    if missing := sorted(isp_ids - balances.keys()):
        # Another transaction may create the same wallet just now: the doubled key has this one run again.
        rows = [{"isp_id": isp_id, "balance": 0, "last_updated": now} for isp_id in missing]
        connection.execute(sa.insert(isp_wallet), rows)
    return dict.fromkeys(missing, 0) | balances


def post(writes: Writes, transfers: Iterable[Transfer], balances: Mapping[int, int], now: datetime) -> None:
    """Append transfers, and set locked wallets to what they then hold. A transfer made before raises IntegrityError."""
    writes.update(isp_wallet.c.balance, isp_wallet.c.isp_id, balances, {isp_wallet.c.last_updated: now})
    append(writes, transfers, now)


def append(writes: Writes, transfers: Iterable[Transfer], create_time: datetime) -> None:
    """Append transfers, and leave wallets alone."""
    rows = [
        {
            "transfer_key": one.key,
            "trans_id": one.trans_id,
            "kind": one.kind,
            "from_account": one.from_account,
            "to_account": one.to_account,
            "amount": one.amount_cents,
            "actor": one.actor,
            "create_time": create_time,
        }
        for one in transfers
    ]
    writes.insert(ledger_transfers, rows)
