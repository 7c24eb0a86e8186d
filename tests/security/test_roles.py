"""Who may call what: every RPC as every role, over real sockets, is allowed or refused as docs/security.md says."""

import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event

import billing.__main__
import billing.roles
import grpc
import notify.__main__
import notify.roles
import pytest
import router_control.__main__
import router_control.roles
from billing.settings import BillingSettings
from cryptography.fernet import Fernet
from notify.providers.console import Console
from notify.sending.sender import Sender
from notify.sending.service import Sending
from notify.settings import NotifySettings
from router_control.routeros.pool import Pool
from router_control.settings import RouterControlSettings
from servicekit.rpc import certificates, identity
from servicekit.rpc.certificates import Certificate
from servicekit.rpc.channel import connect, contract
from servicekit.rpc.errors import CallerUnknown, CallNotPermitted, ServiceError, Unavailable
from servicekit.rpc.server import Server

from servicekit import engines, migrate
from tests.issuing import Authority

ROOT = Path(__file__).parents[2]
DOCUMENT, PROTOS = ROOT / "docs" / "security.md", ROOT / "protos" / "rejesha"
TABLES = {"billing": billing.roles.TABLE, "router-control": router_control.roles.TABLE, "notify": notify.roles.TABLE}
SERVICES = tuple(TABLES)
# How a call may end. Whoever is unknown to the authority does not come so far as to be told anything.
ALLOWED, REFUSED, UNKNOWN, NO_CONNECTION = "allowed", "refused", "unknown", "no connection"


def methods(service: str) -> list[str]:
    """ "/rejesha.notify.v1.NotifyService/SendMessages" and so on."""
    return [f"/{one.full_name}/{method.name}" for one in contract(service) for method in one.methods]


def documented(service: str) -> dict[str, set[str]]:
    """Of each method, such as "NotifyService.SendMessages", who may call it as the document says."""
    section = DOCUMENT.read_text().partition(f"### {service}\n")[2].partition("\n#")[0]
    rows = re.findall(r"^\| `(\w+\.\w+)` \| (.*?) \|", section, re.MULTILINE)
    return {method: set(re.findall(r"[a-z-]+", who)) for method, who in rows}


@pytest.fixture(scope="module")
def ours(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def foreign(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("foreign"))


@contextmanager
def serving_billing(engine, settings) -> Iterator[Server]:
    yield billing.__main__.build(BillingSettings(billing_port=0, **settings), engine)


@contextmanager
def serving_router_control(engine, settings) -> Iterator[Server]:
    pool, keys = Pool(), (Fernet.generate_key().decode(),)
    settings = RouterControlSettings(router_control_port=0, router_control_keys=keys, **settings)
    yield router_control.__main__.build(settings, engine, pool)
    pool.close()


@contextmanager
def serving_notify(engine, settings) -> Iterator[Server]:
    stopping = Event()
    sender = Sender(Sending(engine, Console(), stopping), stopping, calls_at_once=1)
    yield notify.__main__.build(NotifySettings(notify_port=0, notify_sender="console", **settings), engine, sender)
    sender.stop(5)


SERVING = {
    "billing": (serving_billing, billing.__main__.MIGRATIONS),
    "router-control": (serving_router_control, router_control.__main__.MIGRATIONS),
    "notify": (serving_notify, notify.__main__.MIGRATIONS),
}


@pytest.fixture(scope="module", params=SERVICES)
def server(request, ours, tmp_path_factory, monkeypatch_module) -> Iterator[tuple[str, Server]]:
    """Each service as its `__main__` puts it together, with its certificate, on an empty database."""
    service = request.param
    url = f"sqlite:///{tmp_path_factory.mktemp(service)}/test.db"
    monkeypatch_module.setenv("REJESHA_DATABASE_URL", url)
    engine = engines.create_engine(url)
    migrate.upgrade(engine, service.replace("-", "_"), SERVING[service][1])
    options = {"sandbox": True} if service == "billing" else {}
    with SERVING[service][0](engine, options | {"tls_directory": ours.process(service), "health_port": 0}) as built:
        built.start()
        assert built.unfit is None
        yield service, built
        built.stop(0)
    engine.dispose()


@pytest.fixture(scope="module")
def monkeypatch_module() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def outcome(channel: grpc.Channel, method: str) -> str:
    """How an empty request ends."""
    try:
        channel.unary_unary(method)(b"", timeout=20)
    except CallNotPermitted:
        return REFUSED
    except CallerUnknown:
        return UNKNOWN
    except Unavailable as error:
        return NO_CONNECTION if error.reason == "UNAVAILABLE" else ALLOWED
    except ServiceError:
        pass
    return ALLOWED


def outcomes(service: str, server: Server, certificate: Certificate) -> dict[str, str]:
    with connect(f"127.0.0.1:{server.port}", service=service, certificate=certificate) as channel:
        names = methods(service)
        # All at once: a connection that does not come about is tried again and again for each of them.
        with ThreadPoolExecutor(len(names)) as callers:
            found = callers.map(partial(outcome, channel), names)
            return dict(zip(map(short, names), found, strict=True))


def short(method: str) -> str:
    return method.rpartition(".")[2].replace("/", ".")


def test_no_service_is_left_out():
    with_contract = {path.parts[-3] for path in PROTOS.glob("*/v1/*.proto") if "\nservice " in path.read_text()}
    assert {name.replace("_", "-") for name in with_contract} == set(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_the_document_names_every_method_and_says_what_the_code_says(service):
    table = documented(service)
    assert {short(method) for method in methods(service)} == table.keys() == TABLES[service].keys()
    assert {method: {role.value for role in roles} for method, roles in TABLES[service].items()} == table


@pytest.mark.parametrize("roles", [["intake"], ["dispatcher"], ["operator"], ["intake", "dispatcher"]], ids=str)
def test_a_role_of_ours_may_call_what_stands_beside_it_and_nothing_else(server, ours, roles):
    service, running = server
    wanted = {method: ALLOWED if who & set(roles) else REFUSED for method, who in documented(service).items()}
    assert outcomes(service, running, certificates.read(ours.process(*roles, folder="caller"))) == wanted


def test_another_system_may_call_what_its_certificate_names_of_what_any_system_may(server, ours):
    service, running = server
    for_systems = {method for method, who in documented(service).items() if "system" in who}
    everything = [identity.granted(method) for one in SERVICES for method in methods(one)]
    certificate = certificates.read(ours.system("crm", *everything))
    wanted = {method: ALLOWED if method in for_systems else REFUSED for method in documented(service)}
    assert outcomes(service, running, certificate) == wanted


@pytest.mark.parametrize("may", ["notify.SendMessages", "router-control.GetAccess"])
def test_another_system_may_call_nothing_else(server, ours, may):
    service, running = server
    command = [sys.executable, "-m", "rejesha_cli", "certificate", "issue", "crm", "--may", may]
    subprocess.run([*command, "--directory", ours.directory], check=True)
    wanted = {short(method): ALLOWED if identity.granted(method) == may else REFUSED for method in methods(service)}
    assert outcomes(service, running, certificates.read(ours.directory / "system-crm")) == wanted


def test_whom_the_certificate_does_not_name_is_unknown(server, ours):
    service, running = server
    assert set(outcomes(service, running, certificates.read(ours.nobody())).values()) == {UNKNOWN}


def bad(case: str, ours: Authority, foreign: Authority) -> Certificate:
    match case:
        case "expired":
            return certificates.read(ours.expired("intake", "dispatcher", "operator"))
        case "another authority's":
            return ours.believed_by(foreign.process("intake", "dispatcher", "operator"))
        case _:  # who is only called
            return certificates.read(ours.process(case))


@pytest.mark.parametrize("case", ["expired", "another authority's", *SERVICES])
def test_with_a_certificate_that_does_not_hold_nobody_gets_in(server, ours, foreign, case):
    service, running = server
    assert set(outcomes(service, running, bad(case, ours, foreign)).values()) == {NO_CONNECTION}


@pytest.mark.parametrize("credentials", ["plain text", "no certificate"])
def test_without_a_certificate_nobody_gets_in(server, ours, credentials):
    service, running = server
    target, named = f"127.0.0.1:{running.port}", [("grpc.ssl_target_name_override", service)]
    root = grpc.ssl_channel_credentials(certificates.read(ours.process("operator")).authority)
    channel = grpc.insecure_channel(target) if credentials == "plain text" else grpc.secure_channel(target, root, named)
    with channel:
        for method in methods(service):
            with pytest.raises(grpc.RpcError) as refused:
                channel.unary_unary(method)(b"", timeout=20)
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_caller_talks_to_nobody_but_the_service_that_it_means(server, ours):
    service, running = server
    other = next(one for one in SERVICES if one != service)
    certificate = certificates.read(ours.process("intake", "dispatcher", "operator"))
    assert set(outcomes(other, running, certificate).values()) == {NO_CONNECTION}


def test_the_port_for_probes_answers_health_and_nothing_else(server):
    service, running = server
    with grpc.insecure_channel(f"127.0.0.1:{running.health_port}") as channel:
        assert channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=20) == bytes([8, 1])  # SERVING
        for method in methods(service):
            with pytest.raises(grpc.RpcError) as refused:
                channel.unary_unary(method)(b"", timeout=20)
            assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_certificate_names_is_one_method(service):
    found = [identity.granted(method) for method in methods(service)]
    assert len(found) == len(set(found))
