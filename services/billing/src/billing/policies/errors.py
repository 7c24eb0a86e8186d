"""How requests about policies are refused."""

from servicekit.rpc.errors import InvalidArgument


class InvalidPolicy(InvalidArgument):
    """A field that there is not, a value that it cannot have, or fields that contradict each other."""

    reason = "INVALID_POLICY"
