"""The command's wiring: its nouns, its settings, and how it ends."""

import sys
from collections.abc import Sequence

import typer
from servicekit.masking import mask_phones

from rejesha_cli import access, customers, isps, messages, payments, quarantine, routers
from rejesha_cli.context import Connections
from rejesha_cli.errors import CommandFailed
from rejesha_cli.settings import Settings
from rejesha_cli.spool import spool
from rejesha_cli.status import status
from rejesha_cli.tables import clean

app = typer.Typer(
    name="rejesha",
    help="See and steer a Rejesha installation.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("status")(status)
app.command("spool")(spool)
app.add_typer(payments.app, name="payment")
app.add_typer(customers.app, name="customer")
app.add_typer(isps.app, name="isp")
app.add_typer(routers.app, name="router")
app.add_typer(access.app, name="access")
app.add_typer(messages.app, name="message")
app.add_typer(quarantine.app, name="quarantine")


@app.callback()
def connect(ctx: typer.Context) -> None:
    """Hand every command its connections."""
    ctx.obj = Connections(Settings.load())
    ctx.call_on_close(ctx.obj.close)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command: exit code 0, 1 when it could not do what it was asked, 2 when it was asked wrongly."""
    # A terminal that cannot show a customer's name must not end the command.
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.stderr.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    try:
        return app(args=arguments, prog_name="rejesha", standalone_mode=False) or 0
    except CommandFailed as error:
        return _complain(str(error), 1)
    except typer.Abort:
        return _complain("stopped, nothing was done.", 1)
    except typer.TyperException as error:
        return _complain(error.format_message().replace("Value error, ", ""), error.exit_code)


def _complain(sentence: str, code: int) -> int:
    if sentence:  # empty where the help was shown instead
        sys.stderr.write(f"rejesha: {mask_phones(clean(sentence))}\n")
    return code


if __name__ == "__main__":
    main()
