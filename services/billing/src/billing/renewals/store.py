"""The write that renewals make on customers."""

from collections.abc import Collection

from servicekit.writes import Writes

from billing.renewals.rules import Renewal
from billing.schema import pppoe_users

_c = pppoe_users.c


def move_due_dates(writes: Writes, renewals: Collection[Renewal]) -> None:
    """Set the due dates of those who were renewed."""
    after = {one.before.customer_id: one.after for one in renewals}
    writes.update(_c.next_payment_date, _c.id, {one_id: one.next_payment_date for one_id, one in after.items()})
    writes.update(_c.due_day, _c.id, {one_id: one.due_day for one_id, one in after.items()})
