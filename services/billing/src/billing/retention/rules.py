"""What may be deleted when it is old. Pure."""

from enum import StrEnum


class RecordKind(StrEnum):
    """The kinds of records that are no money; the words of the proto's enum."""

    LOG = "log"
    TASKS = "tasks"
    CALLBACKS = "callbacks"
    QUARANTINE = "quarantine"
