"""The spool's directory on real disks: durable before it says so, true after every kind of end."""

import errno
import os
import resource
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gateway.spool.journal import Journal, SpoolInUse
from gateway.spool.records import Callback, encode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MIB = 1024 * 1024
DAY = datetime(2026, 1, 31, 9, 15, tzinfo=UTC)


def numbered(first, count, size=100):
    return [
        Callback(b"x" * size, "127.0.0.1", DAY + timedelta(seconds=number), f"PAY{number:06}")
        for number in range(first, first + count)
    ]


def drain(journal, batch=7):
    """Take everything out; the TransIDs in their order."""
    taken = []
    while entries := journal.peek(batch):
        taken += [entry.callback.trans_id for entry in entries]
        journal.release(entries)
    return taken


def ids(callbacks):
    return [callback.trans_id for callback in callbacks]


@pytest.fixture
def open_journal(tmp_path):
    opened = []

    def open_journal(most_bytes=16 * MIB, **options):
        while opened:
            opened.pop().close()
        opened.append(Journal.open(tmp_path / "spool", most_bytes, **options))
        return opened[-1]

    yield open_journal
    while opened:
        opened.pop().close()


def test_what_was_stored_comes_out_in_its_order_also_after_a_restart_and_across_segments(open_journal):
    journal = open_journal(segment_bytes=1000)
    written = numbered(0, 50)
    for start in range(0, 50, 5):
        assert journal.append(written[start : start + 5]) == 5
    entries = journal.peek(3)
    assert ids(entry.callback for entry in entries) == ids(written[:3])
    journal.release(entries)
    journal = open_journal(segment_bytes=1000)
    assert (journal.waiting, journal.oldest, len(journal.held)) == (47, written[3].received, 47)
    journal.append(numbered(50, 2))
    assert drain(journal) == ids(written[3:]) + ids(numbered(50, 2))
    assert (journal.waiting, journal.oldest, journal.size) == (0, None, 0)
    assert drain(open_journal()) == []


def test_data_and_names_are_synced_before_it_says_that_it_stored(open_journal, monkeypatch):
    steps = []
    for name in ("pwrite", "fdatasync", "fsync"):
        really = getattr(os, name)

        def note(descriptor, *rest, name=name, really=really):
            steps.append((name, Path(f"/proc/self/fd/{descriptor}").readlink().name))
            return really(descriptor, *rest)

        monkeypatch.setattr(os, name, note)
    journal = open_journal()
    steps.clear()
    assert journal.append(numbered(0, 3)) == 3
    (segment,) = {name for _, name in steps if name.endswith(".spool")}
    assert steps == [("fsync", "spool"), ("pwrite", segment), ("fdatasync", segment)]
    steps.clear()
    assert journal.append(numbered(3, 3)) == 3  # three callbacks, one write, one sync
    assert steps == [("pwrite", segment), ("fdatasync", segment)]


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, errno.EROFS])
def test_after_a_failed_sync_the_file_is_never_written_again(open_journal, failing_disk, tmp_path, error):
    journal = open_journal()
    journal.append(numbered(0, 2))
    (before,) = (tmp_path / "spool").glob("*.spool")
    size = before.stat().st_size
    failing_disk.error = error
    for _ in range(2):
        with pytest.raises(OSError, match=os.strerror(error)):
            journal.append(numbered(90, 2))
    assert list((tmp_path / "spool").glob("*.spool")) == [before]
    assert journal.full == (error == errno.ENOSPC)
    failing_disk.error = 0
    assert journal.append(numbered(2, 2)) == 2
    assert before.stat().st_size == size
    assert (journal.failure, journal.full) == (None, False)
    assert drain(journal) == ids(numbered(0, 4))
    assert drain(open_journal()) == []


def test_a_disk_that_works_again_is_noticed_without_a_callback(open_journal, failing_disk):
    journal = open_journal()
    failing_disk.error = errno.EIO
    with pytest.raises(OSError):
        journal.append(numbered(0, 1))
    with pytest.raises(OSError):
        journal.probe()
    assert journal.failure
    failing_disk.error = 0
    journal.probe()
    assert journal.failure is None
    assert (journal.waiting, journal.size) == (0, 0)


def test_a_full_spool_stores_what_has_room_and_says_how_much(open_journal):
    journal = open_journal(most_bytes=MIB)
    written = numbered(0, 200, size=10_000)
    stored = journal.append(written)
    assert 0 < stored < 200
    assert journal.full
    assert journal.size <= MIB
    assert journal.append(written[stored:]) == 0
    assert drain(journal) == ids(written[:stored])
    assert not journal.full


def test_only_one_process_may_own_the_directory(open_journal, tmp_path):
    open_journal()
    with pytest.raises(SpoolInUse, match="another gateway"):
        Journal.open(tmp_path / "spool", MIB)


def test_a_lost_or_torn_cursor_only_repeats(open_journal, tmp_path):
    journal = open_journal()
    journal.append(numbered(0, 9))
    journal.release(journal.peek(4))
    cursor = tmp_path / "spool" / "cursor"
    assert open_journal().waiting == 5
    cursor.write_text(cursor.read_text()[:-1])
    assert open_journal().waiting == 9
    cursor.unlink()
    assert drain(open_journal()) == ids(numbered(0, 9))


def test_rejected_callbacks_are_counted_and_tried_again_once_moved_up(open_journal, tmp_path):
    journal = open_journal()
    journal.append(numbered(0, 3))
    entries = journal.peek(3)
    journal.reject([entries[1].callback])
    journal.release(entries)
    journal = open_journal()
    assert (journal.waiting, journal.aside.count) == (0, 1)
    assert journal.size > 0
    (file,) = (tmp_path / "spool" / "rejected").iterdir()
    file.rename(tmp_path / "spool" / file.name)
    assert drain(open_journal()) == ids(numbered(1, 1))


def test_a_damaged_callback_is_set_aside_and_the_others_are_handed_over(open_journal, tmp_path):
    journal = open_journal()
    journal.append(numbered(0, 3))
    (file,) = (tmp_path / "spool").glob("*.spool")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    for reopened in (journal, open_journal()):
        assert ids(entry.callback for entry in reopened.peek(9)) == ids(numbered(0, 1))
    assert drain(reopened) == ids([*numbered(0, 1), *numbered(2, 1)])
    assert (reopened.waiting, reopened.aside.count) == (0, 1)
    (kept,) = (tmp_path / "spool" / "rejected").iterdir()
    assert kept.read_bytes() == data[len(data) // 3 : 2 * len(data) // 3]
    assert open_journal().aside.count == 1


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_a_crash_in_the_middle_of_a_write_loses_nothing_that_was_stored(tmp_path_factory, data):
    directory = tmp_path_factory.mktemp("crash")
    journal = Journal.open(directory, 16 * MIB, segment_bytes=data.draw(st.sampled_from([300, 16 * MIB])))
    stored, released = [], 0
    for _ in range(data.draw(st.integers(1, 6))):
        more = numbered(len(stored), data.draw(st.integers(1, 4)))
        journal.append(more)
        stored += more
        if data.draw(st.booleans()):
            entries = journal.peek(data.draw(st.integers(1, 5)))
            journal.release(entries)
            released += len(entries)
    journal.append(numbered(900, 3))  # the crash comes in the middle of this one
    newest = max(directory.glob("*.spool"))
    kept = data.draw(st.integers(0, 3 * 160 - 1))
    journal.close()
    acknowledged = newest.stat().st_size - sum(len(encode(one, b"12345678")) for one in numbered(900, 3))
    with newest.open("r+b") as file:
        file.truncate(acknowledged + min(kept, newest.stat().st_size - acknowledged))
        if data.draw(st.booleans()):
            file.seek(0, os.SEEK_END)
            file.write(data.draw(st.binary(max_size=300)) or b"\0" * 50)
    reopened = Journal.open(directory, 16 * MIB)
    taken = drain(reopened)
    assert reopened.aside.count == 0  # a half-written tail is nobody's and no alarm
    reopened.close()
    assert taken[: len(stored) - released] == ids(stored[released:])
    assert set(taken[len(stored) - released :]) <= set(ids(numbered(900, 3)))


def test_a_disk_that_is_really_full_stores_nothing_false_and_recovers(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False).returncode:
        if os.environ.get("CI") and os.geteuid() == 0:
            pytest.fail("CI must be able to mount a small disk")
        pytest.skip("mounting is not permitted here")
    try:
        _fill_and_recover(disk)
    finally:
        subprocess.run(["umount", disk], check=True)


def _fill_and_recover(disk):
    journal = Journal.open(disk / "spool", 16 * MIB)
    stored = 0
    try:
        while stored < 1000:
            stored += journal.append(numbered(stored, 5, size=20_000))
    except OSError as error:
        assert error.errno == errno.ENOSPC  # noqa: PT017
    assert journal.full
    assert stored < 100
    with pytest.raises(OSError):
        journal.probe()
    journal.close()
    journal = Journal.open(disk / "spool", 16 * MIB)  # a start on a full disk
    assert journal.waiting == stored
    assert drain(journal) == ids(numbered(0, stored))
    journal.probe()
    assert journal.append(numbered(stored, 5, size=20_000)) == 5
    assert drain(journal) == ids(numbered(stored, 5))
    journal.close()


_LIMITED = """
import pathlib, resource, sys
from gateway.spool.journal import Journal
from test_spool_journal import drain, ids, numbered
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
journal = Journal.open(pathlib.Path(sys.argv[1]), 16_000_000)
stored, failures = [], 0
for number in range(100):
    try:
        journal.append(numbered(number, 1, size=1000))
        stored += numbered(number, 1)
    except OSError as error:
        assert journal.full, error
        failures += 1
assert failures, "no file reached the limit"
assert drain(journal) == ids(stored)
"""


def test_a_file_that_may_grow_no_further_costs_only_who_was_told_so(tmp_path):
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", _LIMITED, tmp_path / "spool"], env=environment, check=True)
