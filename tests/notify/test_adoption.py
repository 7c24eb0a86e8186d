"""notify's table in a schema that is somebody else's too."""

import pytest
import sqlalchemy as sa
from notify.__main__ import MIGRATIONS
from notify.schema import adoption
from servicekit.schema.findings import Refused

from servicekit import engines, migrate


def test_an_own_table_named_messages_is_named_and_nothing_is_changed(server_url):
    engine = engines.create_engine(server_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE messages (id INT PRIMARY KEY, text TEXT)")
        (obstacle,) = adoption.inspect(connection).obstacles
    assert "RENAME TABLE messages TO messages_own" in obstacle
    with pytest.raises(Refused):
        migrate.upgrade(engine, "notify", MIGRATIONS)
    assert sa.inspect(engine).get_table_names() == ["messages"]
    with engine.begin() as connection:
        connection.exec_driver_sql("RENAME TABLE messages TO messages_own")
    migrate.upgrade(engine, "notify", MIGRATIONS)
    with engine.connect() as connection:
        assert not adoption.inspect(connection).obstacles
    engine.dispose()
