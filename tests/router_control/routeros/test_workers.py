"""When a router's worker ends, and that it outlives whatever goes wrong in it."""

import threading
import time

import pytest
from router_control.routeros.connection import Login, Target
from router_control.routeros.protocol import TimeLimit
from router_control.routeros.workers import Workers
from router_control.routers.reachability import Introduction
from servicekit.rpc.errors import Cancelled

PASSWORD = "mango-tree-7"


def test_a_worker_ends_when_idle_with_its_connection_and_starts_again(router, server, wait_until):
    workers = Workers(idle_seconds=0.1)
    target = Target("127.0.0.1", server.port, tls=False, verify_certificate=False, login=Login("rejesha", PASSWORD))
    for round_ in (1, 2):
        introduction = Introduction()
        workers.perform(1, introduction, target, TimeLimit.after(5))
        assert introduction.identity == "router-1"
        assert router.connections_accepted == round_
        wait_until(lambda: workers.running() == 0 and router.connections_open == 0)
    workers.close()


def test_stopping_ends_every_connection_and_turns_nobody_away_who_is_being_served(router, server, wait_until):
    workers = Workers()
    target = Target("127.0.0.1", server.port, tls=False, verify_certificate=False, login=Login("rejesha", PASSWORD))
    router.faults.set("delay", seconds=0.3, commands=("/system",))
    introduction = Introduction()
    call = threading.Thread(target=workers.perform, args=(1, introduction, target, TimeLimit.after(5)))
    call.start()
    wait_until(lambda: router.count("/system/identity/print"))
    workers.close()
    call.join()
    assert introduction.version
    wait_until(lambda: router.connections_open == 0)


def test_a_fault_of_ours_reaches_whoever_waits_and_the_worker_lives_on(router, server):
    class Broken:
        def carry_out(self, connection, limit):
            raise ZeroDivisionError

    workers = Workers()
    target = Target("127.0.0.1", server.port, tls=False, verify_certificate=False, login=Login("rejesha", PASSWORD))
    with pytest.raises(ZeroDivisionError):
        workers.perform(1, Broken(), target, TimeLimit.after(5))
    workers.perform(1, Introduction(), target, TimeLimit.after(5))
    assert router.connections_accepted == 2
    workers.close()


def test_whoever_waits_for_a_silent_router_goes_at_once_when_the_caller_has_gone(router, server, wait_until):
    router.faults.set("half-open")
    workers, limit, ended = Workers(), TimeLimit.after(60), []
    target = Target("127.0.0.1", server.port, tls=False, verify_certificate=False, login=Login("rejesha", PASSWORD))

    def call():
        with pytest.raises(Cancelled):
            workers.perform(1, Introduction(), target, limit)
        ended.append(time.monotonic())

    waiting = threading.Thread(target=call)
    waiting.start()
    wait_until(lambda: router.connections_accepted == 1)
    cancelled = time.monotonic()
    limit.cancel()
    waiting.join(10)
    assert ended[0] - cancelled < 2  # connecting alone would have taken five seconds
    workers.close(0)
