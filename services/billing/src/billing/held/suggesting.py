"""Says whose a held payment may be, and why. Changes nothing, and is on no payment's way.

A module of its own: asked by operators, and by the alerts of held money when they go out.
"""

from collections.abc import Mapping, Sequence
from itertools import islice

from servicekit.database import transact
from sqlalchemy import Connection, Engine

from billing.held import rules, store
from billing.held.rules import Candidate, Evidence
from billing.lookup import store as lookup
from billing.lookup.rules import StoredPayment
from billing.notices.rules import Notice
from billing.payees import store as payees
from billing.payments.rules import HELD, UnmatchedReason, normalise
from billing.tasks.rules import Task

# Accounts that begin like what was typed are looked for from so many letters on.
_PREFIX = 3


def suggest(engine: Engine, trans_ids: Sequence[str]) -> Mapping[str, Sequence[Candidate]]:
    """The likeliest candidates of each of these payments that is held, by TransID."""

    def work(connection: Connection) -> dict[str, Sequence[Candidate]]:
        stored = {trans_id: lookup.get_payment(connection, trans_id) for trans_id in trans_ids}
        return {trans_id: candidates(connection, one) for trans_id, one in stored.items() if one}

    return transact(engine, work)


def candidates(connection: Connection, payment: StoredPayment) -> Sequence[Candidate]:
    """The likeliest first; none for what is placed, and for a reversal, which is nobody's payment."""
    if payment.outcome not in HELD or payment.reason is UnmatchedReason.REVERSAL:
        return ()
    # What was typed is no hint to where it belongs once it was taken back: it would be placed there again.
    reference = "" if payment.reason is UnmatchedReason.UNASSIGNED else normalise(payment.bill_ref_number)
    near = rules.near_spellings(reference)
    known = _evidence(connection, payment, reference)
    prefix = reference[:_PREFIX] if len(reference) > _PREFIX else ""
    ids = store.find_near(connection, near, prefix) if near else set()
    customers = payees.get_customers(connection, ids | known.phoned | known.calling | known.paid_before.keys())
    isps = payees.get_isps(connection, store.find_isps_near(connection, near)) if near else {}
    return rules.rank(list(customers.values()), list(isps.values()), known)


def _evidence(connection: Connection, payment: StoredPayment, reference: str) -> Evidence:
    msisdn = payment.msisdn.strip()
    is_sure = "*" not in msisdn
    # A part of a number is many people's: only with a name does it say something.
    name = "" if is_sure else payment.first_name.strip()
    is_known = bool(msisdn) and (is_sure or bool(name))
    return Evidence(
        reference,
        payment.amount_cents,
        store.count_paid_before(connection, msisdn, name) if is_known else {},
        is_sure,
        frozenset(store.find_by_phone(connection, rules.phone_spellings(payment.bill_ref_number))),
        frozenset(store.find_by_phone(connection, rules.phone_spellings(msisdn))),
    )


def complete(connection: Connection, notices: Sequence[Task]) -> None:
    """Let the first alert of held money among these say whose it may be.

    Only the first: where many come at once one cause holds them all, and each would cost the lease some queries.
    """
    alerts = (task for task in notices if isinstance(task.work, Notice) and task.work.event == "unmatched")
    for task in islice(alerts, 1):
        stored = lookup.get_payment(connection, task.trans_id)
        if stored and isinstance(task.work, Notice) and (found := candidates(connection, stored)):
            likeliest = found[0]
            task.work.facts["reason"] += f"; perhaps {likeliest.account}: {likeliest.reasons[0]}"
