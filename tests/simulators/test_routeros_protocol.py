"""What goes over the wire, word by word, seen by a client that knows nothing but words."""

import hashlib

import pytest

from simulators.routeros import DialRefused, Router, RouterServer, User
from simulators.routeros.login import answer

DONE = [["!done"]]
NO_SUCH_ITEM = [["!trap", "=category=0", "=message=no such item"], ["!done"]]


def test_commands_are_answered_however_tcp_cuts_and_joins_them(client):
    for byte in b"\x16/system/identity/print\x06.tag=1\x00":
        client.socket.sendall(bytes([byte]))
    assert [client.sentence(), client.sentence()] == [["!re", ".tag=1", "=name=router-1"], ["!done", ".tag=1"]]
    client.socket.sendall(b"\x00\x00\x01#\x06.tag=2\x00\x01#\x06.tag=3\x00")  # empty sentences, two commands at once
    assert [client.sentence(), client.sentence()] == [["!done", ".tag=2"], ["!done", ".tag=3"]]


def test_a_control_byte_ends_the_connection(client):
    client.socket.sendall(b"\xff\x00")
    assert client.sentence() == []


@pytest.mark.parametrize("path", ["/ppp/secret/adress", "/ppp/adress/print", "/adress", "adress"])
def test_an_unknown_path_gets_two_traps(client, path):
    assert client.ask(path, ".tag=7") == [
        ["!trap", ".tag=7", "=category=0", "=message=no such command or directory (adress)"],
        ["!trap", ".tag=7", "=message=no such command prefix"],
        ["!done", ".tag=7"],
    ]


@pytest.mark.parametrize(("version", "empty"), [("6.49.10", []), ("7.17", []), ("7.18", [["!empty", ".tag=5"]])])
def test_nothing_found_is_said_from_7_18_on(version, empty, raw):
    with RouterServer(Router(User("u", "p"), version=version)) as server:
        client = raw(server).log_in("u", "p")
        assert client.ask("/ppp/secret/print", ".tag=5") == [*empty, ["!done", ".tag=5"]]
        assert client.ask("/ppp/secret/add", "=name=u1", "=.proplist=name") == [["!done", "=ret=*1"]]
        assert client.ask("/ppp/secret/print", "?name=u1", "=.proplist=comment") == [["!re"], ["!done"]]
        assert client.ask("/ppp/secret/enable", "=.id=*1") == DONE


@pytest.mark.parametrize("reference", ["=.id=*2,*3", "=numbers=*2,*3", "=.id=u2,*3", "=numbers=u2,u3"])
def test_rows_are_meant_by_id_or_name_one_or_several(client, router, reference):
    for name in ("u1", "u2", "u3"):
        router.add_secret(name)
    assert client.ask("/ppp/secret/disable", reference) == DONE
    assert [router.is_disabled(name) for name in ("u1", "u2", "u3")] == [False, True, True]
    assert client.ask("/ppp/secret/set", reference, "=disabled=false", "=comment=paid=yes") == DONE
    assert router.secret("u2")["comment"] == "paid=yes"
    assert client.ask("/ppp/secret/set", reference, "=comment") == DONE
    assert "comment" not in router.secret("u3")
    assert client.ask("/ppp/secret/remove", reference) == DONE
    assert [secret["name"] for secret in router.secrets()] == ["u1"]


def test_one_bad_reference_changes_nothing(client, router):
    router.add_secret("u1")
    for verb in ("set", "remove", "enable", "disable", "comment"):
        assert client.ask(f"/ppp/secret/{verb}", "=.id=*1,*9") == NO_SUCH_ITEM
    assert router.is_disabled("u1") is False
    assert client.ask("/ppp/secret/disable") == [["!trap", "=category=0", "=message=missing =.id="], ["!done"]]


@pytest.mark.parametrize(
    ("words", "trap"),
    [
        (["=name=u1"], ["=message=failure: secret with the same name already exists"]),
        (["=name=n", "=profile=gold"], ["=category=1", "=message=input does not match any value of profile"]),
        (["=name=n", "=service=telnet"], ["=category=1", "=message=input does not match any value of service"]),
        (["=name=n", "=remote-address=10.0"], ["=category=1", "=message=invalid value for argument remote-address"]),
        (["=name=n", "=disabled=maybe"], ["=category=1", "=message=invalid value for argument disabled"]),
        (["=name=n", "=colour=red"], ["=message=unknown parameter"]),
        (["=name=n", "disabled=yes"], ["=category=5", "=message=unexpected word disabled=yes"]),
        ([], ["=category=0", "=message=missing =name="]),
    ],
)
def test_a_bad_secret_is_refused_in_the_routers_words(client, router, words, trap):
    router.add_secret("u1")
    assert client.ask("/ppp/secret/add", *words) == [["!trap", *trap], ["!done"]]
    assert len(router.secrets()) == 1


def test_a_secret_is_renamed_but_not_to_anothers_name(client, router):
    router.add_secret("u1")
    router.add_secret("u2")
    assert client.ask("/ppp/secret/set", "=.id=u1", "=name=u1", "=comment=same") == DONE
    taken = [["!trap", "=message=failure: secret with the same name already exists"], ["!done"]]
    assert client.ask("/ppp/secret/set", "=.id=u1", "=name=u2") == taken
    assert client.ask("/ppp/secret/set", "=.id=u1", "=name=u3") == DONE
    assert [secret["name"] for secret in router.secrets()] == ["u3", "u2"]


def test_a_property_is_unset_and_values_read_back_as_true_and_false(client, router):
    router.add_secret("u1", remote_address="10.0.0.9", caller_id="AA:BB:CC:DD:EE:FF", disabled=True)
    assert client.ask("/ppp/secret/unset", "=.id=u1", "=value-name=remote-address") == DONE
    assert client.ask("/ppp/secret/unset", "=.id=u1", "=value-name=caller-id") == DONE
    wanted = "=.proplist=name,disabled,remote-address,caller-id"
    assert client.ask("/ppp/secret/getall", wanted) == [["!re", "=name=u1", "=caller-id=", "=disabled=true"], ["!done"]]
    assert client.ask("/ppp/secret/print", "=count-only=", "?disabled=yes") == [["!done", "=ret=1"]]


def test_the_query_stack_works_over_the_wire(client, router):
    for name in ("u1", "u2", "u3"):
        router.add_secret(name, disabled=name == "u3")
    queries = ["?=name=u1", "?=name=u3", "?#|", "?disabled=no"]
    assert client.ask("/ppp/secret/print", "=.proplist=name", *queries) == [["!re", "=name=u1"], ["!done"]]
    assert client.ask("/ppp/secret/print", "=.proplist=.id", "?.id=*2") == [["!re", "=.id=*2"], ["!done"]]


def test_disabling_lets_sessions_live_until_they_are_removed(client, router):
    router.add_secret("u1")
    assert [router.dial("u1"), router.dial("u1")] == ["*1", "*2"]
    assert client.ask("/ppp/secret/disable", "=.id=u1") == DONE
    assert client.ask("/ppp/active/print", "?name=u1", "=.proplist=.id,name") == [
        ["!re", "=.id=*1", "=name=u1"],
        ["!re", "=.id=*2", "=name=u1"],
        ["!done"],
    ]
    with pytest.raises(DialRefused):
        router.dial("u1")
    assert client.ask("/ppp/active/remove", "=.id=*1,*2") == DONE
    assert router.active() == []
    assert client.ask("/ppp/active/remove", "=.id=*1") == NO_SUCH_ITEM


def test_only_one_session_where_the_profile_says_so(router):
    router.add_profile("single", only_one="yes")
    router.add_secret("u1", profile="single")
    router.dial("u1")
    assert [session[".id"] for session in router.active("u1")] != [router.dial("u1")]
    assert len(router.active("u1")) == 1


def test_the_system_menus_tell_name_and_version(client):
    [row, _done] = client.ask("/system/resource/print", "=.proplist=version,board-name")
    assert row == ["!re", "=version=7.20 (stable)", "=board-name=CHR"]
    assert client.ask("/ppp/profile/print", "?name=default", "=.proplist=name") == [["!re", "=name=default"], ["!done"]]


def test_nothing_runs_before_login(connect, router):
    router.add_secret("u1")
    client = connect()
    assert client.ask("/ppp/secret/disable", "=.id=u1") == [["!fatal", "not logged in"]]
    assert client.sentence() == []
    assert not router.is_disabled("u1")


def test_the_fifth_bad_login_ends_the_connection(connect):
    client = connect()
    refused = [["!trap", "=message=invalid user name or password (6)"], ["!done"]]
    for _ in range(4):
        assert client.ask("/login", "=name=rejesha", "=password=wrong") == refused
    assert client.ask("/login", "=name=rejesha", "=password=wrong") == [["!fatal", "too many commands before login"]]
    assert client.sentence() == []


def test_the_challenge_of_old_routers_follows_the_manuals_vectors():
    assert answer(b"", bytes.fromhex("93b438ec9b80057c06dd9fe67d56aa9a")) == "00e134102a9d330dd7b1849fedfea3cb57"
    assert answer(b"", bytes.fromhex("856780b7411eefd3abadee2058c149a3")) == "005062f7a5ef124d34675bf3e81f56c556"


@pytest.mark.parametrize("first", [["/login"], ["/login", "=name=u", "=password=p"]])
def test_an_old_router_wants_its_challenge_answered(first, raw):
    with RouterServer(Router(User("u", "p"), version="6.42.12")) as server:
        client = raw(server)
        assert client.ask("/login", "=name=u", "=response=00" + "0" * 32) == [
            ["!trap", "=message=cannot log in"],
            ["!done"],
        ]
        [[done, ret]] = client.ask(*first)
        assert done == "!done"
        digest = hashlib.md5(b"\0p" + bytes.fromhex(ret.removeprefix("=ret="))).hexdigest()
        assert client.ask("/login", "=name=u", f"=response=00{digest}") == DONE
        assert client.ask("/login", "=name=u", f"=response=00{digest}")[0][0] == "!trap"  # a challenge is good once


@pytest.mark.parametrize(("version", "plain", "challenge"), [("6.44", True, True), ("7.20", True, False)])
def test_which_login_works_depends_on_the_version(version, plain, challenge, raw):
    with RouterServer(Router(User("u", "p"), version=version)) as server:
        assert (raw(server).ask("/login", "=name=u", "=password=p") == DONE) is plain
        assert raw(server).ask("/login")[0][-1].startswith("=ret=") is challenge


def test_connections_beyond_the_limit_are_closed(router, connect):
    router.max_sessions = 2
    first, second = connect().log_in(), connect().log_in()
    assert connect().sentence() == []
    assert first.ask("#") == second.ask("#") == DONE


def test_quit_is_answered_by_a_fatal(client):
    assert client.ask("/quit") == [["!fatal", "session terminated on request"]]
    assert client.sentence() == []


def test_policies_are_kept(raw):
    users = [User("reader", "p", frozenset({"api", "read"})), User("writer", "p", frozenset({"api", "write"}))]
    router = Router(*users, User("nobody", "p", frozenset()))
    router.add_secret("u1", password="ppp-pass")
    denied = [["!trap", "=message=not enough permissions (9)"], ["!done"]]
    with RouterServer(router) as server:
        reader, writer = raw(server).log_in("reader", "p"), raw(server).log_in("writer", "p")
        assert reader.ask("/ppp/secret/disable", "=.id=u1") == denied
        assert reader.ask("/ppp/secret/print", "=.proplist=name,password") == [["!re", "=name=u1"], ["!done"]]
        assert writer.ask("/ppp/secret/print") == denied
        assert writer.ask("/ppp/secret/disable", "=.id=u1") == DONE
        assert raw(server).ask("/login", "=name=nobody", "=password=p")[0][0] == "!trap"


def test_listen_tells_of_changes_and_deaths_until_it_is_cancelled(client, router):
    client.send("/ppp/secret/listen", "=.proplist=.id,name,disabled", ".tag=2")
    assert client.ask("/ppp/secret/add", "=name=u1", ".tag=4")[-1] == ["!done", ".tag=4", "=ret=*1"]
    assert client.sentence() == ["!re", ".tag=2", "=.id=*1", "=name=u1", "=disabled=false"]
    router.change_secret("u1", disabled="yes")
    assert client.sentence() == ["!re", ".tag=2", "=.id=*1", "=name=u1", "=disabled=true"]
    router.remove_secret("u1")
    assert client.sentence() == ["!re", ".tag=2", "=.id=*1", "=.dead=true"]
    client.send("/cancel", "=tag=2", ".tag=3")
    assert [client.sentence() for _ in range(3)] == [
        ["!trap", ".tag=2", "=category=2", "=message=interrupted"],
        ["!done", ".tag=3"],
        ["!done", ".tag=2"],
    ]
    router.add_secret("u2")
    assert client.ask("#", ".tag=9") == [["!done", ".tag=9"]]


def test_cancel_without_a_tag_ends_everything_that_runs(client, router):
    router.faults.set("delay", seconds=60, commands=("/ppp",))
    client.send("/ppp/secret/print", ".tag=1")
    client.send("/ppp/active/print", ".tag=2")
    client.send("/cancel")
    kinds = [client.sentence() for _ in range(5)]
    assert [kind[:2] for kind in kinds[:2]] == [["!trap", ".tag=1"], ["!trap", ".tag=2"]]
    assert kinds[2:] == [["!done"], ["!done", ".tag=1"], ["!done", ".tag=2"]]


def test_tagged_commands_overtake_each_other_and_untagged_ones_do_not(client, router):
    router.faults.set("delay", seconds=0.3, commands=("/system/resource",))
    client.send("/system/resource/print", "=.proplist=name", ".tag=slow")
    assert client.ask("/system/identity/print", ".tag=fast")[-1] == ["!done", ".tag=fast"]
    assert [client.sentence(), client.sentence()] == [["!re", ".tag=slow"], ["!done", ".tag=slow"]]
    client.send("/system/resource/print", "=.proplist=name")
    client.send("/system/identity/print")
    assert [client.sentence() for _ in range(4)] == [["!re"], ["!done"], ["!re", "=name=router-1"], ["!done"]]


def test_bytes_that_are_no_utf8_come_back_as_they_went(client, router):
    router.add_secret("u1")
    client.socket.sendall(b"\x13/ppp/secret/comment\x07=.id=*1\x0e=comment=Jos\xe9x\x00")
    assert client.sentence() == ["!done"]
    client.send("/ppp/secret/print", "=.proplist=comment")
    received = b""
    while not received.endswith(b"\x05!done\x00"):
        received += client.socket.recv(100)
    assert received.startswith(b"\x03!re\x0e=comment=Jos\xe9x\x00")
