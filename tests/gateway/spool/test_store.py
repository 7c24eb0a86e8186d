"""The spool's file: in order, durable before it says so, and bounded."""

import sqlite3

import pytest
from gateway.callbacks.raw import RawCallback
from gateway.spool.errors import DiskFailed, OldSpool, SpoolInUse
from gateway.spool.store import Store
from spool_files import DAY, MIB, drain, ids, insert, junk, names, numbered, on_disk


@pytest.fixture
def open_store(tmp_path):
    opened = []

    def open_store(max_bytes=16 * MIB):
        while opened:
            opened.pop().close()
        opened.append(Store.open(tmp_path / "spool", max_bytes))
        return opened[-1]

    yield open_store
    while opened:
        opened.pop().close()


def test_what_was_stored_comes_out_in_its_order_also_after_a_restart(open_store):
    store, written = open_store(), numbered(0, 50)
    for start in range(0, 50, 5):
        assert insert(store, written[start : start + 5]) == 5
    entries = store.due_payments(1.0, 3)
    assert [entry.callback for entry in entries] == written[:3]
    store.forget(entries)
    store = open_store()
    assert (store.state.waiting, store.state.oldest, len(store.trans_ids())) == (47, written[3].receive_time, 47)
    insert(store, numbered(50, 2))
    assert drain(store) == names(written[3:]) + names(numbered(50, 2))
    assert (store.state.waiting, store.state.oldest) == (0, None)
    assert drain(open_store()) == []


def test_every_commit_waits_for_the_disk_and_no_log_grows_beside_the_file(open_store):
    connection = open_store()._connection
    settings = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")]
    assert settings == [2, "truncate"]  # 2: FULL


def test_a_payment_put_off_holds_up_only_what_contradicts_it(open_store):
    store = open_store()
    first, other = numbered(0, 2)
    contradicting = RawCallback(b"other", "127.0.0.1", DAY, first.trans_id)
    insert(store, [first, contradicting, first, other])
    (entry, *rest) = store.due_payments(100.0, 9)
    assert (entry.callback, [one.callback for one in rest]) == (first, [other])
    store.postpone([(entry, 200.0)])
    assert [one.callback for one in store.due_payments(100.0, 9)] == [other]
    assert (store.state.deferred, store.next_due()) == (1, 0.0)
    store.forget(rest)
    assert store.due_payments(199.0, 9) == []
    (again,) = store.due_payments(200.0, 9)
    store.forget([again])
    assert [one.callback for one in store.due_payments(200.0, 9)] == [contradicting]


def test_what_was_put_off_comes_after_what_was_not_and_apart_from_it(open_store):
    store = open_store()
    store.insert([(callback, 50.0) for callback in numbered(0, 3)])
    insert(store, numbered(3, 3))
    fresh = store.due_payments(100.0, 9)
    assert ids(fresh) == names(numbered(3, 3))
    store.forget(fresh)
    assert ids(store.due_payments(100.0, 9)) == names(numbered(0, 3))
    assert ids(open_store().due_payments(1.0, 9)) == names(numbered(0, 3))  # at a start nobody waits


@pytest.mark.parametrize(
    ("code", "full"),
    [(sqlite3.SQLITE_IOERR_FSYNC, False), (sqlite3.SQLITE_FULL, True), (sqlite3.SQLITE_READONLY, False)],
)
def test_what_the_disk_did_not_take_is_not_there(failing_disk, open_store, code, full):
    store = open_store()
    insert(store, numbered(0, 2))
    failing_disk.error = code
    for _ in range(2):
        with pytest.raises(DiskFailed):
            insert(store, numbered(90, 2))
    with pytest.raises(DiskFailed):
        store.probe()
    assert (store.state.full, store.state.waiting) == (full, 2)
    failing_disk.error = 0
    store.probe()
    assert (store.state.failure, store.state.full) == (None, False)
    insert(store, numbered(2, 2))
    assert drain(store) == names(numbered(0, 4))
    assert drain(open_store()) == []


def test_a_disk_that_refuses_even_a_delete_has_nothing_handed_over_twice(failing_disk, open_store):
    store = open_store()
    insert(store, numbered(0, 9))
    failing_disk.error = sqlite3.SQLITE_FULL
    store.forget(store.due_payments(1.0, 4))
    assert store.state.waiting == 5
    assert ids(store.due_payments(1.0, 9)) == names(numbered(4, 5))
    store.forget(store.due_payments(1.0, 9))  # the last: the file itself goes
    failing_disk.error = 0
    assert (store.state.waiting, insert(store, numbered(9, 1))) == (0, 1)
    assert drain(open_store()) == names(numbered(9, 1))


@pytest.mark.parametrize("size", [8, 300, 1500, 2100, 5000, 60_000])
def test_a_full_spool_stores_what_has_room_and_the_disk_holds_no_more_than_the_bound(open_store, tmp_path, size):
    store = open_store(max_bytes=2 * MIB)
    written = numbered(0, 20_000 if size < 1000 else 2000, size)
    stored = 0
    while count := insert(store, written[stored : stored + 100]):
        stored += count
        assert on_disk(tmp_path / "spool") <= 2 * MIB
    assert 0 < stored < len(written)
    assert store.state.full
    assert store.state.size == on_disk(tmp_path / "spool")
    assert drain(store, 200) == names(written[:stored])
    assert not store.state.full
    assert on_disk(tmp_path / "spool") < 100_000  # the disk has its space back


@pytest.mark.parametrize("size", [8, 300, 60_000])
def test_junk_takes_no_more_than_a_quarter_of_the_disk_also_once_it_is_rejected(open_store, tmp_path, size):
    store = open_store(max_bytes=4 * MIB)
    for _ in range(100):
        insert(store, junk(200, size))
        while entries := store.due_malformed(1.0, 50):
            store.reject(entries, "the quarantine is full")
    assert MIB // 2 < on_disk(tmp_path / "spool") <= MIB + 100_000
    assert insert(store, junk(1, size)) == 0
    assert insert(store, numbered(0, 10)) == 10
    assert store.state.rejected > 10
    assert store.due_malformed(1.0, 50) == []
    assert open_store(4 * MIB).due_malformed(1.0, 50)  # a start tries once more


def test_only_its_owner_can_read_what_is_spooled(open_store, tmp_path):
    insert(open_store(), numbered(0, 1))
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "spool", *(tmp_path / "spool").iterdir())} == {0}


def test_only_one_process_may_own_the_directory(open_store, tmp_path):
    open_store()
    with pytest.raises(SpoolInUse, match="another gateway"):
        Store.open(tmp_path / "spool", MIB)


@pytest.mark.parametrize("file", ["0000000001-00112233445566aa.spool", "rejected/0000000001-00112233445566aa.spool"])
def test_a_spool_of_an_earlier_form_is_refused_by_name(tmp_path, file):
    path = tmp_path / "spool" / file
    path.parent.mkdir(parents=True)
    path.touch()
    with pytest.raises(OldSpool, match="00112233445566aa"):
        Store.open(tmp_path / "spool", MIB)
    path.unlink()
    Store.open(tmp_path / "spool", MIB).close()
