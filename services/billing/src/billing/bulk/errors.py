"""What requests about bulks are refused for."""

from servicekit.rpc.errors import FailedPrecondition, InvalidArgument, NotFound


class InvalidBulk(InvalidArgument):
    """The request breaks the contract: whom, what, who, or why; or its token was never given out."""

    reason = "INVALID_BULK"


class BulkOutdated(FailedPrecondition):
    """Other customers are meant by now than the preview showed, or what decides of them is another."""

    reason = "BULK_OUTDATED"


class BulkUndone(FailedPrecondition):
    """It is undone, or being undone: it is not applied again."""

    reason = "BULK_UNDONE"


class BulkNotFound(NotFound):
    """There is no such bulk."""

    reason = "BULK_NOT_FOUND"
