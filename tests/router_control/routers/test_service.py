"""The registry's use cases, on SQLite and on MySQL."""

import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet, MultiFernet
from router_control.__main__ import MIGRATIONS
from router_control.routeros.errors import LoginRefused
from router_control.routers.errors import InvalidRouter, RouterNameTaken, RouterNotFound, UnreadablePassword
from router_control.routers.rules import Registration, checked
from router_control.routers.service import Registry
from router_control.routers.targets import Defaults, Targets
from router_control.schema import routers

from servicekit import engines, migrate

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
KISUMU = Registration("Kisumu", "10.0.0.1", username="api", password="mango-tree-7")


def keys_of(*keys):
    return MultiFernet([Fernet(key) for key in keys])


@pytest.fixture
def registry(engine):
    return Registry(engine, keys_of(OLD), Defaults())


@pytest.fixture
def targets(engine):
    return Targets(engine, keys_of(OLD), Defaults())


def stored_passwords(engine):
    with engine.connect() as connection:
        return connection.scalars(sa.select(routers.c.password_encrypted)).all()


def test_a_router_is_kept_as_it_was_registered(registry):
    created = registry.create(replace(KISUMU, name="  Kisumu ", port=9000, tls=True, verify_certificate=True))
    assert registry.get(created.router_id) == created
    assert (created.name, created.address, created.port) == ("Kisumu", "10.0.0.1", 9000)
    assert (created.tls, created.verify_certificate, created.username) == (True, True, "api")
    assert registry.list() == [created]


def test_an_update_replaces_everything_and_without_a_password_keeps_the_old_one(registry, targets):
    created = registry.create(KISUMU)
    updated = registry.update(Registration("Nakuru", "10.0.0.1", created.router_id, 8728, username="other"))
    assert (updated.name, updated.port, updated.username) == ("Nakuru", 8728, "other")
    assert targets.of(updated).login.password == "mango-tree-7"


def test_an_empty_password_removes_the_old_one(registry, targets):
    created = registry.create(KISUMU)
    updated = registry.update(replace(KISUMU, router_id=created.router_id, password=""))
    assert not updated.password_encrypted
    assert targets.of(updated).login.password == ""


def test_a_name_is_taken_once_whatever_its_case(registry):
    kisumu = registry.create(KISUMU)
    nakuru = registry.create(replace(KISUMU, name="Nakuru"))
    with pytest.raises(RouterNameTaken):
        registry.create(replace(KISUMU, name="KISUMU"))
    with pytest.raises(RouterNameTaken):
        registry.update(replace(nakuru, name="kisumu"))
    assert registry.update(replace(kisumu, name="KISUMU")).name == "KISUMU"


def test_of_many_who_take_a_name_at_once_one_gets_it(registry):
    outcomes = []

    def create():
        try:
            outcomes.append(registry.create(KISUMU).name)
        except RouterNameTaken:
            outcomes.append("taken")

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["Kisumu"] + ["taken"] * 7


def test_an_unknown_router_is_said_to_be_unknown(registry):
    for act in (registry.get, registry.delete, lambda number: registry.update(replace(KISUMU, router_id=number))):
        with pytest.raises(RouterNotFound):
            act(7)


def test_a_deleted_router_is_gone_and_its_id_is_not_given_again(registry):
    first = registry.create(KISUMU)
    registry.delete(first.router_id)
    assert registry.list() == []
    assert registry.create(KISUMU).router_id > first.router_id


def test_passwords_cannot_be_read_in_the_database_and_show_in_no_repr(registry, targets, engine):
    created = registry.create(KISUMU)
    (stored,) = stored_passwords(engine)
    assert "mango-tree-7" not in stored
    shown = repr(created) + repr(targets.of(created)) + repr(KISUMU)
    assert "mango-tree-7" not in shown
    assert stored not in shown


def test_a_rotated_key_still_opens_old_passwords_and_reencrypting_lets_the_old_key_go(registry, engine):
    created = registry.create(replace(KISUMU, password="mti wa embe, ñ 木"))
    rotated = keys_of(NEW, OLD)
    assert Targets(engine, rotated, Defaults()).of(created).login.password == "mti wa embe, ñ 木"

    new_only = Targets(engine, keys_of(NEW), Defaults())
    with pytest.raises(LoginRefused, match="REJESHA_ROUTER_CONTROL_KEYS"):
        new_only.of(created)

    assert Registry(engine, rotated, Defaults()).reencrypt() == 1
    assert new_only.of(registry.get(created.router_id)).login.password == "mti wa embe, ñ 木"


def test_reencrypting_changes_nothing_when_one_password_cannot_be_opened(registry, engine):
    registry.create(KISUMU)
    Registry(engine, keys_of(NEW), Defaults()).create(replace(KISUMU, name="Nakuru"))
    before = stored_passwords(engine)
    with pytest.raises(UnreadablePassword):
        registry.reencrypt()
    assert stored_passwords(engine) == before


def test_a_row_of_the_predecessor_uses_the_default_login_and_port(registry, engine):
    targets = Targets(engine, keys_of(OLD), Defaults("apiuser", "secret", 8000))
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO routers (router_name, local_ip) VALUES ('Kisumu', ' 10.0.0.1 ')")
    (adopted,) = registry.list()
    target = targets.of(adopted)
    assert (target.host, target.port, target.tls) == ("10.0.0.1", 8000, False)
    assert (target.login.username, target.login.password) == ("apiuser", "secret")
    assert targets.of(replace(adopted, tls=True)).port == 8729


def test_a_router_without_login_and_without_default_has_none(registry, targets):
    created = registry.create(Registration("Kisumu", "10.0.0.1", use_default_login=True))
    with pytest.raises(LoginRefused, match="REJESHA_ROUTEROS_USER"):
        targets.of(created)


@pytest.mark.mysql
def test_rows_of_the_predecessor_that_share_a_name_can_be_edited_one_by_one(mysql_url):
    engine = engines.create_engine(mysql_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE routers (id INT PRIMARY KEY AUTO_INCREMENT, router_name VARCHAR(50), local_ip VARCHAR(50))"
        )
        connection.exec_driver_sql("INSERT INTO routers (router_name) VALUES ('Kisumu'), ('Kisumu'), (NULL)")
    migrate.upgrade(engine, "router_control", MIGRATIONS)
    registry = Registry(engine, keys_of(OLD), Defaults())
    first, second, third = registry.list()
    first, second, third = (replace(router, use_default_login=True) for router in (first, second, third))
    assert registry.update(replace(first, address="10.0.0.1")).address == "10.0.0.1"
    with pytest.raises(RouterNameTaken):
        registry.update(replace(third, name="Kisumu", address="10.0.0.3"))
    assert registry.update(replace(second, name="Nakuru", address="10.0.0.2")).name == "Nakuru"
    engine.dispose()


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "  "},
        {"name": "n" * 101},
        {"name": "Ki\x07sumu"},
        {"address": ""},
        {"address": "10.0.0.1:8728"},
        {"address": "10.0.0.256"},
        {"address": "0.0.0.0"},
        {"address": "224.0.0.1"},
        {"address": "a b"},
        {"address": "-router"},
        {"address": "x" * 64 + ".example"},
        {"port": -1},
        {"port": 65536},
        {"verify_certificate": True},
        {"username": ""},
        {"username": "u" * 101},
        {"username": "u\0"},
        {"password": "mango\r"},
        {"password": "mango" * 41},
    ],
)
def test_a_registration_that_cannot_work_is_refused_without_showing_the_password(wrong):
    with pytest.raises(InvalidRouter) as refused:
        checked(replace(KISUMU, **wrong))
    assert replace(KISUMU, **wrong).password not in str(refused.value)


@pytest.mark.parametrize("address", ["10.0.0.1", "fd00::1", "localhost", "r1.vpn.example", "r_1", "R1.example."])
def test_addresses_and_host_names_are_taken(address):
    assert checked(replace(KISUMU, address=f" {address} ")).address == address
