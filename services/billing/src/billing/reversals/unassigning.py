"""Takes a placed payment back from where it does not belong, and holds its money again."""

from dataclasses import replace

from servicekit.database import transact
from sqlalchemy import Connection, Engine

from billing.ledger import rules as ledger
from billing.ledger.rules import TransferKind
from billing.lookup import store as lookup
from billing.payments.errors import PaymentNotFound, PaymentNotPlaced
from billing.payments.rules import HELD, Outcome, Receipt, UnmatchedReason
from billing.policy import Policy
from billing.reversals import store, undoing
from billing.reversals.undoing import Undoing, Undone

# There is nothing to take back: of the predecessor's it is not on record.
_NOT_PLACED = (*HELD, Outcome.REVERSED, Outcome.PREDECESSOR)


def unassign(engine: Engine, policy: Policy, trans_id: str, unassigned_by: str, why: str) -> Undone:
    """Hold a placed payment's money again. May be repeated. Raises PaymentNotFound, PaymentNotPlaced."""
    how = Undoing(TransferKind.UNASSIGNMENT, ledger.HELD, "unassigned", "taken back", unassigned_by, why)

    def work(connection: Connection) -> Undone:
        stored = lookup.get_payment(connection, trans_id, lock=True)
        if stored is None:
            raise PaymentNotFound(f"no payment {trans_id}")
        if stored.reason is UnmatchedReason.UNASSIGNED:
            return Undone(stored.receipt())
        if stored.outcome in _NOT_PLACED:
            raise PaymentNotPlaced(f"payment {trans_id} was not placed by us: {stored.outcome}")
        store.unassign(connection, trans_id)
        return Undone(_held(stored.receipt()), undoing.undo(connection, policy, stored, how))

    return transact(engine, work)


def _held(receipt: Receipt) -> Receipt:
    reason = UnmatchedReason.UNASSIGNED
    return replace(receipt, outcome=Outcome.UNMATCHED, reason=reason, isp_id=None, customer_id=None, repeated=False)
