"""How long connections are kept, and that the pool outlives whatever goes wrong on one."""

import threading

import pytest
from router_control.routeros.identity import Login, Target
from router_control.routeros.pool import Pool
from router_control.routeros.protocol import TimeLimit
from router_control.routers.reachability import Introduction

PASSWORD = "mango-tree-7"


@pytest.fixture
def target(server):
    return Target("127.0.0.1", server.port, tls=False, verify_certificate=False, login=Login("rejesha", PASSWORD))


def test_a_connection_that_nobody_uses_is_closed_and_made_again_when_needed(router, target, wait_until):
    pool = Pool(idle_seconds=0)
    for round_ in (1, 2):
        introduction = Introduction()
        pool.perform(1, introduction.carry_out, target, TimeLimit.after(5))
        assert introduction.identity == "router-1"
        assert router.connections_accepted == round_
    pool.perform(2, Introduction().carry_out, target, TimeLimit.after(5))
    wait_until(lambda: router.connections_open == 1)
    pool.close()


def test_stopping_ends_every_connection_and_turns_nobody_away_who_is_being_served(router, target, wait_until):
    pool = Pool()
    router.faults.set("delay", seconds=0.3, commands=("/system",))
    introduction = Introduction()
    call = threading.Thread(target=pool.perform, args=(1, introduction.carry_out, target, TimeLimit.after(5)))
    call.start()
    wait_until(lambda: router.count("/system/identity/print"))
    pool.close()
    call.join()
    assert introduction.version
    wait_until(lambda: router.connections_open == 0)


def test_a_fault_of_ours_reaches_the_caller_and_the_router_is_served_further(router, target):
    def broken(connection, limit):
        raise ZeroDivisionError

    pool = Pool()
    with pytest.raises(ZeroDivisionError):
        pool.perform(1, broken, target, TimeLimit.after(5))
    introduction = Introduction()
    pool.perform(1, introduction.carry_out, target, TimeLimit.after(5))
    assert introduction.identity == "router-1"
    pool.close()
