"""A C2B confirmation as M-Pesa sends it: what `send-sample` posts. Source of the names: Daraja C2B."""

import json
import secrets
import string
from dataclasses import dataclass
from datetime import datetime

from servicekit.money import in_shillings

from rejesha_cli.records import NAIROBI


@dataclass(frozen=True)
class Confirmation:
    """A callback's code and its bytes."""

    trans_id: str
    body: bytes


def sample(account: str, amount_cents: int, shortcode: str, *, msisdn: str, trans_id: str = "") -> Confirmation:
    """A confirmation of now. `trans_id` is made up when empty."""
    trans_id = trans_id or made_up_code()
    fields = {
        "TransactionType": "Pay Bill",
        "TransID": trans_id,
        "TransTime": datetime.now(NAIROBI).strftime("%Y%m%d%H%M%S"),
        "TransAmount": in_shillings(amount_cents),
        "BusinessShortCode": shortcode,
        "BillRefNumber": account,
        "InvoiceNumber": "",
        "OrgAccountBalance": "",
        "ThirdPartyTransID": "",
        "MSISDN": msisdn,
        "FirstName": "SAMPLE",
    }
    return Confirmation(trans_id, json.dumps(fields).encode())


def made_up_code() -> str:
    """Ten letters and digits like M-Pesa's own; random, so that two operators never send the same payment."""
    return "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(10))
