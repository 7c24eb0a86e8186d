"""How requests about tasks are refused."""

from servicekit.rpc.errors import InvalidArgument, ResourceExhausted


class InvalidLease(InvalidArgument):
    """An owner, a number of tasks or a duration that the contract does not allow."""

    reason = "INVALID_LEASE"


class InvalidReport(InvalidArgument):
    """A report without a result."""

    reason = "INVALID_REPORT"


class TasksBusy(ResourceExhausted):
    """As many calls as may are at work already. Nothing was done."""

    reason = "TASKS_BUSY"
