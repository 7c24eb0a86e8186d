"""Servers that are one of several writers: refused before anything is tried on them."""

import pytest
import sqlalchemy as sa
from servicekit.selftest import SelfTest

from servicekit import clusters, engines
from tests import mariadb

GALERA = (
    "--wsrep-on=ON",
    "--wsrep-provider=/usr/lib/galera/libgalera_smm.so",
    "--wsrep-cluster-address=gcomm://",
    "--binlog-format=ROW",
    "--wsrep-sst-method=skip",
)


@pytest.mark.mariadb
def test_a_node_of_galera_is_refused(mariadb_server):
    with mariadb.running(options=GALERA) as url:
        engine = engines.create_engine(url.render_as_string(hide_password=False))
        ((check, fault),) = SelfTest(engine, "example", sa.MetaData()).checks()
        engine.dispose()
    assert check == "server"
    assert "other servers take writes beside this one (wsrep_on is ON)" in fault


@pytest.mark.parametrize(
    ("version", "variables", "said"),
    [
        ("9.7.0", {"group_replication_single_primary_mode": "OFF"}, "group_replication_single_primary_mode is OFF"),
        ("8.0.40-Vitess", {}, "this is Vitess"),
    ],
)
def test_others_that_spread_a_database_are_refused(version, variables, said):
    assert said in clusters.fault(version, variables)


@pytest.mark.parametrize(
    ("version", "variables"),
    [
        ("9.7.0", {}),
        ("9.7.0", {"group_replication_single_primary_mode": "ON"}),
        ("10.11.14-MariaDB-0+deb12u2", {"wsrep_on": "OFF"}),
    ],
)
def test_a_server_alone_and_a_group_with_one_primary_are_not(version, variables):
    assert clusters.fault(version, variables) == ""
