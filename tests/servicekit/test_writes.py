from datetime import date

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servicekit.database import transact
from servicekit.engines import create_engine
from servicekit.writes import together
from sqlalchemy.exc import IntegrityError

metadata = sa.MetaData()
books = sa.Table(
    "books",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("title", sa.String(200), unique=True),
    sa.Column("raw", sa.LargeBinary(2_000_000)),
    sa.Column("day", sa.Date),
)


@pytest.fixture
def shelf(database_url):
    engine = create_engine(database_url)
    metadata.create_all(engine)
    yield engine
    engine.dispose()


def read(engine):
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.select(books).order_by(books.c.id))]


def row(number, title, raw=b"", day=None):
    return {"id": number, "title": title, "raw": raw, "day": day}


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(texts, st.binary(max_size=20), st.none() | st.dates(date(1000, 1, 1))), max_size=5))
def test_every_value_arrives_as_it_is(shelf, values):
    # The number keeps titles apart that a collation takes for the same.
    rows = [row(number, f"{number} {title}", raw, day) for number, (title, raw, day) in enumerate(values, 1)]

    def work(connection):
        connection.execute(sa.delete(books))
        with together(connection) as writes:
            for one in rows:
                writes.insert(books, [one])

    transact(shelf, work)
    assert read(shelf) == [tuple(one.values()) for one in rows]


def test_statements_keep_their_order_and_signs_of_sql_mean_nothing(shelf):
    def work(connection):
        with together(connection) as writes:
            writes.insert(
                books,
                [row(1, "100 % 'sure'; DROP TABLE books; -- %s"), row(2, "b\\"), row(3, "c", day=date(2026, 1, 1))],
            )
            writes.update(books.c.day, books.c.id, {1: date(2026, 12, 23), 2: date(2026, 12, 24), 3: None})
            writes.update(books.c.title, books.c.id, {2: "c%d"}, also={books.c.raw: b"%s'", books.c.day: None})
            writes.update(books.c.title, books.c.id, {})
            writes.insert(books, [])

    transact(shelf, work)
    assert read(shelf) == [
        (1, "100 % 'sure'; DROP TABLE books; -- %s", b"", date(2026, 12, 23)),
        (2, "c%d", b"%s'", None),
        (3, "c", b"", None),
    ]


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_whichever_statement_fails_nothing_is_kept_and_it_is_said(shelf, bad):
    def work(connection):
        connection.execute(sa.insert(books), [row(9, "there")])
        with together(connection) as writes:
            for number in range(3):
                writes.insert(books, [row(number + 1, "there" if number == bad else f"new {number}")])

    with shelf.connect() as connection, pytest.raises(IntegrityError) as failed, connection.begin():
        work(connection)
    assert read(shelf) == []
    said = str(failed.value).replace(str(failed.value.orig), "")  # what the server says of it is masked elsewhere
    assert "there" not in said
    assert "new" not in said


def test_what_is_too_long_for_one_packet_goes_in_several(shelf):
    rows = [row(number, f"t{number}", bytes([number]) * 700_000) for number in range(1, 6)]

    def work(connection):
        with together(connection) as writes:
            writes.insert(books, rows)
            writes.update(books.c.title, books.c.id, {5: "last"})

    transact(shelf, work)
    assert [(number, title, len(raw)) for number, title, raw, _ in read(shelf)] == [
        (number, f"t{number}" if number < 5 else "last", 700_000) for number in range(1, 6)
    ]
