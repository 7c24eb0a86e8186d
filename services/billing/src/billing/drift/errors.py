"""What a page of a router's secrets is refused for."""

from servicekit.rpc.errors import InvalidArgument


class InvalidSecrets(InvalidArgument):
    """The page breaks the contract."""

    reason = "INVALID_SECRETS"
