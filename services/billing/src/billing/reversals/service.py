"""Reverses payments whose money M-Pesa, or an ISP, gave back to the payer."""

from dataclasses import replace

from servicekit.database import transact
from sqlalchemy import Connection, Engine

from billing.ledger import rules as ledger
from billing.ledger.rules import TransferKind
from billing.lookup import store as lookup
from billing.lookup.rules import StoredPayment
from billing.payments.errors import PaymentNotFound, PaymentNotPlaced, ReversalDoesNotFit
from billing.payments.rules import Outcome, UnmatchedReason
from billing.policy import Policy
from billing.reversals import store, undoing
from billing.reversals.undoing import Undoing, Undone


def reverse(engine: Engine, policy: Policy, trans_id: str, reversed_by: str, why: str, notice_id: str = "") -> Undone:
    """Take back what a payment gave, for good: nobody can be credited for it any more. May be repeated.

    `notice_id`: the TransID of M-Pesa's notice of it, which is held: no money came with that, and it ends likewise.
    Raises PaymentNotFound, PaymentNotPlaced for one of the predecessor's, ReversalDoesNotFit.
    """

    def work(connection: Connection) -> Undone:
        stored = _find(connection, trans_id)
        notice = _find(connection, notice_id) if notice_id else None
        if notice:
            _check_fits(stored, notice)
        if notice and notice.outcome is not Outcome.REVERSED:
            _undo(connection, policy, notice, reversed_by, f"it says that {trans_id} was reversed", told=False)
        if stored.outcome is Outcome.REVERSED:
            return Undone(stored.receipt())
        notes = _undo(connection, policy, stored, reversed_by, why)
        return Undone(replace(stored.receipt(), outcome=Outcome.REVERSED, reason=None, repeated=False), notes)

    return transact(engine, work)


def _find(connection: Connection, trans_id: str) -> StoredPayment:
    stored = lookup.get_payment(connection, trans_id, lock=True)
    if stored is None:
        raise PaymentNotFound(f"no payment {trans_id}")
    if stored.outcome is Outcome.PREDECESSOR:
        raise PaymentNotPlaced(f"payment {trans_id} is the predecessor's: what it gave is not on record")
    return stored


def _check_fits(stored: StoredPayment, notice: StoredPayment) -> None:
    if notice.reason is not UnmatchedReason.REVERSAL and notice.outcome is not Outcome.REVERSED:
        raise ReversalDoesNotFit(f"{notice.trans_id} is no notice of a reversal that is held")
    if stored.trans_id == notice.trans_id:
        raise ReversalDoesNotFit(f"{notice.trans_id} is the notice: name the payment that it is about")
    if stored.content_of_money != notice.content_of_money:
        raise ReversalDoesNotFit(f"{notice.trans_id} is of another amount or shortcode than {stored.trans_id}")


def _undo(
    connection: Connection, policy: Policy, stored: StoredPayment, by: str, why: str, *, told: bool = True
) -> list[str]:
    paybill = ledger.paybill(stored.business_short_code)
    how = Undoing(TransferKind.REVERSAL, paybill, "reversed", "reversed", by, why, told)
    store.reverse(connection, stored.trans_id)
    return undoing.undo(connection, policy, stored, how)
