"""ISPs who are there already, changed to what the lines of a file say; and what is on record as such a file."""

from collections.abc import Iterator, Sequence

from rejesha.billing.v1.account_service_pb2 import Isp, ListIspsRequest, UpdateIspRequest

from rejesha_cli import changes
from rejesha_cli.channels import Channels
from rejesha_cli.errors import ServiceRefused
from rejesha_cli.imports.service import Author, LineResult, Parsed
from rejesha_cli.isps.imports import create

COLUMNS = ("id", "name", "sms_account", "wa_account", "pay_account_number", "contact_phone")


def update(channels: Channels, author: Author, items: Sequence[Parsed[Isp]], *, dry_run: bool) -> Iterator[LineResult]:
    """Add who is not there yet, and change who is: known by the id that a line has, else by the name."""
    there = channels.accounts.ListIsps(ListIspsRequest()).isps
    by_id = {one.isp_id: one for one in there}
    by_name = {one.name.strip().casefold(): one for one in there}
    for item in items:
        old = by_id.get(item.wanted_id) or by_name.get(item.key)
        if old is None or item.wanted_id not in {0, old.isp_id}:
            yield from create(channels, [item], dry_run=dry_run)
        else:
            yield _changed(channels, author, item, old, dry_run=dry_run)


def _changed(channels: Channels, author: Author, item: Parsed[Isp], old: Isp, *, dry_run: bool) -> LineResult:
    """What a line leaves empty it does not say."""
    fields = [name for name in COLUMNS[1:] if getattr(item.item, name)]
    if item.key == old.name.strip().casefold() and len(fields) > 1:
        fields.remove("name")
    wanted = Isp(isp_id=old.isp_id, **{name: getattr(item.item, name) for name in fields})
    mask = changes.mask(fields)
    request = UpdateIspRequest(
        isp=wanted, update_mask=mask, actor=author.by, reason=author.reason, validate_only=dry_run
    )
    try:
        told = tuple(changes.as_records(channels.accounts.UpdateIsp(request).changes))
    except ServiceRefused as refusal:
        return LineResult(item.number, item.name, "bad", str(refusal))
    return LineResult(item.number, item.name, "changed" if told else "unchanged", id=old.isp_id, changes=told)


def rows(channels: Channels) -> Iterator[Sequence[str]]:
    """The ISPs who are not closed as lines of a file."""
    for one in channels.accounts.ListIsps(ListIspsRequest()).isps:
        if not one.closed:
            yield str(one.isp_id), *(str(getattr(one, name)) for name in COLUMNS[1:])
