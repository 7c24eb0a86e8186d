"""What MySQL holds, read by plain SQL: none of the services' code has a say in it."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

_RELAPSES = """
    SELECT DISTINCT failed.transaction_id FROM payment_debug_log failed
    JOIN payment_debug_log done ON done.transaction_id = failed.transaction_id AND done.id < failed.id
    WHERE failed.category = 'RECONNECTION_FAILED' AND done.category = 'RECONNECTION_SUCCESS'
"""

# A scenario may have customers of its own beside the stage's.
_DUE_DATES = "SELECT account_name, next_payment_date FROM pppoe_users WHERE account_name LIKE 'CH%%'"
_MOVED = "SELECT trans_id, amount * 100 AS cents FROM ledger_transfers"


@dataclass(frozen=True, slots=True)
class Payment:
    """A row of paybill_payments: what decides about money, and what became of it."""

    reference: str
    amount_cents: int
    outcome: str

    @property
    def content(self) -> tuple[str, int]:
        return self.reference, self.amount_cents


@dataclass(frozen=True, slots=True)
class Sms:
    """A row of notify's messages. `doubts`: attempts of unknown outcome."""

    phone: str
    text: str
    state: str
    detail: str
    doubts: int


@dataclass(frozen=True, slots=True)
class Books:
    """Everything of one schema. Rows by TransID are lists, because that there is one each is to be shown."""

    payments: Mapping[str, Sequence[Payment]]
    contradictions: Mapping[str, Sequence[int]]  # the amounts of conflicting deliveries, in cents
    quarantined: str  # the bodies, one after the other
    entries: Mapping[str, Sequence[int]]  # cents that went into a wallet
    paid_in: Mapping[str, Sequence[int]]  # cents that came from the paybill
    wallet_cents: int
    due_dates: Mapping[str, date]  # by account
    reconnections: Mapping[str, int]  # RECONNECTION_SUCCESS rows
    relapses: Sequence[str]  # TransIDs whose line was reported as failed after it had been reported as on
    tasks: Mapping[str, int]  # by state
    messages: Sequence[Sms]


def read(engine: sa.Engine) -> Books:
    """Read all of it."""
    with engine.connect() as connection:

        def rows(query: str) -> Sequence[Any]:
            return connection.exec_driver_sql(query).all()

        return Books(
            payments=_by_trans_id(
                (row.TransID, Payment(row.BillRefNumber, int(row.cents), row.outcome))
                for row in rows("SELECT *, TransAmount * 100 AS cents FROM paybill_payments")
            ),
            contradictions=_by_trans_id(
                (row.trans_id, _cents_of(row.callback_body))
                for row in rows("SELECT trans_id, callback_body FROM payment_deliveries WHERE conflicting")
            ),
            quarantined="\n".join(row[0].decode() for row in rows("SELECT callback_body FROM quarantine")),
            entries=_by_trans_id(
                (row.trans_id, int(row.cents)) for row in rows(f"{_MOVED} WHERE to_account LIKE 'wallet:%%'")
            ),
            paid_in=_by_trans_id(
                (row.trans_id, int(row.cents)) for row in rows(f"{_MOVED} WHERE from_account LIKE 'paybill:%%'")
            ),
            wallet_cents=sum(int(row[0]) for row in rows("SELECT balance * 100 FROM isp_wallet")),
            due_dates={row[0]: row[1] for row in rows(_DUE_DATES)},
            reconnections=Counter(
                row[0]
                for row in rows("SELECT transaction_id FROM payment_debug_log WHERE category = 'RECONNECTION_SUCCESS'")
            ),
            relapses=[row[0] for row in rows(_RELAPSES)],
            tasks={row[0]: row[1] for row in rows("SELECT state, count(*) FROM tasks GROUP BY state")},
            messages=[Sms(*row) for row in rows("SELECT phone, text, state, detail, doubts FROM messages")],
        )


def _by_trans_id(pairs: Any) -> Mapping[str, Sequence[Any]]:
    found = defaultdict(list)
    for trans_id, value in pairs:
        found[trans_id].append(value)
    return found


def _cents_of(body: bytes) -> int:
    shillings, cents = json.loads(body)["TransAmount"].split(".")
    return int(shillings) * 100 + int(cents)
