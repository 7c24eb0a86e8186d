"""`rejesha database grants`: a database user for each service, with the rights that it needs and no others."""

import click

from rejesha_cli.context import Connections, with_connections
from rejesha_cli.installation import programs
from rejesha_cli.installation.migration import chosen
from rejesha_cli.tables import remark, say


@click.group(help="The users of the services' database, and their rights.")
def database() -> None:
    """Only holds its commands."""


@database.command("grants")
@click.argument("service", required=False, type=click.Choice([each.name for each in programs.WITH_DATABASE]))
@click.option("--apply", is_flag=True, help="Run it, as the administrator that REJESHA_DATABASE_ADMIN_URL names.")
@with_connections
def grants(connected: Connections, service: str | None, apply: bool) -> None:
    """Print the SQL that gives each service's user its rights; with --apply run it.

    Of all services installed here, or of SERVICE. The user is whom the service's database URL names, and is made where
    it is missing; REJESHA_DATABASE_MIGRATION_URL names the one that may change tables. Run it after each `rejesha
    migrate`. Printed passwords are left out.
    """
    options = ["--apply"] if apply else []
    here = [each for each in chosen(service) if each.is_installed]
    ended = [programs.run(each, connected.settings.environment, "grants", *options) for each in here]
    for one in ended:
        if one.answer:
            for line in (f"-- {one.program.name}", *one.answer.splitlines()):
                say(line)
        if one.remarks:
            remark(one.remarks)
        if apply and one.is_well:
            say(f"{one.program.name}: granted.")
    if not all(one.is_well for one in ended):
        raise click.exceptions.Exit(1)
