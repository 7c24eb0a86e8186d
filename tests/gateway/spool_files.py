"""Callbacks for a spool, and short ways to put them in and take them out."""

from datetime import UTC, datetime, timedelta

from gateway.callbacks.raw import RawCallback

MIB = 1024 * 1024
DAY = datetime(2026, 1, 31, 9, 15, tzinfo=UTC)


def numbered(first, count, size=100):
    return [
        RawCallback(b"x" * size, "127.0.0.1", DAY + timedelta(seconds=number), f"PAY{number:06}")
        for number in range(first, first + count)
    ]


def junk(count, size=8):
    return [RawCallback(b"x" * size, "127.0.0.1", DAY, fault="body: not JSON") for _ in range(count)]


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
