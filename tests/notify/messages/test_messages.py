import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from notify.messages import service as messages
from notify.messages.rules import Draft
from notify.schema import messages as table
from notify.sending.rules import State
from servicekit.errors import BatchTooLarge, InvalidPageToken

from tests.notify.rounds import SHELF


def draft(message_id, **changes):
    return Draft(message_id, **({"phone": "0712345678", "text": "hello"} | changes))


def count(engine):
    with engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table))


def test_accepting_a_message_again_changes_nothing_and_says_so(engine):
    (first,) = messages.accept(engine, SHELF, [draft("m1", subject="T1")])
    (again,) = messages.accept(engine, SHELF, [draft("m1", text="something else", phone="bad")])
    assert (first.state, first.repeated, again.state, again.repeated) == (State.QUEUED, False, State.QUEUED, True)
    assert messages.get(engine, "m1").text == "hello"


def test_a_batch_keeps_the_bad_beside_the_good_in_the_order_of_the_request(engine):
    receipts = messages.accept(
        engine,
        SHELF,
        [
            draft("b", phone="0201234567"),
            draft("a"),
            draft("c", text=None, template="customer_expired", facts={}),
            draft("a", text="a second one with the same id"),
            draft("d", text="x" * 5000),
            draft("e", expire_time=datetime(1, 1, 1, tzinfo=UTC)),
            draft("f", expire_time=datetime.max.replace(tzinfo=UTC)),
        ],
    )
    assert [(r.message_id, r.state, r.repeated) for r in receipts] == [
        ("b", State.FAILED, False),
        ("a", State.QUEUED, False),
        ("c", State.FAILED, False),
        ("a", State.QUEUED, True),
        ("d", State.FAILED, False),
        ("e", State.QUEUED, False),
        ("f", State.QUEUED, False),
    ]
    assert "not a mobile number" in receipts[0].detail
    assert "trans_id" in receipts[2].detail
    assert messages.get(engine, "a").text == "hello"
    assert messages.get(engine, "b").phone == "0201234567"
    assert messages.get(engine, "d").detail


def test_ids_that_differ_only_in_case_or_a_trailing_space_are_two_messages(engine):
    receipts = messages.accept(engine, SHELF, [draft("m"), draft("M"), draft("m ")])
    assert [r.repeated for r in receipts] == [False] * 3
    assert count(engine) == 3


@pytest.mark.parametrize("bad", ["", "x" * 101, "new\nline", "é"])
def test_one_bad_id_refuses_the_whole_batch(engine, bad):
    with pytest.raises(messages.InvalidMessageId, match=r"messages\[1\]"):
        messages.accept(engine, SHELF, [draft("good"), draft(bad)])
    assert count(engine) == 0


def test_a_batch_has_1_to_1000_messages(engine):
    for size in (0, 1001):
        with pytest.raises(BatchTooLarge):
            messages.accept(engine, SHELF, [draft(f"m{n}") for n in range(size)])
    assert len(messages.accept(engine, SHELF, [draft(f"m{n}") for n in range(1000)])) == count(engine) == 1000


def test_overlapping_batches_at_once_accept_every_message_exactly_once(engine):
    at_once = threading.Barrier(8)

    def accept(worker):
        at_once.wait()
        ids = [f"m{(worker * 7 + n) % 30}" for n in range(20)]
        return messages.accept(engine, SHELF, [draft(message_id) for message_id in ids])

    with ThreadPoolExecutor(8) as threads:
        receipts = [receipt for batch in threads.map(accept, range(8)) for receipt in batch]
    first_ones = [receipt.message_id for receipt in receipts if not receipt.repeated]
    assert len(receipts) == 160
    assert len(first_ones) == len(set(first_ones)) == count(engine) == len({r.message_id for r in receipts})


def test_an_unset_expire_time_means_a_day_from_now(engine):
    messages.accept(engine, SHELF, [draft("m1")])
    row = messages.get(engine, "m1")
    assert row.expire_time - row.create_time == timedelta(days=1)


def test_listing_pages_newest_first_and_filters(engine):
    messages.accept(engine, SHELF, [draft(f"m{n}", subject="T1" if n % 2 else "T2") for n in range(7)])
    messages.accept(engine, SHELF, [draft("bad", phone="1", subject="T1")])

    def pages(**wanted):
        token, found = "", []
        while True:
            page = messages.list_page(engine, **({"subject": "", "state": "", "size": 2, "token": token} | wanted))
            assert len(page.messages) <= 2
            found += [row.message_id for row in page.messages]
            if not (token := page.next_token):
                return found

    assert pages() == ["bad", *(f"m{n}" for n in reversed(range(7)))]
    assert pages(subject="T1") == ["bad", "m5", "m3", "m1"]
    assert pages(subject="t1") == []
    assert pages(subject="T1", state=State.QUEUED) == ["m5", "m3", "m1"]


@pytest.mark.parametrize("token", ["x", "-1", "9" * 30, "'; DROP TABLE messages"])
def test_a_page_token_of_nobodys_is_refused(engine, token):
    with pytest.raises(InvalidPageToken):
        messages.list_page(engine, subject="", state="", size=0, token=token)


def test_an_unknown_message_is_not_found(engine):
    with pytest.raises(messages.MessageNotFound):
        messages.get(engine, "nobody")
