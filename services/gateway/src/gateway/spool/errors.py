"""What can go wrong with the spool."""

from servicekit.rpc.errors import Unavailable


class NotSpooled(Unavailable):
    """The spool could not store it; what came of a write that hung is not known."""

    service = "spool"


class DiskFailed(Exception):
    """The spool's disk did not do what it was asked. Its text says why, for people."""

    def __init__(self, why: str, *, no_space: bool = False) -> None:
        super().__init__(why)
        self.no_space = no_space


class FileDamaged(DiskFailed):
    """The file is not as it was written."""


class SpoolInUse(Exception):
    """Another process owns the directory."""


class OldSpool(Exception):
    """The directory holds callbacks in a form that is read no more."""
