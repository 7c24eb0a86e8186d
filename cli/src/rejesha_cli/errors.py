"""What ends a command early. Each error's text is the one sentence that the operator reads."""


class CommandFailed(Exception):
    """The command could not do what it was asked."""

    exit_code = 1


class ServiceUnreachable(CommandFailed):
    """A service or the gateway did not answer, or something else answers in its place."""


class ServiceRefused(CommandFailed):
    """A service answered that it will not; `reason` is the contract's word for why."""

    def __init__(self, sentence: str, reason: str) -> None:
        super().__init__(f"{sentence} ({reason})")
        self.reason = reason


class GatewayRefused(CommandFailed):
    """The gateway answered that it will not."""


class SettingMissing(CommandFailed):
    """A setting that this command needs is nowhere to be found."""


class SettingsUnreadable(CommandFailed):
    """A file that settings are to be read from cannot be read."""

    exit_code = 2


class NoSuchName(CommandFailed):
    """No ISP or router has the name or id that was given."""


class AmbiguousName(CommandFailed):
    """What was given means more than one ISP or router."""


class UnreadableSheet(CommandFailed):
    """A CSV file as a whole cannot be used: its encoding, its header, or that there is nothing in it."""
