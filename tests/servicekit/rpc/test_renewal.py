"""A certificate is replaced while calls go on: none fails, and from then on the new one is shown."""

import asyncio
import os
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest
import structlog
from rejesha.notify.v1 import notify_service_pb2 as pb
from rejesha.notify.v1 import notify_service_pb2_grpc as pb_grpc
from servicekit.rpc import certificates, identity
from servicekit.rpc.certificates import CertificateUnusable
from servicekit.rpc.channel import connect, connect_async
from servicekit.rpc.errors import CallNotPermitted
from servicekit.rpc.identity import Role
from servicekit.rpc.renewal import RenewedCertificate
from servicekit.rpc.server import Server

from tests.issuing import Authority

TABLE = {"NotifyService.GetMessage": frozenset({Role.INTAKE, Role.DISPATCHER})}


class Notify(pb_grpc.NotifyServiceServicer):
    """Answers who calls."""

    def GetMessage(self, request, context):  # noqa: N802
        return pb.GetMessageResponse(message=pb.Message(detail=identity.of(context).name))


@pytest.fixture
def ours(tmp_path):
    return Authority(tmp_path / "ours")


@contextmanager
def serving(folder, table=TABLE):
    server = Server("127.0.0.1:0", threads=4, probe=lambda: True, certificate=RenewedCertificate(folder), table=table)
    server.add(pb_grpc.add_NotifyServiceServicer_to_server, Notify())
    server.start()
    yield server.port
    server.stop(0)


def ask(channel):
    return pb_grpc.NotifyServiceStub(channel).GetMessage(pb.GetMessageRequest(), timeout=20).message.detail


def shown(port, folder):
    """The certificate that a new connection is shown, as its DER."""
    context = ssl.create_default_context(cafile=folder / certificates.AUTHORITY)
    context.load_cert_chain(folder / certificates.CHAIN, folder / certificates.KEY)
    plain = socket.create_connection(("127.0.0.1", port))
    with context.wrap_socket(plain, server_hostname="notify") as encrypted:
        return encrypted.getpeercert(binary_form=True)


def test_a_server_s_certificate_is_replaced_under_load(ours):
    caller = ours.process("intake")
    certificate = certificates.read(caller)
    done, answered = threading.Event(), []

    def load(port, *, anew):
        """Call until it is over: on one connection, or on a new one each time."""
        while not done.is_set():
            with connect(f"127.0.0.1:{port}", service="notify", certificate=certificate) as channel:
                answered.append(ask(channel))
                while not anew and not done.is_set():
                    answered.append(ask(channel))

    with serving(ours.process("notify")) as port, ThreadPoolExecutor() as threads:
        loads = [threads.submit(load, port, anew=anew) for anew in (True, True, False)]
        seen = {shown(port, caller)}
        try:
            for _ in range(5):
                ours.process("notify")
                seen.add(shown(port, caller))
        finally:
            done.set()
        for one in loads:
            one.result(30)
    assert len(seen) == 6
    assert set(answered) == {"intake"}


def test_a_caller_s_certificate_is_replaced_under_load(ours):
    folder = ours.process("intake", name="v0", folder="caller")
    told: list[list[str]] = [[] for _ in range(4)]

    async def load(stub, done, names):
        while not done.is_set():
            names.append((await stub.GetMessage(pb.GetMessageRequest(), timeout=20)).message.detail)

    async def run(port):
        channel = connect_async(f"127.0.0.1:{port}", service="notify", certificate=RenewedCertificate(folder))
        done = asyncio.Event()
        stub = pb_grpc.NotifyServiceStub(channel)
        loads = [asyncio.create_task(load(stub, done, names)) for names in told]
        for version in range(5):
            while not any(f"intake/v{version}" in names for names in told):
                await asyncio.sleep(0)
                assert not [one for one in loads if one.done()]
            ours.process("intake", name=f"v{version + 1}", folder="caller")
        done.set()
        await asyncio.gather(*loads)
        await channel.close()

    with serving(ours.process("notify")) as port:
        asyncio.run(asyncio.wait_for(run(port), 60))
    assert len({name for names in told for name in names}) >= 5
    for names in told:  # each caller for itself: another one's call may end later on the channel before
        assert names == sorted(names, key=names.index)


def test_the_authority_is_changed_without_a_lost_call(ours, tmp_path):
    """Both are believed, then all is issued anew, then only the new one is believed."""
    new = Authority(tmp_path / "new")
    folders = {"notify": ours.process("notify"), "intake": ours.process("intake")}
    roots = [certificates.read(one.process("operator")).authority for one in (ours, new)]
    old_caller = ours.process("dispatcher")

    def believe(*authorities):
        for folder in folders.values():
            (folder / certificates.AUTHORITY).write_bytes(b"".join(authorities))

    def issue_anew():
        for role, folder in folders.items():
            issued = new.process(role)
            for name in (certificates.KEY, certificates.CHAIN):
                (folder / name).write_bytes((issued / name).read_bytes())

    async def run(port):
        channel = connect_async(
            f"127.0.0.1:{port}", service="notify", certificate=RenewedCertificate(folders["intake"])
        )
        stub = pb_grpc.NotifyServiceStub(channel)
        for step in (lambda: None, lambda: believe(*roots), issue_anew, lambda: believe(roots[1])):
            step()
            answer = await stub.GetMessage(pb.GetMessageRequest(), timeout=20)
            assert answer.message.detail == "intake"
        await channel.close()

    with serving(folders["notify"]) as port:
        asyncio.run(run(port))
        with pytest.raises(ssl.SSLError):
            shown(port, old_caller)


def test_files_that_do_not_belong_together_are_left_aside_until_they_do(ours):
    folder, other = ours.process("intake"), ours.process("intake", folder="other")
    certificate = RenewedCertificate(folder)
    first = certificate.current()
    assert certificate.current() is first
    (folder / certificates.KEY).write_bytes((other / certificates.KEY).read_bytes())
    with structlog.testing.capture_logs() as events:
        assert certificate.current() is first
        assert certificate.current() is first
    assert [event["event"] for event in events] == ["certificate_unusable"]
    (folder / certificates.CHAIN).write_bytes((other / certificates.CHAIN).read_bytes())
    assert certificate.current().chain == (other / certificates.CHAIN).read_bytes()
    (folder / certificates.CHAIN).unlink()
    assert certificate.current().key == (other / certificates.KEY).read_bytes()


def test_files_that_become_usable_later_are_taken_although_nothing_was_written(ours):
    """As where whoever writes them gives them to the process only afterwards."""
    folder, other = ours.process("intake"), ours.process("intake", folder="other")
    certificate, key = RenewedCertificate(folder), folder / certificates.KEY
    first, right = certificate.current(), key.read_bytes()
    key.write_bytes((other / certificates.KEY).read_bytes())
    written = key.stat()
    assert certificate.current() is first
    key.write_bytes(right)
    os.utime(key, ns=(written.st_atime_ns, written.st_mtime_ns))
    assert key.stat().st_size == written.st_size
    assert certificate.current() is not first


def test_without_usable_files_nothing_starts(ours, tmp_path):
    with pytest.raises(CertificateUnusable, match=r"tls\.key"):
        RenewedCertificate(tmp_path)
    folder, other = ours.process("intake"), ours.process("operator")
    (folder / certificates.KEY).write_bytes((other / certificates.KEY).read_bytes())
    with pytest.raises(CertificateUnusable, match="do not belong together"):
        RenewedCertificate(folder)


def test_a_method_without_a_rule_is_nobody_s(ours):
    certificate = certificates.read(ours.process("intake", "dispatcher", "operator"))
    with (
        serving(ours.process("notify"), table={}) as port,
        connect(f"127.0.0.1:{port}", service="notify", certificate=certificate) as channel,
        pytest.raises(CallNotPermitted) as refused,
    ):
        ask(channel)
    assert (refused.value.status, refused.value.reason) == (
        grpc.StatusCode.PERMISSION_DENIED, "CALL_NOT_PERMITTED"
    )  # fmt: skip
