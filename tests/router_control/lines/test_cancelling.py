"""A caller that waits no more: what has not begun does not begin, and what is under way ends where it is whole."""

import grpc
import pytest


def asked(service, router_id, names, on):
    """A SetAccess under way, as a future."""
    pb = service.pb
    access = pb.ACCESS_ENABLED if on else pb.ACCESS_DISABLED
    changes = [pb.AccessChange(username=name, access=access) for name in names]
    return service.stub.SetAccess.future(pb.SetAccessRequest(router_id=router_id, changes=changes), timeout=30)


def test_a_call_that_is_cancelled_while_it_waits_for_the_router_never_begins(service, router, router_id, wait_until):
    router.add_secret("first", disabled=True)
    router.add_secret("second", disabled=True)
    router.faults.set("delay", seconds=1, commands=("/ppp/secret/enable",), times=1)
    first = asked(service, router_id, ["first"], on=True)
    wait_until(lambda: router.count("/ppp/secret/enable") == 1)
    second = asked(service, router_id, ["second"], on=True)
    wait_until(lambda: service.queued(router_id) == 1)
    second.cancel()
    assert first.result().results[0].outcome == service.pb.ACCESS_OUTCOME_CHANGED
    assert service.get(router_id, "first")["first"].access == "ENABLED"  # the router's turn has come and gone
    assert router.is_disabled("second")
    assert router.count("/ppp/secret/enable") == 1


def test_a_call_that_is_cancelled_on_the_wire_ends_after_the_hundred_users_it_is_at(
    service, router, router_id, wait_until
):
    names = [f"u{number}" for number in range(250)]
    for name in names:
        router.add_secret(name)
        router.dial(name)
    router.faults.set("delay", seconds=0.5, commands=("/ppp/secret/disable",), times=1)
    call = asked(service, router_id, names, on=False)
    wait_until(lambda: router.count("/ppp/secret/disable") == 1)
    call.cancel()
    with pytest.raises(grpc.FutureCancelledError):
        call.result()
    service.get(router_id, "u0")  # the router is free again
    off = [name for name in names if router.is_disabled(name)]
    assert off == names[:100]
    assert {session["name"] for session in router.active()} == set(names[100:])
    assert router.connections_accepted == 1  # and its connection in step
    assert service.set(router_id, dict.fromkeys(names, False))["u249"].outcome == "CHANGED"  # nobody is left alone
