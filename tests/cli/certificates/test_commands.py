"""`rejesha certificate …`: what is issued, to whom, and what it opens."""

import stat

import pytest
from cryptography import x509
from rejesha.notify.v1 import notify_service_pb2_grpc as pb_grpc
from rejesha_cli.certificates.holders import of_process, of_system
from servicekit.rpc.identity import Role
from servicekit.rpc.renewal import RenewedCertificate
from servicekit.rpc.server import Server


def certificate_in(folder):
    return x509.load_pem_x509_certificate((folder / "tls.crt").read_bytes())


def names(folder, kind):
    extension = certificate_in(folder).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return extension.value.get_values_for_type(kind)


@pytest.fixture
def authority(rejesha, tmp_path):
    """A directory with an authority, where the command finds it."""
    assert rejesha("certificate", "init").code == 0
    return tmp_path / "certificates"


def test_what_is_issued_names_whom_it_is_for_and_its_key_is_the_owner_s_alone(rejesha, authority):
    assert rejesha("certificate", "issue", "billing").code == 0
    assert rejesha("certificate", "issue", "dispatcher", "--name", "b").code == 0
    assert rejesha("certificate", "issue", "intake", "dispatcher").code == 0
    issued = rejesha("certificate", "issue", "crm", "--may", "notify.SendMessages", "--may", "router-control.GetAccess")
    assert "system-crm" in issued.out
    uris = {
        path.name: names(path, x509.UniformResourceIdentifier)
        for path in authority.iterdir()
        if path.name != "authority"
    }
    assert uris == {
        "billing": ["rejesha://billing"],
        "dispatcher-b": ["rejesha://dispatcher/b"],
        "intake": ["rejesha://intake", "rejesha://dispatcher"],
        "system-crm": [
            "rejesha://system/crm",
            "rejesha://may/notify.SendMessages",
            "rejesha://may/router-control.GetAccess",
        ],
    }
    assert (names(authority / "billing", x509.DNSName), names(authority / "intake", x509.DNSName)) == (["billing"], [])
    files = [path for path in authority.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    folders = [authority, *(path for path in authority.rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
    assert not [path for path in files if path.name.startswith(".")]


def test_the_command_shows_how_long_each_holds_and_complains_of_one_that_ends_soon(rejesha, authority):
    rejesha("certificate", "issue", "operator", "--days", "20")
    shown = rejesha("certificate", "show", "--json")
    assert shown.code == 0
    first, second = shown.document["certificates"]
    assert (first["folder"], second["folder"], second["name"], second["days_left"]) == (
        "authority",
        "operator",
        "operator",
        19,
    )
    assert rejesha("certificate", "show", "--within", "21").code == 1


def test_another_authority_is_not_made_and_without_one_nothing_is_issued(rejesha, authority, tmp_path):
    before = (authority / "authority" / "ca.key").read_bytes()
    again = rejesha("certificate", "init")
    assert (again.code, "already" in again.err) == (1, True)
    assert (authority / "authority" / "ca.key").read_bytes() == before
    elsewhere = rejesha("certificate", "issue", "billing", "--directory", tmp_path / "elsewhere")
    assert (elsewhere.code, "certificate init" in elsewhere.err) == (1, True)


@pytest.mark.parametrize(
    "wrong",
    [
        ["crm"],
        ["system"],
        ["dispatcher", "--name", "B b"],
        ["dispatcher", "--name", "a/b"],
        ["operator", "--may", "notify.SendMessages"],
        ["crm", "erp", "--may", "notify.SendMessages"],
        ["crm", "--may", "billing.RecordPayments"],
        ["crm", "--may", "SendMessages"],
        ["crm/operator", "--may", "notify.SendMessages"],
    ],
)
def test_what_would_name_nobody_or_too_much_is_not_issued(rejesha, authority, wrong):
    assert rejesha("certificate", "issue", *wrong).code == 2
    assert [path.name for path in authority.iterdir()] == ["authority"]


def test_a_name_fits_into_a_certificate_however_long_it_may_be(rejesha, authority):
    longest = "a" * 48
    assert of_process(["router-control"], longest).name == f"router-control/{longest}"
    assert of_system(longest, ["notify.GetMessage"]).roles == {Role.SYSTEM}
    assert rejesha("certificate", "issue", "router-control", "--name", longest).code == 0
    with pytest.raises(ValueError, match="is no name"):
        of_process(["router-control"], longest + "a")


def test_the_command_calls_with_its_own_certificate(rejesha, authority, monkeypatch):
    for role in ("notify", "operator", "intake"):
        rejesha("certificate", "issue", role)
    table = {"NotifyService.ListTemplates": frozenset({Role.OPERATOR})}
    server = Server(
        "127.0.0.1:0", threads=2, probe=lambda: True, certificate=RenewedCertificate(authority / "notify"), table=table
    )
    server.add(pb_grpc.add_NotifyServiceServicer_to_server, pb_grpc.NotifyServiceServicer())
    server.start()
    monkeypatch.setenv("REJESHA_NOTIFY_TARGET", f"127.0.0.1:{server.port}")
    monkeypatch.setenv("REJESHA_TLS_DIRECTORY", str(authority / "operator"))
    assert "or an older one" in rejesha("message", "templates").err  # it got as far as to be answered
    monkeypatch.setenv("REJESHA_TLS_DIRECTORY", str(authority / "intake"))
    assert "CALL_NOT_PERMITTED" in rejesha("message", "templates").err
    monkeypatch.setenv("REJESHA_TLS_DIRECTORY", str(authority / "notify"))
    assert "REJESHA_TLS_DIRECTORY" in rejesha("message", "templates").err
    server.stop(0)


def test_without_a_certificate_the_command_says_what_it_needs(rejesha, monkeypatch, tmp_path):
    monkeypatch.delenv("REJESHA_PLAINTEXT")
    missing = rejesha("message", "templates")
    assert (missing.code, "certificate issue operator" in missing.err) == (1, True)
    monkeypatch.setenv("REJESHA_TLS_DIRECTORY", str(tmp_path / "nowhere"))
    unreadable = rejesha("message", "templates")
    assert (unreadable.code, "tls.key" in unreadable.err) == (2, True)
