"""Reads lists that come in pages, as far as the operator wants them."""

from collections.abc import Callable
from typing import Any

from rejesha_cli.records import Record, record

MAX_PAGE_SIZE = 500


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
