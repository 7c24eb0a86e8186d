"""What every command is handed: its connections, and the options that mean the same everywhere."""

import getpass
from collections.abc import Callable
from typing import Annotated

import typer
from google.protobuf.descriptor import EnumDescriptor

from rejesha_cli.channels import Channels
from rejesha_cli.gateway import Gateway
from rejesha_cli.money import parse_cents
from rejesha_cli.records import words
from rejesha_cli.settings import Settings


class Connections:
    """The ways to the services and the gateway, opened when first used."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.channels = Channels(settings)
        self.gateway = Gateway(settings)

    def close(self) -> None:
        self.channels.close()
        self.gateway.close()


def connections(ctx: typer.Context) -> Connections:
    """The connections that __main__ laid into the command's context."""
    found = ctx.find_object(Connections)
    if found is None:
        raise AssertionError("__main__ lays the connections into every context")
    return found


def operator_name() -> str:
    """Who sits at this machine, for the logs of what is done by hand."""
    return getpass.getuser()


def amount(text: str | int) -> int:
    """Parser of options that take shillings; cents."""
    return parse_cents(str(text))


def word_of(enum: EnumDescriptor) -> Callable[[str], int]:
    """Parser of options that take a word of an enum, in any case; the enum's number."""

    def parse(text: str) -> int:
        choices = words(enum)
        if text.lower() not in choices:
            raise ValueError(f"{text!r} is none of {', '.join(choices)}")
        return choices[text.lower()]

    return parse


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document for programs.")]
Limit = Annotated[int, typer.Option(min=0, help="At most so many; 0 for all.")]
By = Annotated[str, typer.Option("--by", default_factory=operator_name, help="Who says so, for the log.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")]
