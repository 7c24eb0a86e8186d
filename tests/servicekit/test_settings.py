import pytest
from servicekit.settings import Settings, Words, database_url


class Example(Settings):
    database_url: str = database_url("EXAMPLE")
    api_key: str
    phones: Words = ()
    port: int = 1


def load(monkeypatch, **environment):
    for name, value in environment.items():
        monkeypatch.setenv(f"REJESHA_{name}", value)
    return Example.load()


def test_a_service_s_own_database_url_wins_over_the_shared_one(monkeypatch):
    assert load(monkeypatch, DATABASE_URL="a", API_KEY="k").database_url == "a"
    assert load(monkeypatch, EXAMPLE_DATABASE_URL="b").database_url == "b"


def test_every_setting_may_come_from_a_file(monkeypatch, tmp_path):
    (tmp_path / "key").write_text("from a file\n")
    settings = load(monkeypatch, DATABASE_URL_FILE=str(tmp_path / "key"), API_KEY_FILE=str(tmp_path / "key"))
    assert (settings.api_key, settings.database_url) == ("from a file", "from a file")


def test_a_list_is_split_at_commas(monkeypatch):
    assert load(monkeypatch, DATABASE_URL="a", API_KEY="k", PHONES=" 1, 2,,3").phones == ("1", "2", "3")


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"DATABASE_URL": "a"}, "REJESHA_API_KEY is missing"),
        ({"API_KEY": "k"}, "REJESHA_EXAMPLE_DATABASE_URL is missing"),
        ({"DATABASE_URL": "a", "API_KEY": "k", "PORT": "x"}, "REJESHA_PORT is wrong"),
        ({"DATABASE_URL": "a", "API_KEY_FILE": "/nowhere/key"}, "/nowhere/key"),
    ],
)
def test_a_missing_or_wrong_setting_stops_the_boot_and_names_itself(monkeypatch, capsys, environment, named):
    with pytest.raises(SystemExit) as stopped:
        load(monkeypatch, **environment)
    assert stopped.value.code == 2
    assert named in capsys.readouterr().err
