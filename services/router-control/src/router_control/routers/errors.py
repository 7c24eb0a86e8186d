"""What the registry refuses, and why a router's login cannot be used."""

from servicekit.rpc.errors import AlreadyExists, InvalidArgument, NotFound


class InvalidRouter(InvalidArgument):
    """A registration that cannot work."""

    reason = "INVALID_ROUTER"


class PasswordNeeded(InvalidArgument):
    """A stored password would go to another place than it was given for."""

    reason = "PASSWORD_NEEDED"


class LoginNeeded(InvalidArgument):
    """The installation's default login would go to a place for which nobody asked for it."""

    reason = "LOGIN_NEEDED"


class InvalidFingerprint(InvalidArgument):
    """A text that is no SHA-256."""

    reason = "INVALID_FINGERPRINT"


class CertificateNotRemembered(InvalidArgument):
    """Of such a router no certificate is remembered."""

    reason = "CERTIFICATE_NOT_REMEMBERED"


class RouterNotFound(NotFound):
    """The registry has no such router."""

    reason = "ROUTER_NOT_FOUND"


class RouterNameTaken(AlreadyExists):
    """Another router has this name."""

    reason = "ROUTER_NAME_TAKEN"


class RouterIdTaken(AlreadyExists):
    """Another router has this id."""

    reason = "ROUTER_ID_TAKEN"


class UnreadablePassword(Exception):
    """None of the keys opens a stored password: its key was taken out of the configuration too early."""
