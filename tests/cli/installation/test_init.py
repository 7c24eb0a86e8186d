"""`rejesha init`: what an installation in containers has of its own, made once and then left alone."""

import os
import ssl
import stat

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.fernet import Fernet
from cryptography.x509.oid import ExtendedKeyUsageOID
from rejesha_cli.installation.creation import CONTAINER_USER, QUESTIONS
from rejesha_cli.settings import lines_of
from servicekit.rpc import certificates

ANSWERS = {
    "REJESHA_HOST": "pay.example.co.ke",
    "REJESHA_SHORTCODES": "600100,600200",
    "REJESHA_ADMIN_PHONES": "254711000001",
    "REJESHA_TEXTSMS_PARTNER_ID": "42",
    "REJESHA_TEXTSMS_SHORTCODE": "NYOTA",
    "REJESHA_TEXTSMS_API_KEY": "the-provider-s-key",
}


@pytest.fixture
def home(tmp_path):
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


def contents(directory):
    return {str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*") if path.is_file()}


def test_what_the_environment_says_is_not_asked_and_secrets_stand_in_files_alone(rejesha, home, monkeypatch):
    for name, value in ANSWERS.items():
        monkeypatch.setenv(name, value)
    assert rejesha("init", str(home), "--yes").code == 0
    settings = lines_of(home / ".env")
    assert settings == {name: value for name, value in ANSWERS.items() if "KEY" not in name}
    made = contents(home / "secrets")
    assert made["textsms-api-key"] == ANSWERS["REJESHA_TEXTSMS_API_KEY"]
    assert made["database-url"] == f"mysql://rejesha:{made['mysql-password']}@mysql/rejesha"
    assert made["database-admin-url"] == f"mysql://root:{made['mysql-root-password']}@mysql/rejesha"
    Fernet(made["router-control-keys"])
    own = [sa.make_url(made[f"{service}-database-url"]) for service in ("billing", "router-control", "notify")]
    assert [url.username for url in own] == ["billing", "router-control", "notify"]
    tokens = [made[name] for name in ("api-token", "callback-secrets", "mysql-password", "mysql-root-password")]
    drawn = [*tokens, *(str(url.password) for url in own)]
    assert len(set(drawn)) == 7
    assert min(map(len, drawn)) >= 32


def test_made_again_nothing_changes(rejesha, home):
    rejesha("init", str(home), "--try")
    before = contents(home)
    again = rejesha("init", str(home), "--yes")
    assert (again.code, again.err) == (0, "")
    assert contents(home) == before


def test_each_process_gets_a_certificate_of_its_own_and_a_new_one_before_that_ends(rejesha, home):
    rejesha("init", str(home), "--try")
    place = home / "certificates"
    before = contents(place)
    held = {name for name in before if name.endswith("/tls.crt")}
    roles = ("intake", "dispatcher", "billing", "router-control", "notify", "operator")
    assert held == {f"{role}/tls.crt" for role in (*roles, "mysql")}
    assert certificates.read(place / "billing")
    assert {stat.S_IMODE(path.stat().st_mode) for path in place.glob("*/*.key")} == {0o600}
    rejesha("certificate", "issue", "billing", "--days", "90", "--directory", str(place))
    assert rejesha("init", str(home), "--yes").err == "made certificates/billing\n"
    after = contents(place)
    assert {name.partition("/")[0] for name in before if before[name] != after[name]} == {"billing"}
    assert rejesha("init", str(home), "--yes").err == ""


def test_all_processes_get_new_certificates_of_the_same_authority_when_that_is_asked(rejesha, home):
    rejesha("init", str(home), "--try")
    before = contents(home)
    assert rejesha("init", str(home), "--renew", "--yes").code == 0
    after = contents(home)
    changed = {name for name in before if before[name] != after[name]}
    holders = ("intake", "dispatcher", "billing", "router-control", "notify", "operator", "mysql")
    assert changed == {f"certificates/{role}/tls.{kind}" for role in holders for kind in ("crt", "key")}
    assert before.keys() == after.keys()


def test_what_is_missing_is_asked_or_named(rejesha, home, monkeypatch):
    refused = rejesha("init", str(home), "--yes")
    assert refused.code == 1
    assert all(question.variable in refused.err for question in QUESTIONS)
    assert not contents(home)
    for name, value in ANSWERS.items():
        if name != "REJESHA_SHORTCODES":
            monkeypatch.setenv(name, value)
    asked = rejesha("init", str(home), stdin="600300\n")
    assert asked.code == 0
    assert lines_of(home / ".env")["REJESHA_SHORTCODES"] == "600300"


def test_an_installation_with_settings_of_its_own_gets_no_simulators(rejesha, home):
    (home / ".env").write_text("REJESHA_SHORTCODES='600300'\n")
    refused = rejesha("init", str(home), "--try")
    assert (refused.code, "has settings of its own" in refused.err) == (1, True)
    assert contents(home) == {".env": "REJESHA_SHORTCODES='600300'\n"}


def test_one_for_trying_may_have_more_profiles(rejesha, home):
    rejesha("init", str(home), "--try")
    settings = (home / ".env").read_text()
    (home / ".env").write_text(settings.replace("COMPOSE_PROFILES='try'", "COMPOSE_PROFILES='try,monitoring'"))
    assert rejesha("init", str(home), "--try").code == 0
    assert lines_of(home / ".env")["COMPOSE_PROFILES"] == "try,monitoring"


def test_a_value_that_a_file_of_settings_cannot_hold_is_refused(rejesha, home, monkeypatch):
    for name, value in (ANSWERS | {"REJESHA_HOST": "pay'; rm"}).items():
        monkeypatch.setenv(name, value)
    assert rejesha("init", str(home), "--yes").code == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_secrets_are_for_the_containers_and_the_directory_s_group(rejesha, home):
    os.chown(home, 1234, 5678)
    rejesha("init", str(home), "--try")
    secret = (home / "secrets" / "api-token").stat()
    assert (secret.st_uid, secret.st_gid, stat.S_IMODE(secret.st_mode)) == (CONTAINER_USER, 5678, 0o640)
    assert (home / ".env").stat().st_uid == 1234
    (home / "secrets" / "api-token").unlink()
    (home / "secrets" / "api-token").write_text("of the operator's own, from an editor")
    rejesha("init", str(home))
    assert (home / "secrets" / "api-token").stat().st_uid == CONTAINER_USER
    assert (home / "secrets" / "alertmanager-password").stat().st_uid == 65534  # nobody, as its image's process


def test_the_certificate_is_for_the_host_and_fits_its_key(rejesha, home):
    rejesha("init", str(home), "--try")
    files = home / "certificates" / "proxy"
    ssl.create_default_context().load_cert_chain(files / "certificate.pem", files / "key.pem")
    certificate = x509.load_pem_x509_certificate((files / "certificate.pem").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]


def test_the_database_s_certificate_is_for_its_host_and_proves_no_role(rejesha, home):
    rejesha("init", str(home), "--try")
    certificate = x509.load_pem_x509_certificate((home / "certificates" / "mysql" / "tls.crt").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.DNSName("mysql")]
    purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.SERVER_AUTH]
