"""ISPs from a CSV file: what its columns mean, and what becomes of each line."""

from collections.abc import Iterator, Sequence

from rejesha.billing.v1.account_service_pb2 import CreateIspRequest, Isp, ListIspsRequest

from rejesha_cli.channels import Channels
from rejesha_cli.errors import ServiceRefused
from rejesha_cli.imports.rules import BadValue, Field, Line, bounded, phone, wanted_id
from rejesha_cli.imports.service import LineResult, Parsed
from servicekit import references

FIELDS = (
    Field("id", also=("isp_id", "isp_no", "no", "#")),
    Field("name", also=("isp", "isp_name"), required=True),
    Field("sms_account", also=("smsaccount",)),
    Field("wa_account", also=("waaccount", "whatsapp_account")),
    Field("pay_account_number", also=("pay_account", "acc_account", "wallet_account")),
    Field("contact_phone", also=("phone", "contact")),
)
_PREFIXES = {"sms_account": "SMS", "wa_account": "WA", "pay_account_number": "ACC"}


def read(line: Line) -> Parsed[Isp]:
    """A line as an ISP. Raises BadValue."""
    isp = Isp(
        isp_id=wanted_id(line.get("id")),
        name=bounded(line.get("name"), "name", 255),
        sms_account=_account(line, "sms_account"),
        wa_account=_account(line, "wa_account"),
        pay_account_number=_account(line, "pay_account_number"),
        contact_phone=phone(line.get("contact_phone")),
    )
    return Parsed(line.number, isp.name, isp.name.casefold(), isp, isp.isp_id)


def _account(line: Line, name: str) -> str:
    account, prefix = line.get(name), _PREFIXES[name]
    if account and not references.normalise(account).startswith(prefix):
        raise BadValue(f"the {name} {account!r} does not start with {prefix}")
    return account


def create(channels: Channels, isps: Sequence[Parsed[Isp]], *, dry_run: bool) -> Iterator[LineResult]:
    """Add what is not there yet, or say what adding it would come to."""
    known = list(channels.accounts.ListIsps(ListIspsRequest()).isps)
    for row in isps:
        there = next((isp for isp in known if _same_name(isp, row.item)), None)
        error = _objection(row.item, known)
        if error or there:
            yield LineResult(row.number, row.name, "bad" if error else "unchanged", error, there.isp_id if there else 0)
            continue
        request = CreateIspRequest(isp=row.item, validate_only=dry_run)
        try:
            known.append(channels.accounts.CreateIsp(request).isp)
        except ServiceRefused as refusal:
            yield LineResult(row.number, row.name, "bad", str(refusal))
        else:
            yield LineResult(row.number, row.name, "created", id=known[-1].isp_id)


def _objection(isp: Isp, known: Sequence[Isp]) -> str:
    """Why `isp` cannot stand beside those that there are; empty when it can, or is one of them, unchanged."""
    for other in known:
        if _same_name(isp, other):
            if isp.isp_id not in {0, other.isp_id}:
                return f"there is an ISP of this name already, with the id {other.isp_id}"
            if not _unchanged(isp, other):
                return "there is an ISP of this name already, with other accounts or another contact"
            continue
        if isp.isp_id and isp.isp_id == other.isp_id:
            return f"id {isp.isp_id} belongs to {other.name!r} already"
        if shared := [name for name in _PREFIXES if getattr(isp, name) and _same(isp, other, name)]:
            return f"{shared[0]} {getattr(isp, shared[0])!r} is the account of {other.name!r}"
    return ""


def _same_name(isp: Isp, other: Isp) -> bool:
    return isp.name.strip().casefold() == other.name.strip().casefold()


def _unchanged(isp: Isp, other: Isp) -> bool:
    """Whether all that the line says is on record; what it leaves empty it does not say."""
    same_phone = not isp.contact_phone or isp.contact_phone[-9:] == other.contact_phone[-9:]
    return same_phone and all(_same(isp, other, name) for name in _PREFIXES if getattr(isp, name))


def _same(isp: Isp, other: Isp, name: str) -> bool:
    ours, theirs = getattr(isp, name), getattr(other, name)
    return references.normalise(ours) == references.normalise(theirs)
