"""Every fault does to a client what its name says, and stops when it is cleared."""

import socket
import threading
import time

import librouteros
import pytest
from librouteros.exceptions import FatalError

from simulators.routeros import BadFault, Mode, RouterServer


@pytest.fixture
def api(server):
    connection = dial_api(server)
    yield connection
    connection.close()


def dial_api(server, *, patience=5.0):
    """`patience`: for all that is asked once it has logged in, in seconds."""
    api = librouteros.connect("127.0.0.1", "rejesha", "router-pass", port=server.port, timeout=5.0)
    api.protocol.transport.sock.settimeout(patience)
    return api


def wait_until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass within ten seconds"
        time.sleep(0.01)


def disable(api, reference):
    return tuple(api("/ppp/secret/disable", **{".id": reference}))


def test_a_delayed_command_runs_even_if_its_client_has_left(server, router):
    router.add_secret("u1")
    api = dial_api(server, patience=0.2)
    router.faults.set("delay", seconds=0.6, commands=("/ppp/secret/disable",))
    with pytest.raises(TimeoutError):
        disable(api, "u1")
    assert not router.is_disabled("u1")
    api.close()
    wait_until(lambda: router.is_disabled("u1"))


def test_a_late_reply_comes_after_the_change_and_answers_the_next_question(server, router):
    for name in ("u1", "u2"):
        router.add_secret(name)
    api = dial_api(server, patience=0.3)
    router.faults.set("late-reply", seconds=0.5, times=1)
    with pytest.raises(TimeoutError):
        disable(api, "u1")
    assert router.is_disabled("u1")
    api.protocol.transport.sock.settimeout(5)
    assert list(api.rawCmd("/ppp/secret/print", "?name=u2")) == [], "the reply to disable, taken for that to print"
    api.close()


def test_a_dripping_router_takes_longer_than_the_clients_time_out(server, router):
    api = dial_api(server, patience=0.5)
    router.faults.set("drip", seconds=0.02)
    started = time.monotonic()
    assert list(api("/system/identity/print")) == [{"name": "router-1"}]
    assert time.monotonic() - started > 0.5
    api.close()


def test_a_half_open_connection_is_deaf_for_ever_and_runs_nothing(server, router):
    router.add_secret("u1")
    api = dial_api(server, patience=0.2)
    router.faults.set("half-open")
    for _ in range(2):
        with pytest.raises(TimeoutError):
            disable(api, "u1")
        router.faults.clear()
    assert not router.is_disabled("u1")
    router.faults.set("half-open")
    with pytest.raises(TimeoutError):  # it accepts, and does not answer the login
        librouteros.connect("127.0.0.1", "rejesha", "router-pass", port=server.port, timeout=0.2)
    api.close()


def test_a_refusing_router_cuts_connections_and_comes_back_on_the_same_port(server, router, api):
    router.faults.set("refuse")
    with pytest.raises(OSError):
        list(api("/ppp/secret/print"))
    with pytest.raises(ConnectionRefusedError):
        dial_api(server)
    router.faults.clear()
    dial_api(server).close()


def test_a_reset_arrives_within_a_sentence(client, router):
    router.add_secret("u1", comment="x" * 100)
    router.faults.set("reset", commands=("/ppp",))
    client.send("/ppp/secret/print", "=.proplist=name,comment")
    with pytest.raises(ConnectionResetError), client.socket.makefile("rb", buffering=0) as stream:
        assert b"\x00" not in b"".join(iter(lambda: stream.read(1), b"")), "it ended without a reset"


def test_the_connection_closes_after_a_change_and_only_then(server, router, api):
    router.add_secret("u1")
    router.faults.set("close-after-write", times=1)
    assert len(list(api("/ppp/secret/print"))) == 1
    with pytest.raises(librouteros.exceptions.ConnectionClosed):
        disable(api, "u1")
    assert router.is_disabled("u1")
    again = dial_api(server)
    disable(again, "u1")
    again.close()


def test_a_fatal_ends_a_print_half_way(client, router):
    for name in ("u1", "u2", "u3"):
        router.add_secret(name)
    router.faults.set("fatal")
    answer = client.ask("/ppp/secret/print", "=.proplist=name")
    assert answer == [["!re", "=name=u1"], ["!re", "=name=u2"], ["!fatal", "session terminated by the router"]]
    assert client.sentence() == []


def test_a_fatal_reaches_librouteros_as_one(router, api):
    router.faults.set("fatal")
    with pytest.raises(FatalError):
        list(api("/ppp/secret/print"))


def test_a_session_can_vanish_before_its_removal(client, router):
    router.add_secret("u1")
    router.dial("u1")
    router.faults.set("vanish", commands=("/ppp/active",))
    assert client.ask("/ppp/active/remove", "=.id=*1") == [["!trap", "=message=no such item (4)"], ["!done"]]
    assert router.active() == []


def test_a_restart_between_two_commands_makes_ids_stale(server, router, api):
    router.add_secret("u1")
    router.dial("u1")
    [row] = api("/ppp/secret/print")
    router.faults.set("restart", commands=("/ppp/secret/disable",), times=1)
    with pytest.raises((OSError, librouteros.exceptions.ConnectionClosed)):
        disable(api, row[".id"])
    assert router.active() == []
    assert not router.is_disabled("u1")
    again = dial_api(server)
    with pytest.raises(librouteros.exceptions.TrapError, match="no such item"):
        disable(again, row[".id"])
    [row] = again("/ppp/secret/print")
    disable(again, row[".id"])
    assert router.is_disabled("u1")
    again.close()


def test_a_stopped_server_refuses_and_comes_back_with_everything(server, router, api):
    router.add_secret("u1")
    port = server.port
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        dial_api(server)
    with pytest.raises(OSError, match="in use"), socket.socket() as other:
        other.bind(("127.0.0.1", port))
    assert router.connections_open == 0
    server.start()
    assert server.port == port
    again = dial_api(server)
    assert [row["name"] for row in again("/ppp/secret/print")] == ["u1"]
    again.close()


def test_a_port_that_is_taken_is_an_error(router, server):
    with pytest.raises(OSError), RouterServer(router, port=server.port):
        pass


def test_a_fault_meets_its_commands_as_often_as_it_was_told(router):
    router.faults.set("delay", seconds=1, commands=("/ppp/secret",), times=2)
    router.faults.set("drip", commands=("/ppp/secret/print",))
    met = [router.faults.take(path) for path in ["/ppp/secrets/print", *["/ppp/secret/print"] * 3]]
    assert [fault and fault.mode for fault in met] == [None, "delay", "delay", "drip"]


@pytest.mark.parametrize("wrong", [{"mode": "sulk"}, {"mode": "delay", "seconds": -1}, {"mode": "delay", "times": 0}])
def test_a_fault_that_cannot_be_is_refused(router, wrong):
    with pytest.raises(BadFault):
        router.faults.set(**wrong)
    assert router.faults.active == []


def test_state_stays_whole_under_many_clients_and_threads(server, router):
    names = [f"u{number}" for number in range(40)]
    for name in names:
        router.add_secret(name)

    def work(mine):
        api = dial_api(server)
        for name in mine:
            disable(api, name)
            router.change_secret(name, comment="seen")
            router.dial("extra")
        api.close()

    router.add_secret("extra")
    threads = [threading.Thread(target=work, args=(names[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(router.is_disabled(name) and router.secret(name)["comment"] == "seen" for name in names)
    assert len({session[".id"] for session in router.active("extra")}) == len(names)
    assert router.count("/ppp/secret/disable") == len(names)


@pytest.mark.parametrize("mode", list(Mode))
def test_a_cleared_fault_is_over(server, router, mode):
    router.faults.set(mode, seconds=60)
    router.faults.clear()
    router.add_secret("u1")
    api = dial_api(server)
    disable(api, "u1")
    assert [row["disabled"] for row in api("/ppp/secret/print")] == [True]
    api.close()
