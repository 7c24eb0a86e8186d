import sqlalchemy as sa
from servicekit.columns import ExactText
from servicekit.database import transact
from servicekit.engines import create_engine

words = sa.Table("words", sa.MetaData(), sa.Column("word", ExactText(10), primary_key=True))


def test_exact_texts_are_the_same_only_if_every_character_is(database_url):
    engine = create_engine(database_url)
    words.metadata.create_all(engine)
    # The neighbours are the same by one server's rules or another's.
    different = ["a", "a ", "a  ", "A", "á", "a\u0301", "ä", "ß", "ss", "😀", "😁"]

    def work(connection):
        connection.execute(sa.insert(words), [{"word": word} for word in different])
        return {
            word: connection.execute(sa.select(words).where(words.c.word == word)).scalars().all() for word in different
        }

    assert transact(engine, work) == {word: [word] for word in different}
    engine.dispose()
