"""Why a request about messages is refused."""

from servicekit.rpc.errors import InvalidArgument, NotFound


class InvalidMessageId(InvalidArgument):
    """A message_id that is empty, too long, or not printable ASCII."""

    reason = "INVALID_MESSAGE_ID"


class InvalidMessage(InvalidArgument):
    """A message that cannot go; the reason is one of `rules.Fault`, and the text names the message by its index."""


class MessageNotFound(NotFound):
    """No message has this id."""

    reason = "MESSAGE_NOT_FOUND"
