"""Posts to wallets and credits, in the transaction of whoever calls: it commits or rolls back the whole."""

from collections.abc import Sequence
from datetime import datetime

from servicekit.writes import Writes
from sqlalchemy import Connection

from billing.ledger import store
from billing.ledger.rules import CreditPurchase, WalletEntry
from billing.locking.rules import Row, RowKind
from billing.locking.service import Locking


def post(
    connection: Connection,
    writes: Writes,
    entries: Sequence[WalletEntry],
    purchases: Sequence[CreditPurchase],
    now: datetime,
    locking: Locking,
) -> list[int]:
    """Credit wallets and add bought credits; answers the wallet in cents after each entry.

    Call it as late as possible: every payment of an ISP wants its wallet, which stays locked until the transaction
    ends. Raises RowsLocked.
    """
    locking.queue(connection, {Row(RowKind.WALLET, entry.isp_id) for entry in entries})
    store.buy_credits(connection, purchases, now, locking.seconds)
    balances = store.lock(connection, {entry.isp_id for entry in entries}, now, locking.seconds)
    after = []
    for entry in entries:
        balances[entry.isp_id] += entry.amount_cents
        after.append(balances[entry.isp_id])
    store.set_balances(writes, balances, now)
    store.insert_entries(writes, [pair for pair in zip(entries, after, strict=True) if pair[0].amount_cents], now)
    return after
