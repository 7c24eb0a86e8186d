"""What becomes of a transaction whose connection is cut when the server has committed it and has not said so yet."""

import re

import pytest
import sqlalchemy as sa
from servicekit.database import transact
from servicekit.engines import create_engine
from servicekit.rpc.errors import DatabaseUnavailable

from chaos import proxy
from chaos.background import Background
from chaos.ports import free_port

pytestmark = pytest.mark.mysql

things = sa.Table("things", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.Integer))
INSERT = sa.insert(things).values(n=1)


@pytest.fixture
def cut_at(monkeypatch, mysql_url):
    """Function to cut the next transaction that inserts at a moment; it answers an engine on which that will happen."""
    monkeypatch.setattr(proxy, "_STORES_PAYMENTS", re.compile(rb"INSERT INTO `?things\b"))
    background, address = Background(), sa.make_url(mysql_url)
    between = proxy.MysqlProxy(free_port(), address.port)
    background.do(between.start())
    engine = create_engine(address.set(host="127.0.0.1", port=between.port).render_as_string(hide_password=False))
    things.metadata.create_all(engine)

    def cut(moment):
        def trap(now):
            hit = now is moment
            if hit:
                between.trap = proxy.let_pass
            return hit

        between.trap = trap
        return engine

    yield cut
    engine.dispose()
    background.do(between.stop())
    background.close()


def run(engine, **options):
    runs = []

    def work(connection):
        runs.append(1)
        connection.execute(INSERT)

    try:
        transact(engine, work, **options)
    except DatabaseUnavailable:
        return len(runs), "unknown"
    return len(runs), "done"


def count(engine):
    return transact(
        engine, lambda connection: connection.execute(sa.select(sa.func.count()).select_from(things)).scalar()
    )


def test_work_that_cannot_tell_does_not_run_again_after_it(cut_at):
    engine = cut_at(proxy.Moment.COMMITTED)
    assert run(engine, once=True) == (1, "unknown")
    assert count(engine) == 1


def test_other_work_runs_again_and_has_to_look_what_is_there(cut_at):
    engine = cut_at(proxy.Moment.COMMITTED)
    assert run(engine) == (2, "done")
    assert count(engine) == 2


def test_a_connection_that_is_lost_before_is_no_reason_to_give_up(cut_at):
    engine = cut_at(proxy.Moment.INSERT)
    assert run(engine, once=True) == (2, "done")
    assert count(engine) == 1


def test_nor_can_anybody_tell_when_it_is_lost_at_the_commit_itself(cut_at):
    engine = cut_at(proxy.Moment.COMMIT)
    assert run(engine, once=True) == (1, "unknown")
    assert count(engine) == 0
