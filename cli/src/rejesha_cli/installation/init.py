"""`rejesha init`: what an installation in containers needs before its first start; `make up` runs it each time."""

from collections.abc import Iterable
from pathlib import Path

import click
from servicekit.environment import setting

from rejesha_cli.context import Connections, with_connections, with_yes
from rejesha_cli.errors import SettingMissing
from rejesha_cli.installation.creation import TRYING, ForReal, Installation, Question
from rejesha_cli.tables import clean, remark


@click.command
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False, exists=True), default=".")
@click.option("--try", "trying", is_flag=True, help="With simulators and made-up customers; asks nothing.")
@click.option("--renew", is_flag=True, help="Issue new certificates to all processes, however long theirs hold.")
@with_yes
@with_connections
def init(connected: Connections, *, directory: Path, trying: bool, renew: bool, yes: bool) -> None:
    """Make what an installation in containers needs of its own.

    In DIRECTORY: settings in .env, secrets/ with a file each, and a certificate for the proxy. Asks what neither .env
    nor the environment says; with --yes that is an error. What is there already stays.
    """
    installation = Installation(directory)
    if trying and not installation.is_for_trying():
        raise ForReal(f"{directory} has settings of its own: simulators would take the place of the provider.")
    wanted = installation.open_questions()
    answers = TRYING if trying else _answers(wanted, connected, ask=not yes)
    for path in installation.complete(answers, renew=renew):
        remark(f"made {clean(path.relative_to(directory))}")


def _answers(questions: Iterable[Question], connected: Connections, *, ask: bool) -> dict[str, str]:
    given = {each: setting(each.variable, connected.settings.environment) for each in questions}
    missing = [each.variable for each, value in given.items() if not value]
    if missing and not ask:
        raise SettingMissing(f"{', '.join(missing)} must be set, as nobody is asked.")
    return {each.variable: value or _ask(each) for each, value in given.items()}


def _ask(question: Question) -> str:
    return str(click.prompt(question.text, type=str, hide_input=bool(question.secret), err=True)).strip()
