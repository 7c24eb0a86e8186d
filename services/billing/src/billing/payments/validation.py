"""Says what would become of payments before M-Pesa takes them. Stores nothing, and locks nothing."""

from collections.abc import Sequence

from servicekit.database import transact
from servicekit.moments import current_time
from sqlalchemy import Connection, Engine

from billing import calendar
from billing.part_payments.service import Keeping
from billing.payees import store as payees
from billing.payments.rules import Outcome, Payment, Receipt, normalise
from billing.payments.settlement import settle_new
from billing.policy import Policy


def validate(engine: Engine, policy: Policy, batch: Sequence[Payment]) -> list[Receipt]:
    """The receipts that these payments would get now, in their order."""

    def work(connection: Connection) -> list[Receipt]:
        who = payees.load(connection, sorted({normalise(payment.bill_ref_number) for payment in batch}), lock=False)
        today = calendar.today(current_time(connection))
        settled = [settle_new(payment, who, policy.shortcodes, today) for payment in batch]
        return [
            (Keeping(connection).settle(one, today) if one.outcome is Outcome.CUSTOMER_PARTIAL else one).receipt()
            for one in settled
        ]

    return transact(engine, work)
