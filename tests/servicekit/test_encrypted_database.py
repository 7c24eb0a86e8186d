"""Where a database's URL names an authority, its server alone is talked to, and never in plain text."""

import os

import pytest
import sqlalchemy as sa
from servicekit.database_errors import meaning
from servicekit.engines import create_engine
from servicekit.settings import DatabaseSettings, database_url

from tests import mariadb
from tests.router_control.certificates import self_signed


class Example(DatabaseSettings):
    database_url: str = database_url("EXAMPLE")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Of a server on 127.0.0.1; it vouches for itself."""
    return self_signed(tmp_path_factory.mktemp("server") / "server.pem")


@pytest.fixture(scope="module")
def encrypting(certificate):
    """The URL of a server that takes encrypted connections only."""
    if reason := mariadb.why_not():
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    with mariadb.running(certificate) as url:
        yield url


def cipher(url, **query):
    """What encrypts a connection."""
    engine = create_engine(url.update_query_dict(query).render_as_string(hide_password=False))
    try:
        with engine.connect() as connection:
            return connection.exec_driver_sql("SHOW STATUS LIKE 'Ssl_cipher'").one()[1]
    finally:
        engine.dispose()


@pytest.mark.mariadb
def test_with_its_authority_a_server_is_talked_to_encrypted(encrypting, certificate):
    assert cipher(encrypting, ssl_ca=str(certificate))


@pytest.mark.mariadb
def test_a_server_that_another_authority_vouches_for_gets_no_password(encrypting, tmp_path):
    with pytest.raises(sa.exc.OperationalError, match="CERTIFICATE_VERIFY_FAILED"):
        cipher(encrypting, ssl_ca=str(self_signed(tmp_path / "other.pem")))


@pytest.mark.mariadb
def test_a_server_of_another_name_gets_none_unless_names_do_not_matter(encrypting, certificate):
    renamed = encrypting.set(host="localhost")
    with pytest.raises(sa.exc.OperationalError, match=r"[Hh]ostname mismatch"):
        cipher(renamed, ssl_ca=str(certificate))
    assert cipher(renamed, ssl_ca=str(certificate), ssl_check_hostname="false")


@pytest.mark.mariadb
def test_where_encryption_is_asked_for_plain_text_is_never_spoken(mariadb_url, certificate):
    with pytest.raises(sa.exc.OperationalError, match="SSL is required"):
        cipher(sa.make_url(mariadb_url), ssl_ca=str(certificate))


def load(monkeypatch, url, authority):
    monkeypatch.setenv("REJESHA_DATABASE_URL", url)
    monkeypatch.setenv("REJESHA_DATABASE_CA", str(authority))
    return Example.load()


@pytest.mark.mysql
def test_the_authority_that_a_setting_names_is_asked_for_on_mysql_as_well(mysql_url, certificate, monkeypatch):
    """Its generated certificates are nobody's whom we know."""
    settings = load(monkeypatch, mysql_url, certificate)
    with pytest.raises(sa.exc.OperationalError, match="CERTIFICATE_VERIFY_FAILED") as refused:
        create_engine(settings.database_url).connect()
    assert "CERTIFICATE_VERIFY_FAILED" in str(meaning(refused.value))  # an operator can tell it from a server away


@pytest.mark.mariadb
def test_the_authority_that_a_setting_names_is_believed(encrypting, certificate, monkeypatch):
    settings = load(monkeypatch, encrypting.render_as_string(hide_password=False), certificate)
    assert cipher(sa.make_url(settings.database_url))


@pytest.mark.mariadb
def test_a_server_without_encryption_is_told_from_one_that_is_away(mariadb_url, certificate, monkeypatch):
    settings = load(monkeypatch, mariadb_url, certificate)
    with pytest.raises(sa.exc.OperationalError) as refused:
        create_engine(settings.database_url).connect()
    assert "SSL is required" in str(meaning(refused.value))


def test_a_url_s_own_authority_wins_and_sqlite_has_none(monkeypatch, certificate):
    own = "mysql://u:p?@host/schema?charset=utf8mb4&ssl_ca=/own.pem"
    assert load(monkeypatch, own, certificate).database_url == own
    assert load(monkeypatch, "sqlite:////x.db", certificate).database_url == "sqlite:////x.db"
    named = sa.make_url(load(monkeypatch, "mysql://u:p@host/schema", certificate).database_url)
    assert named.query == {"ssl_ca": str(certificate)}


def test_an_authority_that_cannot_be_read_stops_the_boot(monkeypatch, tmp_path, capsys):
    with pytest.raises(SystemExit):
        load(monkeypatch, "mysql://u:p@host/schema", tmp_path / "nowhere.pem")
    assert "REJESHA_DATABASE_CA is wrong" in capsys.readouterr().err
