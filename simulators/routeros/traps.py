"""The errors a router answers with, in its own words."""


class Trap(Exception):
    """A command failed. `replies` are (category or None, message), one for each "!trap" sentence."""

    def __init__(self, message: str, *, category: int | None = None) -> None:
        super().__init__(message)
        self.replies: tuple[tuple[int | None, str], ...] = ((category, message),)


class NoSuchCommand(Trap):
    """The path or the verb is unknown; a router says so twice."""

    def __init__(self, part: str) -> None:
        super().__init__(f"no such command or directory ({part})", category=0)
        self.replies = (*self.replies, (None, "no such command prefix"))


class NoSuchItem(Trap):
    def __init__(self) -> None:
        super().__init__("no such item", category=0)


class ItemVanished(Trap):
    """The item was there when the command came and gone when it ran."""

    def __init__(self) -> None:
        super().__init__("no such item (4)")


class NotPermitted(Trap):
    def __init__(self) -> None:
        super().__init__("not enough permissions (9)")


class UnknownParameter(Trap):
    def __init__(self) -> None:
        super().__init__("unknown parameter")


class InvalidValue(Trap):
    def __init__(self, argument: str) -> None:
        super().__init__(f"invalid value for argument {argument}", category=1)


class NoMatchingValue(Trap):
    def __init__(self, argument: str) -> None:
        super().__init__(f"input does not match any value of {argument}", category=1)


class MissingArgument(Trap):
    def __init__(self, argument: str) -> None:
        super().__init__(f"missing ={argument}=", category=0)


class DuplicateEntry(Trap):
    def __init__(self) -> None:
        super().__init__("failure: already have such entry")


class DuplicateName(Trap):
    def __init__(self, kind: str) -> None:
        super().__init__(f"failure: {kind} with the same name already exists")
