"""Every line that was paid for is on, and was reported on exactly once."""

from collections.abc import Sequence

from chaos.callbacks import Customer
from chaos.findings import Findings
from chaos.ledger import money
from chaos.ledger.books import Books
from chaos.sender import Attempt
from chaos.simulated import Routers


def check(
    findings: Findings, attempts: Sequence[Attempt], books: Books, routers: Routers, managed: Sequence[Customer] = ()
) -> None:
    """Tasks, reconnections, and the secrets on the routers themselves. `managed`: who is on though nothing was paid:
    lines are ours to manage, and they are paid until a day to come.
    """
    paid = [callback for callback in money.applied(attempts, books) if callback.is_full]
    on = {(router, name) for router in range(routers.count) for name in routers.enabled(router)}
    customers = [*managed, *(callback.customer for callback in paid if callback.customer)]
    wanted = {(customer.router, customer.account) for customer in customers}
    findings.note(
        full_payments=len(paid),
        reconnected_percent=round(100 * len(wanted & on) / len(wanted), 2) if wanted else 100.0,
    )
    findings.must_be_none("paid_but_off", sorted(wanted - on))
    findings.must_be_none("on_but_unpaid", sorted(on - wanted))
    findings.must_be_none(
        "not_reconnected_once",
        [callback.trans_id for callback in paid if books.reconnections.get(callback.trans_id, 0) != 1],
    )
    findings.must_be_none("failed_after_success", list(books.relapses))
    undone = {state: count for state, count in books.tasks.items() if state != "done"}
    findings.must("tasks_done", not undone, f"tasks that did not end well: {undone}")
