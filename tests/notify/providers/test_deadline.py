import threading

import pytest
from notify.providers.deadline import Deadline


def test_calls_one_after_the_other_share_a_thread():
    deadline = Deadline(30)
    assert len({deadline.keep(threading.get_ident) for _ in range(20)}) == 1


def test_a_late_call_is_left_behind_and_holds_up_no_other(until):
    deadline = Deadline(2)
    goes_on = threading.Event()
    late = []

    def hang():
        late.append(threading.current_thread())
        goes_on.wait()

    with pytest.raises(TimeoutError):
        deadline.keep(hang)
    assert deadline.keep(threading.current_thread) is not late[0]
    goes_on.set()
    until(lambda: not late[0].is_alive())  # nothing is left of it


def test_what_a_call_raises_is_raised_and_its_thread_is_used_again():
    deadline = Deadline(30)
    threads = []

    def fail():
        threads.append(threading.get_ident())
        raise ConnectionResetError

    for _ in range(3):
        with pytest.raises(ConnectionResetError):
            deadline.keep(fail)
    assert len(set(threads)) == 1
