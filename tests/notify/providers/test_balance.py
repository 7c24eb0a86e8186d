"""What is left of the TextSMS account, as `doctor` tells it."""

import pytest
from notify.__main__ import check_balance
from notify.providers.console import Console
from notify.providers.textsms import NoBalance, read_balance

from chaos.ports import free_port
from simulators.textsms import TextSmsSimulator
from tests.notify.conftest import ACCOUNT


def test_what_is_left_is_told_and_that_nothing_is(make_provider):
    assert str(check_balance(make_provider())) == "ok\tTextSMS balance: 1,000,000.00 left"
    with TextSmsSimulator(account=ACCOUNT, credits_left=0) as empty:
        said = str(check_balance(make_provider(url=empty.url)))
    assert said == "bad\tTextSMS balance: nothing is left: top the account up"


def test_a_balance_that_nobody_knows_says_why(make_provider):
    assert "bad\tTextSMS balance: not known: 1006" in str(check_balance(make_provider(api_key="another")))
    away = make_provider(url=f"http://127.0.0.1:{free_port()}/api/services/")
    assert "not known: no connection" in str(check_balance(away))
    assert str(check_balance(Console())).startswith("none\t")


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (b'{"response-code": 200, "credit": "1,234.50"}', 1234.5),
        (b'{"respose-code": 200, "credit": 7}', 7),
        (b'{"balance": "0"}', 0),
    ],
)
def test_a_balance_is_read_in_every_spelling(body, left):
    assert read_balance(200, body) == left


@pytest.mark.parametrize("body", [b"", b"[]", b'{"response-code": 200}', b'{"credit": "much"}', b"<html>"])
def test_an_answer_without_a_balance_is_no_balance(body):
    with pytest.raises(NoBalance):
        read_balance(200, body)
