"""The spool's file after everything that can befall it: a bad disk, a full one, a kill in the middle."""

import os
import random
import subprocess
import sys
from contextlib import closing

import pytest
from gateway.callbacks.raw import RawCallback
from gateway.spool.store import Store
from spool_files import DAY, MIB, drain, insert, names, numbered, on_disk


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
        insert(store, [RawCallback(b'{"TransAmount": "1000.00"}', "127.0.0.1", DAY, "PAY000001"), *numbered(2, 1)])
    file = tmp_path / "spool" / "callbacks.db"
    _overwrite(file, file.read_bytes().index(b"1000.00"), b"9")
    with closing(Store.open(tmp_path / "spool", MIB)) as store:
        assert [entry.intact for entry in store.due_payments(1.0, 9)] == [False, True]


_KILLED = """
import pathlib, sys
from gateway.spool.store import Store
from spool_files import insert, numbered
store = Store.open(pathlib.Path(sys.argv[1]), 64_000_000)
number = int(sys.argv[2])
while True:
    insert(store, numbered(number, 20, size=1000))
    print("stored", number, number + 20, flush=True)
    number += 20
    entries = store.due_payments(1.0, 13)
    print("leaving", *[entry.callback.trans_id for entry in entries], flush=True)
    store.forget(entries)
"""


def test_killed_at_random_moments_it_keeps_all_that_it_said_it_stored(tmp_path):
    chance, stored, leaving, began = random.Random(11), [], [], 0
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(6):
        command = [sys.executable, "-c", _KILLED, tmp_path / "spool", str(began)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            for _ in range(chance.randrange(3, 40)):
                _note(process.stdout.readline(), stored, leaving)
            process.kill()
            for line in process.stdout:
                _note(line, stored, leaving)
        began += 100_000
    with closing(Store.open(tmp_path / "spool", 64_000_000)) as store:
        assert not list((tmp_path / "spool").glob("*.damaged-*"))
        taken = drain(store, 500)
    assert set(stored) - set().union(*leaving) <= set(taken)
    assert [one for one in leaving if 0 < len(one & set(taken)) < len(one)] == []  # all of a batch or nothing
    assert taken == sorted(taken)


def _note(line, stored, leaving):
    words = line.split() if line.endswith("\n") else []  # of a line that the kill cut nothing was said
    if words[:1] == ["stored"]:
        stored += names(numbered(int(words[1]), int(words[2]) - int(words[1])))
    elif words:  # said before they are forgotten: it may be killed in between
        leaving.append(set(words[1:]))


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
from gateway.spool.errors import DiskFailed
from gateway.spool.store import Store
from spool_files import drain, insert, names, numbered
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
