"""Transactions of one process that want the same row go in the order in which they came; the others pass them by."""

import threading

import pytest
from billing.locking import service
from billing.locking.rules import Row, RowKind, RowsLocked
from billing.locking.service import RowQueue

ONE, TWO = Row(RowKind.WALLET, 1), Row(RowKind.WALLET, 2)


@pytest.fixture
def queue():
    return RowQueue()


def has_turn(queue, *rows):
    """Whether rows can be had without waiting long."""
    try:
        with queue.turn(frozenset(rows)):
            return True
    except RowsLocked:
        return False


def test_only_those_who_want_the_same_row_wait(queue, monkeypatch):
    monkeypatch.setattr(service, "_MAX_QUEUE_WAIT", 0.05)
    with queue.turn(frozenset({ONE})):
        assert not has_turn(queue, ONE)
        assert not has_turn(queue, ONE, TWO)
        assert has_turn(queue, TWO)
    assert has_turn(queue, ONE, TWO)


def test_the_row_is_had_in_the_order_of_coming(queue):
    came, had = [threading.Event() for _ in range(5)], []

    def go(number):
        with queue.turn(frozenset({ONE})):
            had.append(number)

    threads = []
    with queue.turn(frozenset({ONE})):
        for number, event in enumerate(came):
            threads.append(threading.Thread(target=go, args=(number,)))
            threads[-1].start()
            while len(queue._wanted) < number + 2:
                event.wait(0.001)
    for thread in threads:
        thread.join(10)
    assert had == [0, 1, 2, 3, 4]


def test_who_gives_up_leaves_the_queue(queue, monkeypatch):
    monkeypatch.setattr(service, "_MAX_QUEUE_WAIT", 0.05)
    with queue.turn(frozenset({ONE})):
        assert not has_turn(queue, ONE, TWO)
        assert has_turn(queue, TWO)
