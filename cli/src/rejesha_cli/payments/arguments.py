"""What the commands on payments take alike."""

import click

from rejesha_cli.context import ReadAs


def _code(trans_id: str) -> str:
    return "".join(trans_id.split()).upper()


# The M-Pesa code from the customer's SMS.
CODE = ReadAs("TRANSID", _code)
with_code = click.argument("code", metavar="TRANSID", type=CODE)
