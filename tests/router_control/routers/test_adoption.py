"""The registry's table: made new, or adopted from the predecessor with its rows."""

import pytest
import sqlalchemy as sa
from router_control.__main__ import MIGRATIONS
from router_control.routers.adoption import inspect
from router_control.schema import routers
from servicekit.schema.findings import Refused

from servicekit import engines, migrate

# The predecessor's table as an installation may have it: short columns, a name twice, rows without anything.
PREDECESSOR = """
CREATE TABLE routers (
    id INT PRIMARY KEY AUTO_INCREMENT,
    router_name VARCHAR(50) CHARACTER SET latin1 COLLATE latin1_swedish_ci NOT NULL DEFAULT 'unnamed',
    local_ip VARCHAR(15) CHARACTER SET latin1 COLLATE latin1_swedish_ci,
    site VARCHAR(20) DEFAULT 'Nairobi'
)
"""


@pytest.fixture
def engine(database_url):
    engine = engines.create_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def predecessor(mysql_url):
    engine = engines.create_engine(mysql_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(PREDECESSOR)
        connection.exec_driver_sql("INSERT INTO routers (router_name, local_ip) VALUES ('Kisumu', '10.0.0.1')")
    yield engine
    engine.dispose()


def insert(engine, *rows):
    with engine.begin() as connection:
        for name, address in rows:
            connection.exec_driver_sql(
                "INSERT INTO routers (router_name, local_ip) VALUES (%s, %s)",
                (name, address),
            )


def up(engine):
    migrate.upgrade(engine, "router_control", MIGRATIONS)


def down(engine):
    migrate.downgrade(engine, "router_control", MIGRATIONS)


def columns(engine):
    return {column["name"]: column for column in sa.inspect(engine).get_columns("routers")}


def index(engine):
    (found,) = [i for i in sa.inspect(engine).get_indexes("routers") if i["column_names"] == ["router_name"]]
    return found


def rows(engine):
    with engine.connect() as connection:
        return connection.execute(sa.text("SELECT id, router_name, local_ip FROM routers ORDER BY id")).all()


def test_a_new_table_has_the_columns_of_the_model_and_a_unique_name(engine):
    up(engine)
    assert set(columns(engine)) == set(routers.columns.keys())
    assert index(engine)["unique"]
    up(engine)  # again: nothing to do


def test_the_way_back_and_up_again_keeps_the_rows(engine):
    up(engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(routers).values(router_name="Kisumu", local_ip="10.0.0.1", port=8729, tls=True))
    down(engine)
    assert set(columns(engine)) == {"id", "router_name", "local_ip"}
    up(engine)
    assert rows(engine) == [(1, "Kisumu", "10.0.0.1")]
    with engine.connect() as connection:
        assert connection.execute(sa.select(routers.c.port, routers.c.tls)).one() == (None, False)


@pytest.mark.mysql
def test_an_adopted_table_keeps_its_rows_and_columns_and_takes_longer_names(predecessor):
    up(predecessor)
    adopted = columns(predecessor)
    assert rows(predecessor) == [(1, "Kisumu", "10.0.0.1")]
    assert set(routers.columns.keys()) <= set(adopted)
    assert adopted["site"]["default"] == "'Nairobi'"
    assert adopted["local_ip"]["type"].length == 255
    assert adopted["router_name"]["default"] == "'unnamed'"
    assert adopted["router_name"]["nullable"] is False
    assert adopted["router_name"]["type"].collation == "utf8mb4_unicode_520_ci"
    assert index(predecessor)["unique"]


@pytest.mark.mysql
def test_the_predecessor_can_still_insert_into_an_adopted_table(predecessor):
    up(predecessor)
    insert(predecessor, ("Nakuru", "10.0.0.2"))
    assert rows(predecessor) == [(1, "Kisumu", "10.0.0.1"), (2, "Nakuru", "10.0.0.2")]


@pytest.mark.mysql
def test_names_that_are_there_twice_are_adopted_and_stay_allowed_to_the_predecessor(predecessor):
    insert(predecessor, ("kisumu", "10.0.0.9"))
    up(predecessor)
    assert not index(predecessor)["unique"]
    insert(predecessor, ("KISUMU", None))
    assert [name for _, name, _ in rows(predecessor)] == ["Kisumu", "kisumu", "KISUMU"]


@pytest.mark.mysql
def test_the_way_back_leaves_an_adopted_table_what_was_its_own(mysql_url):
    engine = engines.create_engine(mysql_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE routers (id INT PRIMARY KEY AUTO_INCREMENT, router_name TEXT, port INT)"
        )
        connection.exec_driver_sql("INSERT INTO routers (router_name, port) VALUES ('Kisumu', 9000)")
    up(engine)
    down(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT router_name, port FROM routers").all() == [("Kisumu", 9000)]
    assert set(columns(engine)) == {"id", "router_name", "local_ip", "port"}
    engine.dispose()


@pytest.mark.mysql
def test_a_migration_that_broke_off_half_way_can_be_run_again(predecessor):
    with predecessor.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE routers ADD COLUMN port INT COMMENT 'added by router-control'")
    up(predecessor)
    assert set(routers.columns.keys()) <= set(columns(predecessor))


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (["ALTER TABLE routers ADD port VARCHAR(10)"], "routers.port (varchar(10)) must hold whole numbers"),
        (["ALTER TABLE routers MODIFY local_ip INT UNSIGNED"], "routers.local_ip (int"),
        (["ALTER TABLE routers ADD owner INT NOT NULL"], "routers.owner must be filled"),
        (["DROP TABLE routers", "CREATE VIEW routers AS SELECT 1 AS router_name"], "routers is a view"),
        (["ALTER TABLE routers RENAME COLUMN router_name TO title"], "routers is a table of your own"),
    ],
)
def test_what_keeps_routers_from_being_adopted_is_named_and_nothing_is_changed(server_url, statements, said):
    engine = engines.create_engine(server_url)
    with engine.begin() as connection:
        for statement in [PREDECESSOR, *statements]:
            connection.exec_driver_sql(statement)
        (obstacle,) = inspect(connection).obstacles
    assert said in obstacle
    before = list(columns(engine))
    with pytest.raises(Refused):
        up(engine)
    assert list(columns(engine)) == before
    engine.dispose()


@pytest.mark.parametrize("charset", ["latin1", "utf8mb3"])
@pytest.mark.parametrize("statements", [[], [PREDECESSOR.rstrip() + " ENGINE=MyISAM"]], ids=["new", "adopted"])
def test_a_router_s_name_may_be_of_any_alphabet_and_its_table_has_transactions(server_url, statements, charset):
    engine = engines.create_engine(server_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {engine.url.database} CHARACTER SET {charset}")
        for statement in statements:
            connection.exec_driver_sql(statement)
    up(engine)
    insert(engine, ("Kĩambu 🗼", "10.0.0.1"), ("Kĩambu 🏠", "10.0.0.2"))
    assert [name for _, name, _ in rows(engine)] == ["Kĩambu 🗼", "Kĩambu 🏠"]
    with engine.connect() as connection:
        kinds = connection.exec_driver_sql(
            "SELECT DISTINCT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"
        )
        assert kinds.scalars().all() == ["InnoDB"]
    engine.dispose()


def test_logins_that_are_not_ours_are_told(server_url):
    engine = engines.create_engine(server_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(PREDECESSOR)
        connection.exec_driver_sql("ALTER TABLE routers ADD username VARCHAR(20)")
        connection.exec_driver_sql("INSERT INTO routers (username) VALUES ('admin')")
        assert "logins of your own" in str(inspect(connection))
    engine.dispose()
