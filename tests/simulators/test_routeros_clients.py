"""Clients that others wrote work against the simulator, each in its own dialect."""

import functools
import json
import shutil
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import librouteros
import pytest
import routeros_api
from librouteros.exceptions import MultiTrapError, TrapError
from librouteros.login import token
from librouteros.query import Key
from routeros_api.exceptions import RouterOsApiCommunicationError, RouterOsApiFatalCommunicationError

from simulators.routeros import Router, RouterServer, User
from simulators.routeros.tls import anonymous, with_certificate

NODE = Path(__file__).with_name("node")


def serve(version="7.20", **options):
    router = Router(User("rejesha", "router-pass"), version=version)
    router.add_secret("0949AQ", disabled=True)
    router.add_secret("other", disabled=True)
    return RouterServer(router, **options)


def routeros_api_pool(port, **options):
    return routeros_api.RouterOsApiPool("127.0.0.1", "rejesha", "router-pass", port=port, **options)


@pytest.mark.parametrize(
    ("version", "plaintext"), [("7.20", True), ("7.17", True), ("6.44", False), ("6.42", True), ("6.42", False)]
)
def test_routeros_api_enables_a_secret_and_reads_it_back(version, plaintext):
    with serve(version) as server:
        pool = routeros_api_pool(server.port, plaintext_login=plaintext)
        secrets = pool.get_api().get_resource("/ppp/secret")
        [secret] = secrets.get(name="0949AQ")
        assert secret["disabled"] == "true"
        secrets.set(id=secret["id"], disabled="no", comment="")
        assert [(row["name"], row["disabled"]) for row in secrets.get(name="0949AQ")] == [("0949AQ", "false")]
        assert secrets.get(name="nobody") == []
        assert server.router.is_disabled("other")
        pool.disconnect()


def test_routeros_api_adds_removes_and_sees_errors():
    with serve() as server:
        pool = routeros_api_pool(server.port, plaintext_login=True)
        api = pool.get_api()
        secrets = api.get_resource("/ppp/secret")
        secrets.add(name="José", remote_address="10.0.0.9")
        assert server.router.secret("José")["remote-address"] == "10.0.0.9"
        with pytest.raises(RouterOsApiCommunicationError, match="same name already exists"):
            secrets.add(name="José")
        secrets.remove(numbers="José")
        server.router.change_secret("0949AQ", disabled="no")
        server.router.dial("0949AQ")
        active = api.get_resource("/ppp/active")
        active.remove(id=active.get(name="0949AQ")[0]["id"])
        assert server.router.active() == []
        with pytest.raises((RouterOsApiFatalCommunicationError, routeros_api.exceptions.RouterOsApiParsingError)):
            api.get_binary_resource("/").call("quit")
        pool.disconnect()


@pytest.mark.parametrize("version", ["7.20", "7.17", "6.44"])
def test_librouteros_does_all_that_a_reconnection_needs(version):
    with serve(version) as server:
        api = librouteros.connect("127.0.0.1", "rejesha", "router-pass", port=server.port, encoding="utf-8")
        secrets = api.path("ppp", "secret")
        found = secrets.select(Key(".id"), Key("disabled")).where(Key("name").In("0949AQ", "nobody"))
        assert list(found) == [{".id": "*1", "disabled": True}]
        tuple(secrets("enable", **{".id": "*1"}))
        assert list(secrets.select(Key("name")).where(Key("disabled") == False)) == [{"name": "0949AQ"}]  # noqa: E712
        secrets.update(**{".id": "*1", "disabled": True, "comment": "José" * 5000})
        assert server.router.secret("0949AQ")["comment"] == "José" * 5000
        assert secrets.add(name="new") == "*3"
        secrets.remove("*3", "*2")
        assert [row["name"] for row in secrets] == ["0949AQ"]
        with pytest.raises(TrapError, match="no such item"):
            secrets.update(**{".id": "*FF", "disabled": True})
        with pytest.raises(MultiTrapError, match="no such command or directory"):
            tuple(api("/ppp/secret/adress"))
        assert list(api("/system/identity/print")) == [{"name": "router-1"}]
        api.close()


def test_librouteros_logs_in_with_the_old_challenge():
    with serve("6.42") as server:
        login = {"port": server.port, "login_method": token}
        api = librouteros.connect("127.0.0.1", "rejesha", "router-pass", **login)
        assert list(api.path("ppp", "active")) == []
        api.close()
        with pytest.raises(TrapError, match="cannot log in"):
            librouteros.connect("127.0.0.1", "rejesha", "wrong", **login)


def test_tls_without_a_certificate_is_anonymous():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ADH:@SECLEVEL=0")
    with serve(tls=anonymous()) as server:
        pool = routeros_api_pool(server.tls_port, plaintext_login=True, ssl_context=context)
        assert len(pool.get_api().get_resource("/ppp/secret").get()) == 2
        assert pool.socket.socket.cipher()[0].startswith("ADH-")
        pool.disconnect()


def test_tls_with_a_certificate_is_verified(certificate):
    context = ssl.create_default_context(cafile=certificate)
    wrapper = functools.partial(context.wrap_socket, server_hostname="localhost")
    with serve(tls=with_certificate(certificate)) as server:
        api = librouteros.connect("127.0.0.1", "rejesha", "router-pass", port=server.tls_port, ssl_wrapper=wrapper)
        assert len(list(api.path("ppp", "secret"))) == 2
        api.close()


@pytest.mark.skipif(not (shutil.which("npm") and shutil.which("node")), reason="npm or node is not installed")
@pytest.mark.parametrize("version", ["7.17", "6.42"])  # this client crashes on the !empty of newer routers
def test_node_routeros_enables_a_secret_and_keeps_its_connection_alive(version, node_routeros):
    with serve(version) as server:
        run = [shutil.which("node"), NODE / "enable.js", str(server.port), "0949AQ"]
        ended = subprocess.run(run, env={"NODE_PATH": str(node_routeros)}, capture_output=True, timeout=60, check=False)
        assert ended.returncode == 0, ended.stderr.decode()
        assert [row["disabled"] for row in json.loads(ended.stdout)] == ["false"]
        assert server.router.count("#") >= 1


@pytest.fixture(scope="module")
def node_routeros(tmp_path_factory):
    """Where the pinned client is installed."""
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(NODE / name, folder)
    install = [shutil.which("npm"), "ci", "--silent", "--no-fund", "--no-audit", "--ignore-scripts"]
    subprocess.run(install, cwd=folder, check=True, timeout=240)
    return folder / "node_modules"


@pytest.fixture
def certificate(tmp_path):
    """A self-signed certificate for localhost and its key, in one PEM file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + signed.public_bytes(serialization.Encoding.PEM)
    path = tmp_path / "router.pem"
    path.write_bytes(pem)
    return path
