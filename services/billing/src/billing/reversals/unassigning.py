"""Takes a placed payment back from where it does not belong, and holds its money again."""

from dataclasses import replace

from servicekit.database import transact
from servicekit.moments import current_time
from servicekit.writes import together
from sqlalchemy import Connection, Engine

from billing.changes import store as changes
from billing.changes.rules import TAKEN_BACK, Author, FieldChange, Noun
from billing.ledger import rules as ledger
from billing.ledger.rules import TransferKind
from billing.lookup import store as lookup
from billing.lookup.rules import StoredPayment
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
        notes = undoing.undo(connection, policy, stored, how)
        if stored.customer_id:
            _keep(connection, stored, Author(unassigned_by, why))
        return Undone(_held(stored.receipt()), notes)

    return transact(engine, work)


def _keep(connection: Connection, stored: StoredPayment, author: Author) -> None:
    """The payment forgets whose it was; the customer's history does not. After all that its timeline says of that."""
    change = FieldChange(TAKEN_BACK, stored.trans_id, "")
    with together(connection) as writes:
        changes.insert(writes, Noun.CUSTOMER, stored.customer_id or 0, [change], author, current_time(connection))


def _held(receipt: Receipt) -> Receipt:
    reason = UnmatchedReason.UNASSIGNED
    return replace(receipt, outcome=Outcome.UNMATCHED, reason=reason, isp_id=None, customer_id=None, repeated=False)
