"""What requests about packages are refused for."""

from servicekit.rpc.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound


class InvalidPackage(InvalidArgument):
    """A name, a price, a period or a profile that cannot be; or nothing to be changed."""

    reason = "INVALID_PACKAGE"


class PackageNotFound(NotFound):
    """The ISP has no package of that name, or none that is sold."""

    reason = "PACKAGE_NOT_FOUND"


class PackageTaken(AlreadyExists):
    """The ISP has another package of that name."""

    reason = "PACKAGE_TAKEN"


class ChangeWaits(FailedPrecondition):
    """The customer changes package at the renewal already."""

    reason = "CHANGE_WAITS"


class NoChangeWaits(FailedPrecondition):
    """The customer does not change package, so that nothing can be cancelled."""

    reason = "NO_CHANGE_WAITS"


class NotChangeable(FailedPrecondition):
    """The account is closed, or has no ISP whose packages could be meant."""

    reason = "PACKAGE_NOT_CHANGEABLE"
