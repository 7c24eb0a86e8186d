"""The command's wiring: its nouns, its settings, and how it ends.

A noun's modules are imported when one of its commands runs: importing all of them takes longer than most commands.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click

from rejesha_cli.context import Connections
from rejesha_cli.errors import CommandFailed
from rejesha_cli.settings import Settings

# Each first word: where in rejesha_cli its command or group of commands is, and what --help says of it.
COMMANDS = {
    "status": ("status.commands:status", "Show whether every service runs, and what waits."),
    "search": (
        "search.commands:search",
        "Tell what a code, a phone, an account, a username, an address or a name is.",
    ),
    "payment": ("payments.commands:payment", "Payments and what became of them."),
    "customer": ("customers.commands:customer", "Customers of the ISPs."),
    "isp": ("isps.commands:isp", "Internet providers."),
    "line": ("lines.commands:line", "Lines: on or off, until when, and why."),
    "history": ("history.commands:history", "Tell who did what, when and why, over everything."),
    "bulk": ("bulk.commands:bulk", "The same change for many customers: seen first, undone in one go."),
    "package": ("packages.commands:package", "What ISPs sell: price, period, profile."),
    "policy": (
        "policies.commands:policy",
        "What ISPs decided on lines: grace, cuts, part payments, reminders, language.",
    ),
    "ledger": ("ledger.commands:ledger", "Where money is, and how it came there."),
    "router": ("routers.commands:router", "Routers that carry the customers' lines."),
    "access": ("access.commands:access", "Lines on the routers, switched by hand."),
    "message": ("messages.commands:message", "Messages to customers, ISPs and admins."),
    "quarantine": ("quarantine.commands:quarantine", "Callbacks that could not become payments."),
    "spool": ("spool.commands:spool", "Show what waits on the gateway's disk for billing, and why."),
    "purge": (
        "retention.commands:purge",
        "Delete messages, logs, ended tasks and raw callbacks that are old; money never.",
    ),
    "init": ("installation.init:init", "Make what an installation in containers needs of its own."),
    "certificate": (
        "certificates.commands:certificate",
        "Certificates with which services and commands trust each other.",
    ),
    "migrate": (
        "installation.commands:migrate",
        "Bring the tables of the services installed here up to date.",
    ),
    "database": ("database.commands:database", "The users of the services' database, and their rights."),
    "doctor": ("installation.commands:doctor", "Try all that an installation needs, and say what is wrong."),
}


def load(word: str) -> click.Command:
    """The command or group of a first word, imported now."""
    module, _, name = COMMANDS[word][0].partition(":")
    found: click.Command = getattr(import_module(f"rejesha_cli.{module}"), name)
    return found


class LazyGroup(click.Group):
    """Lists what stands in COMMANDS, and imports the one that runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word, command, rest = super().resolve_command(ctx, args)
        return word, load(word) if word and command else None, rest


@click.group(
    "rejesha",
    cls=LazyGroup,
    commands={word: click.Command(word, help=about) for word, (_, about) in COMMANDS.items()},
    help="See and steer a Rejesha installation.",
)
@click.option(
    "--env-file",
    type=click.Path(path_type=Path),
    envvar="REJESHA_ENV_FILE",
    metavar="FILE",
    help="Settings as KEY=VALUE lines; the environment wins over them. Left out: var/run.env of `make run`.",
)
@click.pass_context
def rejesha(ctx: click.Context, env_file: Path | None) -> None:
    """Hand every command its connections."""
    ctx.obj = Connections(Settings.load(env_file))
    ctx.call_on_close(ctx.obj.close)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command: exit code 0, 1 when it could not do what it was asked, 2 when it was asked wrongly."""
    # A terminal that cannot show a customer's name must not end the command.
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.stderr.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    try:
        return rejesha.main(args=arguments, prog_name="rejesha", standalone_mode=False) or 0
    except CommandFailed as error:
        return _complain(str(error), error.exit_code)
    except click.Abort:
        return _complain("stopped, nothing was done.", 1)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return error.exit_code
    except click.ClickException as error:
        return _complain(error.format_message(), error.exit_code)


def _complain(sentence: str, code: int) -> int:
    from servicekit.masking import mask_phones  # noqa: PLC0415 - its patterns take long to compile

    from rejesha_cli.tables import clean  # noqa: PLC0415 - Rich

    sys.stderr.write(f"rejesha: {mask_phones(clean(sentence))}\n")
    return code


if __name__ == "__main__":
    main()
