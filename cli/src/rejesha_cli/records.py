"""Protobuf messages as plain records, the one shape that `--json` prints and the tables read; and pages of them.

A record has the contract's field names, in its order, with these differences:
`…_cents` becomes `…` in shillings with two decimals as text; a moment is ISO 8601 in East Africa Time;
an enum is its word in lower case; what is unset, unknown or UNSPECIFIED is null. A password never appears.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from servicekit.money import in_shillings

if TYPE_CHECKING:
    from collections.abc import Iterable

Record = dict[str, Any]

MAX_PAGE_SIZE = 500

NAIROBI = ZoneInfo("Africa/Nairobi")
_SECRET_FIELDS = {"password"}


def record(message: Message) -> Record:
    """The record of one message."""
    return {
        _key(field): _value(field, message)
        for field in cast("Iterable[FieldDescriptor]", message.DESCRIPTOR.fields)
        if field.name not in _SECRET_FIELDS and not _absent_choice(field, message)
    }


def _absent_choice(field: FieldDescriptor, message: Message) -> bool:
    real_oneof = field.containing_oneof is not None and len(field.containing_oneof.fields) > 1
    return real_oneof and not message.HasField(field.name)


def _key(field: FieldDescriptor) -> str:
    return field.name.removesuffix("_cents")


def _value(field: FieldDescriptor, message: Message) -> Any:
    if field.has_presence and not message.HasField(field.name):
        return None
    value = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return dict(value)
    if field.is_repeated:
        return [_single(field, one) for one in value]
    return _single(field, value)


def _single(field: FieldDescriptor, value: Any) -> Any:
    if isinstance(value, Timestamp):
        return local_time(value.ToDatetime(tzinfo=UTC))
    if isinstance(value, Message):
        return record(value)
    if field.enum_type is not None:
        return value_name(field.enum_type, value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if field.name.endswith("_cents"):
        return in_shillings(value)
    return value


def local_time(moment: datetime) -> str:
    """ISO 8601 in East Africa Time, to the millisecond."""
    return moment.astimezone(NAIROBI).isoformat(timespec="milliseconds")


def value_name(enum: EnumDescriptor, number: int) -> str | None:
    """An enum's value as a word: PAYMENT_OUTCOME_CUSTOMER_PAID is "customer_paid"; UNSPECIFIED is none."""
    if number == 0:
        return None
    value = enum.values_by_number.get(number)
    return _bare(enum, value.name) if value else f"unknown_{number}"


def value_numbers(enum: EnumDescriptor) -> dict[str, int]:
    """Every word of an enum but UNSPECIFIED, with its number."""
    return {_bare(enum, value.name): value.number for value in enum.values if value.number}


def _bare(enum: EnumDescriptor, name: str) -> str:
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return name.removeprefix(prefix).lower()


def read_pages(fetch: Callable[[int, str], Any], field: str, limit: int) -> tuple[list[Record], bool]:
    """The first `limit` records, 0 for all, and whether there are more.

    `fetch` takes a page size and a page token and answers a List…Response; `field` is its repeated field.
    """
    records: list[Record] = []
    token = ""
    while True:
        wanted = limit - len(records) if limit else MAX_PAGE_SIZE
        page = fetch(min(wanted, MAX_PAGE_SIZE), token)
        records += [record(one) for one in getattr(page, field)]
        token = page.next_page_token
        if not token or (limit and len(records) >= limit):
            return records, bool(token)
