"""Reads the bytes of a C2B callback into a Payment, or names the fault. Knows neither HTTP nor protobuf.

Tolerant where money is not at stake: a strange name never costs a customer the line. Strict where it is:
TransID, TransAmount, BusinessShortCode and BillRefNumber are never guessed. Only the bytes decide, never a header, so
that the spool and the quarantine read the same later.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from servicekit.money import BadAmount, signed_cents, to_cents

from gateway.callbacks import odd_bodies
from gateway.callbacks.errors import MalformedCallback
from gateway.callbacks.raw import MAX_BODY_BYTES

_TRANS_ID = re.compile(r"[A-Za-z0-9]{1,50}", re.ASCII)
_KEY_NOISE = re.compile(r"[\s_-]")


@dataclass(frozen=True, slots=True)
class Payment:
    """A confirmation, read but not interpreted. Field names and lengths are those of the proto Payment."""

    trans_id: str
    amount_cents: int
    business_short_code: str
    bill_ref_number: str
    transaction_type: str
    trans_time: str
    invoice_number: str
    third_party_trans_id: str
    msisdn: str
    first_name: str
    org_account_balance_cents: int | None
    callback_body: bytes
    source_address: str
    # When the gateway got it; None where nobody looked at the clock.
    receive_time: datetime | None = None


class _Object(dict[str, list[Any]]):
    """A JSON object: folded key -> the values given for it, nulls left out."""


def parse_callback(body: bytes, source_address: str = "", receive_time: datetime | None = None) -> Payment:
    """The payment in a callback's body, at `receive_time`. Raises MalformedCallback and nothing else."""
    members = _members(body)
    return Payment(
        trans_id=_trans_id(members),
        amount_cents=_amount(members),
        business_short_code=_money_text(members, "BusinessShortCode").strip()[:50],
        bill_ref_number=_money_text(members, "BillRefNumber")[:100],
        transaction_type=_free_text(members, "TransactionType")[:50],
        trans_time=_free_text(members, "TransTime")[:50],
        invoice_number=_free_text(members, "InvoiceNumber")[:100],
        third_party_trans_id=_free_text(members, "ThirdPartyTransID")[:100],
        msisdn=_free_text(members, "MSISDN")[:100],
        first_name=_free_text(members, "FirstName")[:100],
        org_account_balance_cents=_balance(members),
        callback_body=body,
        source_address=source_address,
        receive_time=receive_time,
    )


def _members(body: bytes) -> _Object:
    if len(body) > MAX_BODY_BYTES:
        raise MalformedCallback("body", f"body: longer than {MAX_BODY_BYTES} bytes")
    try:
        value = _DECODER.decode(body.decode())
    except (ValueError, RecursionError):
        value = odd_bodies.read(body, _DECODER.decode)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, _Object):
        raise MalformedCallback("body", "body: not a JSON object", worth_keeping=bool(value))
    if not value:
        raise MalformedCallback("TransID", "Missing TransID", worth_keeping=False)
    return value


def _fold(pairs: list[tuple[str, Any]]) -> _Object:
    members = _Object()
    for key, value in pairs:
        given = members.setdefault(_folded(key), [])
        if value is not None:
            given.append(value)
    return members


@lru_cache(maxsize=64)  # the same keys come again and again
def _folded(key: str) -> str:
    return _KEY_NOISE.sub("", key).lower()


# Numbers stay the text they were written as: a float would lose cents, and an amount may be text anyway.
# strict=False lets a raw tab or line break stand in a name. Made once, because json.loads makes one a call.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=_fold, strict=False)


def _trans_id(members: _Object) -> str:
    text = _money_text(members, "TransID").strip()
    if not text:
        raise MalformedCallback("TransID", "Missing TransID")
    if not _TRANS_ID.fullmatch(text):
        raise MalformedCallback("TransID", "TransID: not 1 to 50 letters and digits")
    return text.upper()


def _amount(members: _Object) -> int:
    text = _money_text(members, "TransAmount")
    if not text.strip():
        raise MalformedCallback("TransAmount", "Missing TransAmount")
    try:
        return to_cents(text)
    except BadAmount as error:
        raise MalformedCallback("TransAmount", f"TransAmount: {error}") from None


def _money_text(members: _Object, name: str) -> str:
    """A field that decides about money: absent is empty, anything doubtful is a fault."""
    given = members.get(_folded(name), [])
    for value in given:
        if not isinstance(value, str):
            raise MalformedCallback(name, f"{name}: neither text nor a number")
    if len(given) > 1 and len(set(given)) > 1:
        raise MalformedCallback(name, f"{name}: given twice with different values")
    text = given[0] if given else ""
    if not text.isascii() and not odd_bodies.is_utf_8(text):
        raise MalformedCallback(name, "body: not UTF-8")
    return _encodable(text)


def _free_text(members: _Object, name: str) -> str:
    """A field that only informs: anything doubtful is left out; the raw body still has it."""
    given = members.get(_folded(name), [])
    return _encodable(given[0]) if given and isinstance(given[0], str) else ""


def _encodable(text: str) -> str:
    return text if text.isascii() else odd_bodies.encodable(text)


def _balance(members: _Object) -> int | None:
    try:
        return signed_cents(_free_text(members, "OrgAccountBalance"))
    except BadAmount:
        return None
