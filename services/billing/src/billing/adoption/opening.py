"""The first entry of each adopted wallet."""

import sqlalchemy as sa
from sqlalchemy import Connection


def open_wallets(connection: Connection) -> None:
    """Give each adopted wallet an entry with what is in it, so that entries sum to wallets from the first day."""
    connection.execute(
        sa.text(
            "INSERT INTO wallet_entries (isp_id, trans_id, kind, amount, balance_after, create_time)"
            " SELECT isp_id, NULL, 'opening_balance', balance, balance, CURRENT_TIMESTAMP FROM isp_wallet"
            " WHERE isp_id IS NOT NULL AND balance <> 0"
            " AND isp_id NOT IN (SELECT isp_id FROM wallet_entries)"
        )
    )
