"""`rejesha migrate` and `rejesha doctor`: the tables of this installation, and whether all that it needs is well."""

from functools import partial

import click
from rich.text import Text

from rejesha_cli.context import Connections, with_connections, with_json
from rejesha_cli.installation import checks, migration, programs
from rejesha_cli.settings import Settings
from rejesha_cli.tables import clean, print_json, remark, show

_SERVICE = click.Choice([each.name for each in programs.WITH_DATABASE])
_LOOKS = {True: ("well", "green"), False: ("WRONG", "bold red"), None: ("-", "dim")}


@click.command
@click.argument("service", required=False, type=_SERVICE)
@click.option("--check", is_flag=True, help="Only say what would be changed, and what stands in the way.")
@with_json
@with_connections
def migrate(connected: Connections, service: str | None, check: bool, as_json: bool) -> None:
    """Bring the tables of the services installed here up to date.

    Or those of SERVICE alone. Creates what is missing, and adopts the predecessor's tables. Changes nothing while
    anything stands in the way of any of them. May be repeated at any time.
    """
    settings = connected.settings
    wanted = migration.chosen(service)
    if not as_json:
        remark(_source(settings))
    done = migration.migrate(wanted, partial(_run, settings), check=check)
    well = all(one.is_well for one in done)
    if as_json:
        services = [{"service": one.service, "state": one.state, "text": one.text or None} for one in done]
        print_json({"well": well, "check": check, "services": services})
    else:
        for one in done:
            _tell_migration(one)
        if any(one.state == "failed" for one in done):
            remark("A setting that is missing belongs into the environment, or into a file that --env-file names.")
    if not well:
        raise click.exceptions.Exit(1)


@click.command
@with_json
@with_connections
def doctor(connected: Connections, as_json: bool) -> None:
    """Try all that an installation needs, and say what is wrong.

    And what to do about it: settings, databases and clocks of the services installed here; whether all services can be
    reached and are healthy; whether the routers let us in; the spool's disk; what is left of the TextSMS account. Exit
    code 1 when anything is wrong.
    """
    found = checks.examine(connected, partial(_run, connected.settings))
    well = not any(one.well is False for one in found)
    if as_json:
        listed = [
            {"of": one.of, "check": one.name, "well": one.well, "warns": one.warns, "detail": one.text or None}
            for one in found
        ]
        print_json({"well": well, "settings": _source(connected.settings), "checks": listed})
    else:
        remark(_source(connected.settings))
        for one in checks.summed_up(found):
            word, style = ("SOON", "yellow") if one.warns else _LOOKS[one.well]
            show(Text.assemble((f"{word:5}", style), f"  {one.of:14}  ", clean(f"{one.name}: {one.text}".strip(": "))))
    if not well:
        raise click.exceptions.Exit(1)


def _run(settings: Settings, program: programs.Program, *arguments: str) -> programs.Ended:
    return programs.run(program, settings.environment, *arguments)


def _source(settings: Settings) -> str:
    return f"Settings: the environment{f', then {settings.env_file}' if settings.env_file else ''}."


def _tell_migration(one: migration.Migration) -> None:
    style = "green" if one.is_well and one.state != "not_installed" else "dim" if one.is_well else "bold red"
    lines = [clean(line) for line in one.text.splitlines()]
    show(Text.assemble(f"{one.service}: ", (one.state.replace("_", " "), style), f". {lines[0]}" if lines else "."))
    for line in lines[1:]:
        show(Text(f"  {line}" if line else ""))
