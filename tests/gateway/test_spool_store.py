"""The spool's file on real disks: durable before it says so, bounded, and true after every kind of end."""

import os
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from gateway.spool.callback import Callback
from gateway.spool.database import DiskFailed
from gateway.spool.directory import OldSpool, SpoolInUse
from gateway.spool.store import Store

MIB = 1024 * 1024
DAY = datetime(2026, 1, 31, 9, 15, tzinfo=UTC)


def numbered(first, count, size=100):
    return [
        Callback(b"x" * size, "127.0.0.1", DAY + timedelta(seconds=number), f"PAY{number:06}")
        for number in range(first, first + count)
    ]


def junk(count, size=8):
    return [Callback(b"x" * size, "127.0.0.1", DAY, fault="body: not JSON") for _ in range(count)]


def insert(store, callbacks):
    """Store callbacks that are due at once; how many had room."""
    return sum(store.insert([(callback, 0.0) for callback in callbacks]))


def drain(store, batch=7):
    """Take every payment out; the TransIDs in their order."""
    taken = []
    while entries := store.due_payments(1.0, batch):
        taken += ids(entries)
        store.forget(entries)
    return taken


def ids(entries):
    return [entry.callback.trans_id for entry in entries]


def names(callbacks):
    return [callback.trans_id for callback in callbacks]


def on_disk(directory):
    return sum(path.stat().st_size for path in directory.iterdir())


@pytest.fixture
def open_store(tmp_path):
    opened = []

    def open_store(most_bytes=16 * MIB):
        while opened:
            opened.pop().close()
        opened.append(Store.open(tmp_path / "spool", most_bytes))
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
    assert (store.state.waiting, store.state.oldest, len(store.trans_ids())) == (47, written[3].received, 47)
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
    contradicting = Callback(b"other", "127.0.0.1", DAY, first.trans_id)
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
    store = open_store(most_bytes=2 * MIB)
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
    store = open_store(most_bytes=4 * MIB)
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


def _overwrite(file, start, data):
    with file.open("r+b") as opened:
        opened.seek(start)
        opened.write(data)


def _cut(file):
    os.truncate(file, file.stat().st_size * 2 // 3)


DAMAGES = {
    "the first page": lambda file: _overwrite(file, 0, bytes(4096)),
    "the magic words": lambda file: _overwrite(file, 0, b"no database"),
    "a page in the middle": lambda file: _overwrite(file, file.stat().st_size // 8192 * 4096, os.urandom(4096)),
    "the tail": _cut,
    "the second half": lambda file: _overwrite(file, file.stat().st_size // 2, bytes(file.stat().st_size // 2)),
    "pages here and there": lambda file: [_overwrite(file, page * 4096, os.urandom(4096)) for page in (9, 20, 31)],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_of_a_damaged_file_all_that_can_be_read_is_handed_over_and_the_file_is_kept(tmp_path, damage):
    written = numbered(0, 500, size=900)
    with closing(Store.open(tmp_path / "spool", 16 * MIB)) as store:
        insert(store, written)
    file = tmp_path / "spool" / "callbacks.db"
    DAMAGES[damage](file)
    damaged = file.read_bytes()
    store = Store.open(tmp_path / "spool", 16 * MIB)
    with closing(store):
        (kept,) = (tmp_path / "spool").glob("*.damaged-*")
        assert kept.read_bytes() == damaged
        assert (store.state.rejected, store.state.size) == (1, on_disk(tmp_path / "spool"))
        sound = [entry.callback for entry in store.due_payments(1.0, 500) if entry.intact]
        whole = [one for one in written if damaged.count(one.trans_id.encode() + one.body)]
        assert set(names(whole)) <= set(names(sound))
        assert len(sound) > 200
        assert all(one in written for one in sound)
        assert insert(store, numbered(900, 3)) == 3
    assert sorted(path.name for path in (tmp_path / "spool").iterdir()) == [
        "callbacks.db",
        "callbacks.db-journal",
        kept.name,
        "lock",
    ]


def test_a_body_that_the_disk_changed_is_not_taken_for_what_was_stored(tmp_path):
    with closing(Store.open(tmp_path / "spool", MIB)) as store:
        insert(store, [Callback(b'{"TransAmount": "1000.00"}', "127.0.0.1", DAY, "PAY000001"), *numbered(2, 1)])
    file = tmp_path / "spool" / "callbacks.db"
    _overwrite(file, file.read_bytes().index(b"1000.00"), b"9")
    with closing(Store.open(tmp_path / "spool", MIB)) as store:
        assert [entry.intact for entry in store.due_payments(1.0, 9)] == [False, True]


_KILLED = """
import pathlib, sys
from gateway.spool.store import Store
from test_spool_store import insert, numbered
store = Store.open(pathlib.Path(sys.argv[1]), 64_000_000)
number = int(sys.argv[2])
while True:
    insert(store, numbered(number, 20, size=1000))
    print("stored", number, number + 20, flush=True)
    number += 20
    entries = store.due_payments(1.0, 13)
    store.forget(entries)
    print("gone", *[entry.callback.trans_id for entry in entries], flush=True)
"""


def test_killed_at_random_moments_it_keeps_all_that_it_said_it_stored(tmp_path):
    chance, stored, gone, began = random.Random(11), [], set(), 0
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(6):
        command = [sys.executable, "-c", _KILLED, tmp_path / "spool", str(began)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            for _ in range(chance.randrange(3, 40)):
                _note(process.stdout.readline().split(), stored, gone)
            process.kill()
            for line in process.stdout:
                _note(line.split(), stored, gone)
        began += 100_000
    with closing(Store.open(tmp_path / "spool", 64_000_000)) as store:
        assert not list((tmp_path / "spool").glob("*.damaged-*"))
        taken = drain(store, 500)
    assert [one for one in stored if one not in gone and one not in taken] == []
    assert taken == sorted(taken)


def _note(words, stored, gone):
    if words[:1] == ["stored"]:
        stored += names(numbered(int(words[1]), int(words[2]) - int(words[1])))
    elif words:
        gone.update(words[1:])


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False).returncode:
        if os.environ.get("CI") and os.geteuid() == 0:
            pytest.fail("CI must be able to mount a small disk")
        pytest.skip("mounting is not permitted here")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_disk_that_is_really_full_stores_nothing_false_and_recovers(small_disk):
    store, stored = Store.open(small_disk / "spool", 16 * MIB), 0
    while (count := insert(store, numbered(stored, 5, size=20_000))) == 5:
        stored += 5
    stored += count
    assert store.state.full
    assert 10 < stored < 100
    store.close()
    with closing(Store.open(small_disk / "spool", 16 * MIB)) as store:  # a start on a full disk
        assert store.state.waiting == stored
        assert drain(store) == names(numbered(0, stored))
        store.probe()
        assert insert(store, numbered(stored, 5, size=20_000)) == 5
        assert drain(store) == names(numbered(stored, 5))


def test_a_disk_that_others_filled_to_the_last_byte_costs_only_who_was_told_so(small_disk):
    with closing(Store.open(small_disk / "spool", 16 * MIB)) as store:
        assert insert(store, numbered(0, 30, size=1000)) == 30
        fill = subprocess.run(["dd", "if=/dev/zero", f"of={small_disk / 'ballast'}", "bs=4096"], check=False)
        assert fill.returncode
        assert insert(store, numbered(30, 5)) == 0
        assert store.state.full
        assert drain(store) == names(numbered(0, 30))
        assert store.state.waiting == 0
        (small_disk / "ballast").unlink()
        store.probe()
        assert (store.state.full, insert(store, numbered(40, 5))) == (False, 5)
        assert drain(store) == names(numbered(40, 5))


_LIMITED = """
import pathlib, resource, sys
from gateway.spool.database import DiskFailed
from gateway.spool.store import Store
from test_spool_store import drain, insert, names, numbered
store = Store.open(pathlib.Path(sys.argv[1]), 16_000_000)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
stored, failures = [], 0
for number in range(100):
    try:
        insert(store, numbered(number, 1, size=1000))
        stored += numbered(number, 1)
    except DiskFailed:
        failures += 1
assert failures, "the file did not reach the limit"
assert drain(store) == names(stored)
assert insert(store, numbered(200, 1)) == 1
"""


def test_a_file_that_may_grow_no_further_costs_only_who_was_told_so(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", _LIMITED, tmp_path / "spool"], env=environment, check=True)
