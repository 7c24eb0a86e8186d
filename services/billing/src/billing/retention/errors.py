"""How requests to take a person out of the records are refused."""

from servicekit.rpc.errors import FailedPrecondition


class CustomerNotClosed(FailedPrecondition):
    """Whoever is still a customer has to be known."""

    reason = "CUSTOMER_NOT_CLOSED"


class TasksOpen(FailedPrecondition):
    """A message or a line of the customer's waits."""

    reason = "TASKS_OPEN"
