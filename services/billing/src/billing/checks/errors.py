"""What a request about the comparison of a router is refused for."""

from servicekit.rpc.errors import InvalidArgument


class InvalidCheck(InvalidArgument):
    """The claim or the report breaks the contract."""

    reason = "INVALID_CHECK"
