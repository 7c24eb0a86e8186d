import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from notify.lookup import service as lookup
from notify.messages import service
from notify.messages.errors import InvalidMessage, InvalidMessageId, MessageNotFound
from notify.messages.rules import Draft, MessageState
from notify.schema import messages as table
from servicekit.database import transact
from servicekit.retention import InvalidRetention
from servicekit.rpc.errors import BatchTooLarge, DatabaseUnavailable, InvalidPageToken

from tests.notify.rounds import no_wake


def draft(message_id, **changes):
    return Draft(message_id, **({"phone": "0712345678", "text": "hello"} | changes))


def count(engine):
    with engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table))


def test_accepting_a_message_again_changes_nothing_and_says_so(engine):
    (first,) = service.accept(engine, no_wake, [draft("m1", subject="T1")])
    (again,) = service.accept(engine, no_wake, [draft("m1", text="something else")])
    assert (first.state, first.repeated, again.state, again.repeated) == (
        MessageState.QUEUED,
        False,
        MessageState.QUEUED,
        True,
    )
    assert service.get(engine, "m1").text == "hello"


def test_a_batch_that_says_so_keeps_the_bad_beside_the_good_in_the_order_of_the_request(engine):
    receipts = service.accept(
        engine,
        no_wake,
        [
            draft("b", phone="0201234567"),
            draft("a"),
            draft("c", text=None, template="customer_expired", facts={}),
            draft("a", text="a second one with the same id"),
            draft("d", text="x" * 5000),
            draft("e", expire_time=datetime(1, 1, 1, tzinfo=UTC)),
            draft("f", expire_time=datetime.max.replace(tzinfo=UTC)),
        ],
        keep_invalid=True,
    )
    assert [(r.message_id, r.state, r.repeated) for r in receipts] == [
        ("b", MessageState.FAILED, False),
        ("a", MessageState.QUEUED, False),
        ("c", MessageState.FAILED, False),
        ("a", MessageState.QUEUED, True),
        ("d", MessageState.FAILED, False),
        ("e", MessageState.QUEUED, False),
        ("f", MessageState.QUEUED, False),
    ]
    assert "not a mobile number of Kenya" in receipts[0].detail
    assert "trans_id" in receipts[2].detail
    assert service.get(engine, "a").text == "hello"
    assert service.get(engine, "b").phone == "0201234567"
    assert service.get(engine, "d").detail


@pytest.mark.parametrize(
    ("wrong", "reason", "text"),
    [
        ({"phone": "0201234567"}, "INVALID_PHONE", "not a mobile number of Kenya"),
        ({"text": " "}, "INVALID_TEXT", "neither a text nor a template"),
        ({"text": None, "template": "customer_gone"}, "UNKNOWN_TEMPLATE", "no such template"),
        ({"text": None, "template": "customer_expired"}, "MISSING_FACTS", "trans_id"),
        ({"subject": "s" * 101}, "INVALID_SUBJECT", "longer than 100"),
        ({"expire_time_fault": "not a moment"}, "INVALID_EXPIRE_TIME", "not a moment"),
    ],
)
def test_a_wrong_guess_is_refused_with_its_reason_and_uses_no_id_up(sqlite_engine, wrong, reason, text):
    with pytest.raises(InvalidMessage, match=rf"messages\[1\].*{text}") as refused:
        service.accept(sqlite_engine, no_wake, [draft("m1"), draft("m2", **wrong)])
    assert (refused.value.reason, count(sqlite_engine)) == (reason, 0)
    receipts = service.accept(sqlite_engine, no_wake, [draft("m1"), draft("m2")])
    assert [(receipt.state, receipt.repeated) for receipt in receipts] == [(MessageState.QUEUED, False)] * 2


def test_a_commit_that_counted_without_an_answer_is_found_when_the_message_comes_again(engine, monkeypatch):
    def commit_and_hear_nothing(engine, work):
        transact(engine, work)
        raise DatabaseUnavailable("the answer was lost")

    monkeypatch.setattr(service, "transact", commit_and_hear_nothing)
    with pytest.raises(DatabaseUnavailable):
        service.accept(engine, no_wake, [draft("m1")])
    monkeypatch.undo()
    (again,) = service.accept(engine, no_wake, [draft("m1")])
    assert (again.state, again.repeated, count(engine)) == (MessageState.QUEUED, True, 1)


def test_who_sends_is_woken_once_the_messages_are_durable(engine):
    seen = []
    service.accept(engine, lambda: seen.append(count(engine)), [draft("m1"), draft("m2")])
    assert seen == [2]


def test_ids_that_differ_only_in_case_or_a_trailing_space_are_two_messages(engine):
    receipts = service.accept(engine, no_wake, [draft("m"), draft("M"), draft("m ")])
    assert [r.repeated for r in receipts] == [False] * 3
    assert count(engine) == 3


@pytest.mark.parametrize("bad", ["", "x" * 101, "new\nline", "é"])
def test_one_bad_id_refuses_the_whole_batch(engine, bad):
    with pytest.raises(InvalidMessageId, match=r"messages\[1\]"):
        service.accept(engine, no_wake, [draft("good"), draft(bad)])
    assert count(engine) == 0


def test_a_batch_has_1_to_1000_messages(engine):
    for size in (0, 1001):
        with pytest.raises(BatchTooLarge):
            service.accept(engine, no_wake, [draft(f"m{n}") for n in range(size)])
    assert len(service.accept(engine, no_wake, [draft(f"m{n}") for n in range(1000)])) == count(engine) == 1000


def test_overlapping_batches_at_once_accept_every_message_exactly_once(engine):
    at_once = threading.Barrier(8)

    def accept(worker):
        at_once.wait()
        ids = [f"m{(worker * 7 + n) % 30}" for n in range(20)]
        return service.accept(engine, no_wake, [draft(message_id) for message_id in ids])

    with ThreadPoolExecutor(8) as threads:
        receipts = [receipt for batch in threads.map(accept, range(8)) for receipt in batch]
    first_ones = [receipt.message_id for receipt in receipts if not receipt.repeated]
    assert len(receipts) == 160
    assert len(first_ones) == len(set(first_ones)) == count(engine) == len({r.message_id for r in receipts})


def test_an_unset_expire_time_means_a_day_from_now(engine):
    service.accept(engine, no_wake, [draft("m1")])
    row = service.get(engine, "m1")
    assert row.expire_time - row.create_time == timedelta(days=1)


def test_listing_pages_newest_first_and_filters(engine):
    service.accept(engine, no_wake, [draft(f"m{n}", subject="T1" if n % 2 else "T2") for n in range(7)])
    service.accept(engine, no_wake, [draft("bad", phone="1", subject="T1")], keep_invalid=True)

    def pages(**wanted):
        token, found = "", []
        while True:
            page = lookup.list_page(engine, **({"subject": "", "state": "", "size": 2, "token": token} | wanted))
            assert len(page.messages) <= 2
            found += [row.message_id for row in page.messages]
            if not (token := page.next_token):
                return found

    assert pages() == ["bad", *(f"m{n}" for n in reversed(range(7)))]
    assert pages(subject="T1") == ["bad", "m5", "m3", "m1"]
    assert pages(subject="t1") == []
    assert pages(subject="T1", state=MessageState.QUEUED) == ["m5", "m3", "m1"]


@pytest.mark.parametrize("token", ["x", "-1", "9" * 30, "'; DROP TABLE messages"])
def test_a_page_token_of_nobodys_is_refused(engine, token):
    with pytest.raises(InvalidPageToken):
        lookup.list_page(engine, subject="", state="", size=0, token=token)


def test_an_unknown_message_is_not_found(engine):
    with pytest.raises(MessageNotFound):
        service.get(engine, "nobody")


def test_what_is_due_and_what_was_not_sent_is_counted_by_state_since_its_first(engine):
    service.accept(engine, no_wake, [draft(f"m{number}") for number in range(5)])
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
    with engine.begin() as connection:
        for message_id, state, hours in (
            ("m0", "FAILED", 2),
            ("m1", "FAILED", 1),
            ("m2", "SENT", 0),
            ("m3", "UNKNOWN", 9),
        ):
            change = sa.update(table).where(table.c.message_id == message_id)
            connection.execute(change.values(state=state, due_time=moment + timedelta(hours=hours)))
    counts = {one.state: (one.count, one.since) for one in lookup.count(engine, None)}
    assert counts.pop(MessageState.QUEUED)[0] == 1
    assert counts == {
        MessageState.FAILED: (2, moment + timedelta(hours=1)),
        MessageState.UNKNOWN: (1, moment + timedelta(hours=9)),
    }
    later = {one.state: one.count for one in lookup.count(engine, moment + timedelta(hours=2))}
    assert later == {MessageState.QUEUED: 1, MessageState.FAILED: 1, MessageState.UNKNOWN: 1}


def test_messages_to_a_number_are_listed_however_it_is_spelled(engine):
    service.accept(engine, no_wake, [draft("m1"), draft("m2", phone="0722000000"), draft("m3")])
    for written in ("+254 712 345 678", "0712345678"):
        page = lookup.list_page(engine, subject="", phone=written, state="", size=10, token="")
        assert [one.message_id for one in page.messages] == ["m3", "m1"]


def test_old_messages_that_ended_are_deleted_in_bites(engine):
    service.accept(engine, no_wake, [draft(f"m{number}") for number in range(5)])
    (now,) = {one.create_time for one in lookup.list_page(engine, subject="", state="", size=9, token="").messages}
    with engine.begin() as connection:
        old = {"create_time": now - timedelta(days=90), "state": MessageState.SENT}
        connection.execute(sa.update(table).where(table.c.message_id != "m4").values(old))
        connection.execute(sa.update(table).where(table.c.message_id == "m1").values(state=MessageState.QUEUED))
    first = lookup.purge(engine, now - timedelta(days=30), "", 2)
    assert (first.deleted, first.last_id > 0) == (1, True)
    assert lookup.purge(engine, now - timedelta(days=30), str(first.last_id), 2).deleted == 2
    left = lookup.list_page(engine, subject="", state="", size=9, token="").messages
    assert [one.message_id for one in left] == ["m4", "m1"]
    with pytest.raises(InvalidRetention):
        lookup.purge(engine, now, "", 0)


def test_a_person_s_messages_that_ended_are_deleted_and_no_others(engine):
    drafts = [draft("about", subject="T1", phone="0722000000"), draft("to"), draft("other", phone="0733000000")]
    service.accept(engine, no_wake, [*drafts, draft("queued", subject="T1")])
    with engine.begin() as connection:
        connection.execute(sa.update(table).where(table.c.message_id != "queued").values(state=MessageState.SENT))
    assert lookup.erase(engine, ["T1"], "+254 712 345 678") == 2
    left = lookup.list_page(engine, subject="", state="", size=9, token="").messages
    assert [one.message_id for one in left] == ["queued", "other"]
    assert lookup.erase(engine, [], "") == 0
