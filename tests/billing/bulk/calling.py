"""Bulks as an operator's command calls them: a preview, then call by call until all is done."""

from billing.bulk import service
from billing.bulk.rules import BulkState
from billing.changes.rules import Author

ASHA = Author("Asha", "outage of Tower 3")


def preview(desk, plan):
    return service.preview(desk.engine, plan)


def apply(desk, token, times=9):
    """Calls until it is applied; what the last call answered."""
    for _ in range(times):
        progress = service.apply(desk.engine, desk.policy, token, ASHA)
        if progress.bulk.state is BulkState.APPLIED:
            break
    return progress


def undo(desk, bulk_id, times=9):
    for _ in range(times):
        progress = service.undo(desk.engine, desk.policy, bulk_id, Author("Baraka", "wrong tower"))
        if progress.bulk.state is BulkState.UNDONE:
            break
    return progress


def notes(progress):
    """Who was not changed or not put back, and why."""
    return {one.account_name: one.member.note for one in progress.not_changed}
