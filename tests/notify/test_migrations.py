"""notify's table on databases that are not what ours are, and its migration cut short."""

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from notify.__main__ import MIGRATIONS
from notify.messages import service
from notify.messages.rules import Draft
from notify.schema import metadata
from servicekit.engines import create_engine

from servicekit import migrate
from tests.migrating import migrate_killed_after_each_change
from tests.notify.rounds import no_wake


def differences(engine):
    """Between the migrated table and the models."""
    only_ours = {"include_name": lambda name, kind, _: kind != "table" or name == "messages"}
    with engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection, opts=only_ours), metadata)


def test_the_migrated_table_is_the_one_of_the_models_and_can_be_taken_back(engine):
    assert differences(engine) == []
    migrate.downgrade(engine, "notify", MIGRATIONS)
    assert not sa.inspect(engine).has_table("messages")


def test_a_migration_killed_after_each_of_its_changes_ends_where_an_undisturbed_one_does(server_url):
    died = migrate_killed_after_each_change(server_url, "notify", MIGRATIONS)
    engine = create_engine(server_url)
    assert died >= 3
    assert differences(engine) == []
    service.accept(engine, no_wake, [Draft("m1", phone="0712345678", text="hello")])


@pytest.fixture(params=["latin1", "utf8mb3"])
def old_engine(request, server_url):
    """A schema of an old server: no emoji, and tables without transactions unless one asks for others."""
    engine = create_engine(server_url)

    @sa.event.listens_for(engine, "connect")
    def be_old(connection, _record):
        connection.cursor().execute("SET SESSION default_storage_engine = MyISAM")

    with engine.connect() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE CHARACTER SET {request.param}")
    yield engine
    engine.dispose()


def test_an_old_schema_s_defaults_touch_neither_texts_nor_ids_nor_transactions(old_engine):
    migrate.upgrade(old_engine, "notify", MIGRATIONS)
    ids = ["a", "a ", "A", "A  "]
    receipts = service.accept(old_engine, no_wake, [Draft(id_, phone="0712345678", text="hello 😀") for id_ in ids])
    assert [(receipt.message_id, receipt.repeated) for receipt in receipts] == [(id_, False) for id_ in ids]
    for id_ in ids:
        assert (service.get(old_engine, id_).message_id, service.get(old_engine, id_).text) == (id_, "hello 😀")
    with old_engine.connect() as connection:
        engines = connection.exec_driver_sql(
            "SELECT DISTINCT engine FROM information_schema.tables"
            " WHERE table_schema = DATABASE() AND table_name = 'messages'"
        )
        assert engines.scalars().all() == ["InnoDB"]
