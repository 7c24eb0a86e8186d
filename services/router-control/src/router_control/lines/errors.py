"""What a request about lines is refused for."""

from servicekit.rpc.errors import InvalidArgument


class InvalidAccessRequest(InvalidArgument):
    """The request breaks the contract; nothing of it was done. The text shows no username."""

    reason = "INVALID_ACCESS_REQUEST"
