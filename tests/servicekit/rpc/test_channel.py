"""Which calls a channel repeats by itself."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest
from servicekit.rpc.channel import connect, contract
from servicekit.rpc.errors import Unavailable

# What another run could do twice, or answer differently; the proto says at each why.
NEVER_REPEATED = {
    "CancelPackageChange", "ClaimRouterCheck", "CreateIsp", "CreateRouter", "DeleteRouter", "ExtendLine", "LeaseTasks",
    "PayOutCredit", "TakeBackPayout", "UndoChange",
}  # fmt: skip
METHODS = [
    (name, service.full_name, method.name)
    for name in ("billing", "router-control", "notify")
    for service in contract(name)
    for method in service.methods
]


@contextmanager
def away(calls):
    """The target of a server that answers UNAVAILABLE to everything, as a proxy before a service would."""

    class Everything(grpc.GenericRpcHandler):
        def service(self, details):
            calls.append(details.method)
            return grpc.unary_unary_rpc_method_handler(
                lambda _request, context: context.abort(grpc.StatusCode.UNAVAILABLE, "nobody behind me")
            )

    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers([Everything()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(0)


def test_the_three_services_have_contracts():
    assert {name for name, _, _ in METHODS} == {"billing", "router-control", "notify"}
    assert {method for _, _, method in METHODS} >= NEVER_REPEATED
    assert contract("nobody") == []


@pytest.mark.parametrize(("name", "service", "method"), METHODS)
def test_a_call_is_repeated_if_and_only_if_its_rpc_may_be(name, service, method):
    calls = []
    with away(calls) as target, connect(target, service=name) as channel:
        rpc = channel.unary_unary(f"/{service}/{method}")
        with pytest.raises(Unavailable) as raised:
            rpc(b"", timeout=20)
    assert raised.value.service == name
    assert calls == [f"/{service}/{method}"] * (1 if method in NEVER_REPEATED else 3)


def test_what_no_contract_of_the_channel_names_is_never_repeated():
    calls = []
    with away(calls) as target, connect(target, service="notify") as channel, pytest.raises(Unavailable):
        channel.unary_unary("/rejesha.billing.v1.PaymentService/GetPayment")(b"", timeout=20)
    assert len(calls) == 1
