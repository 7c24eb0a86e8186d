"""What can go wrong when another service is asked."""

# The one reason of an Unavailable that no waiting mends.
DATABASE_REFUSES = "DATABASE_REFUSES"


class CallFailed(Exception):
    """Another service did not do what it was asked. `reason`: machine-readable, such as DATABASE_UNAVAILABLE."""

    def __init__(self, service: str, reason: str, detail: str = "") -> None:
        super().__init__(f"{service}: {reason}")
        self.service = service
        self.reason = reason
        # What the service said, for the log; it says no secrets.
        self.detail = detail

    @property
    def told(self) -> str:
        """The reason with what the service said, for people."""
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


class Unavailable(CallFailed):
    """It is down, or overloaded, or lost its database. Nothing, or something, was done."""


class TimedOut(CallFailed):
    """It did not answer in time. Nothing, or something, was done."""


class Locked(TimedOut):
    """Another transaction holds a row that the work needs. Nothing was done; it is not away."""


class Refused(CallFailed):
    """The request breaks the contract; nothing of it was done, and sending it again will not help."""


class NotFound(CallFailed):
    """It does not have what was asked for."""


class Broken(CallFailed):
    """It has a fault of its own."""


class NotSpooled(CallFailed):
    """The spool could not store it; what came of a write that hung is not known."""
