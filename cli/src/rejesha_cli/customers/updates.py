"""Customers who are there already, changed to what the lines of a file say; and what is on record as such a file."""

from collections.abc import Iterator, Sequence

from rejesha.billing.v1.account_service_pb2 import (
    Customer,
    CustomerUpdate,
    ListCustomersRequest,
    UpdateCustomerResult,
    UpdateCustomersRequest,
)
from servicekit.money import in_shillings
from servicekit.phones import is_mobile

from rejesha_cli import changes
from rejesha_cli.channels import Channels
from rejesha_cli.customers.imports import BATCH, STATUSES, create
from rejesha_cli.imports.service import Author, LineResult, Parsed
from rejesha_cli.tables import remark
from servicekit import references

# What a line may change. The status is what the router confirmed last: no file knows better.
_FIELDS = (
    "full_name",
    "username",
    "package_cents",
    "package_name",
    "router_id",
    "isp_id",
    "phone",
    "next_payment_date",
)
COLUMNS = ("id", "account_name", "full_name", "username", "package", "package_name", "router_id", "isp_id",
           "phone", "next_payment_date", "status")  # fmt: skip
_WORDS = {number: word for word, number in STATUSES.items()}


def on_record(channels: Channels) -> Iterator[Customer]:
    """All customers, by id."""
    token = ""
    while True:
        request = ListCustomersRequest(page_size=BATCH, page_token=token)
        page = channels.accounts.ListCustomers(request)
        yield from page.customers
        token = page.next_page_token
        if not token:
            return


def update(
    channels: Channels, author: Author, items: Sequence[Parsed[Customer]], *, dry_run: bool
) -> Iterator[LineResult]:
    """Add who is not there yet, and change who is; batch after batch. Due dates change only with a reason."""
    by_id = {one.customer_id: one for one in on_record(channels)}
    # Of twins the one who is not closed; two who are open are told apart by their ids, or by billing's refusal.
    by_account = {references.normalise(one.account_name): one for one in sorted(by_id.values(), key=_last_if_open)}
    dates = 0
    for start in range(0, len(items), BATCH):
        batch = items[start : start + BATCH]
        there = [by_id.get(item.item.customer_id) or by_account.get(item.key) for item in batch]
        new = [item for item, old in zip(batch, there, strict=True) if old is None]
        created = iter(create(channels, new, dry_run=dry_run)) if new else iter(())
        wanted = [(item, old) for item, old in zip(batch, there, strict=True) if old]
        changed = iter(_changed(channels, author, wanted, dry_run=dry_run)) if wanted else iter(())
        yield from (next(created) if old is None else next(changed) for old in there)
        dates += sum(_says_another_date(item.item, old) for item, old in wanted)
    if dates and not author.reason:
        remark(f"Due dates that differ: {dates}. They are left as they are: --reason says why to change them.")


def _last_if_open(customer: Customer) -> bool:
    return not customer.closed


def _says_another_date(line: Customer, old: Customer) -> bool:
    return bool(line.next_payment_date) and line.next_payment_date != old.next_payment_date


def _changed(
    channels: Channels, author: Author, wanted: Sequence[tuple[Parsed[Customer], Customer]], *, dry_run: bool
) -> Iterator[LineResult]:
    updates = [_update(item, old, with_date=bool(author.reason)) for item, old in wanted]
    request = UpdateCustomersRequest(updates=updates, actor=author.by, reason=author.reason, validate_only=dry_run)
    results = channels.accounts.UpdateCustomers(request).results
    for (item, _), result in zip(wanted, results, strict=True):
        yield _line_result(item, result)


def _update(item: Parsed[Customer], old: Customer, *, with_date: bool) -> CustomerUpdate:
    """What a line leaves empty it does not say."""
    fields = [name for name in _FIELDS if getattr(item.item, name) and (with_date or name != "next_payment_date")]
    if references.normalise(old.account_name) != item.key:
        fields.append("account_name")
    mask = changes.mask(fields or ["full_name"])
    # Without a name the mask stands for no change: the name as it is.
    customer = item.item if fields else old
    by_id = item.item.customer_id or old.customer_id
    return CustomerUpdate(customer_id=by_id, customer=customer, update_mask=mask)


def _line_result(item: Parsed[Customer], result: UpdateCustomerResult) -> LineResult:
    if result.error:
        return LineResult(item.number, item.name, "bad", result.error)
    told = tuple(changes.as_records(result.changes))
    return LineResult(item.number, item.name, "changed" if told else "unchanged", id=result.customer_id, changes=told)


def rows(channels: Channels) -> Iterator[Sequence[str]]:
    """The customers who are not closed as lines of a file; a phone that is none is left out."""
    spoiled = []
    for one in on_record(channels):
        if one.closed:
            continue
        if one.phone and not is_mobile(one.phone):
            spoiled.append(one.account_name)
        yield (
            str(one.customer_id), one.account_name, one.full_name, one.username,
            in_shillings(one.package_cents) if one.package_cents > 0 else "", one.package_name,
            str(one.router_id or ""), str(one.isp_id or ""), one.phone if is_mobile(one.phone) else "",
            one.next_payment_date, _WORDS.get(one.status, ""),
        )  # fmt: skip
    if spoiled:
        remark(f"Phones that are no mobile numbers are left out: {', '.join(spoiled[:10])}, {len(spoiled)} in all.")
