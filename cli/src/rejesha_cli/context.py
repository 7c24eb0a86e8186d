"""What every command is handed: its connections, and the options that mean the same everywhere."""

import getpass
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rejesha_cli.settings import Settings

if TYPE_CHECKING:
    from datetime import datetime

    from google.protobuf.descriptor import EnumDescriptor

    from rejesha_cli.channels import Channels
    from rejesha_cli.gateway import Gateway


class Connections:
    """The ways to the services and the gateway; what each needs is imported, and opened, when it is first used."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def channels(self) -> "Channels":
        from rejesha_cli.channels import Channels  # noqa: PLC0415 - gRPC, which not every command needs

        return Channels(self.settings)

    @cached_property
    def gateway(self) -> "Gateway":
        from rejesha_cli.gateway import Gateway  # noqa: PLC0415 - HTTP, likewise

        return Gateway(self.settings)

    def close(self) -> None:
        if "channels" in self.__dict__:
            self.channels.close()


# The first argument of every command: the connections that __main__ laid into its context.
with_connections = click.make_pass_decorator(Connections)


class ReadAs(click.ParamType[Any]):
    """An argument or option that a function reads from its text; its ValueError says what is wrong."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


def value_of(name: str, enum: "EnumDescriptor") -> ReadAs:
    """A word of an enum, in any case; the enum's number."""
    from rejesha_cli.records import value_numbers  # noqa: PLC0415 - protobuf, which not every command needs

    choices = value_numbers(enum)

    def read(text: str) -> int:
        if text.lower() not in choices:
            raise ValueError(f"{text!r} is none of {', '.join(choices)}")
        return choices[text.lower()]

    return ReadAs(name, read)


def _phone(text: str) -> str:
    from rejesha_cli.imports.rules import phone  # noqa: PLC0415 - CSV, which few commands need

    return phone(text)


PHONE = ReadAs("PHONE", _phone)


def _day(text: str) -> "datetime":
    from datetime import date, datetime, time  # noqa: PLC0415 - likewise
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    try:
        return datetime.combine(date.fromisoformat(text), time(), ZoneInfo("Africa/Nairobi"))
    except ValueError:
        raise ValueError(f"{text!r} is no day such as 2026-11-30") from None


# When it begins in Nairobi.
DAY = ReadAs("YYYY-MM-DD", _day)


def operator_name() -> str:
    """Who sits at this machine, for the logs of what is done by hand."""
    return getpass.getuser()


with_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document for programs.")
with_csv = click.option("--csv", "as_csv", is_flag=True, help="Print CSV, for a spreadsheet.")
with_limit = click.option(
    "--limit", type=click.IntRange(min=0), default=50, show_default=True, help="At most so many; 0 for all."
)
with_author = click.option("--by", default=operator_name, metavar="NAME", help="Who says so, for the log; you.")
with_dry_run = click.option("--dry-run", is_flag=True, help="Only say what would happen.")
with_yes = click.option("--yes", is_flag=True, help="Do not ask.")
with_update = click.option("--update", is_flag=True, help="Change who is there already to what the file says.")
with_export = click.option(
    "--export", is_flag=True, help="Write FILE from what is on record, to be edited and imported."
)
with_file = click.argument("file", type=click.Path(path_type=Path))
