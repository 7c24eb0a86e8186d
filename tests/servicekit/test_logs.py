"""No log line holds a secret or a whole phone number; nothing else is changed."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servicekit.masking import mask, mask_phones

NUMBERS = [
    "254712345678",
    "+254712345678",
    "+254 712 345 678",
    "+254-712-345-678",
    "+254 71 234 5678",
    "+254 7 12 34 56 78",
    "+254(0)712345678",
    "254 712345678",
    "(+254) 712 345678",
    "+254 (0) 712 345 678",
    "00254712345678",
    "0712345678",
    "0712-345-678",
    "0712 345 678",
    "0712 34 56 78",
    "0712\u00a0345\u2011678",
    "(0)712345678",
    "(0) 712 345 678",
    "712345678",
    "0112345678",
    "tel%2B254712345678",
    "sms_0712345678_1",
]


def masked(**event):
    return mask(None, "info", event)


def middle(value):
    """Whether the digits in the middle of the number can be read from a line."""
    return "345" in re.sub(r"[ -]", "", json.dumps(value, default=repr))


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_is_masked_wherever_it_stands_in_a_line(number):
    line = masked(
        event=f"told {number}, and again {number}.",
        one=number,
        many=[number, (number,), {number}],
        nested={"to": {"numbers": [number, {"last": number}]}},
        **{number: "as a key"},
        keys={number: {number: 1}},
        error=ValueError(f"nobody has {number}"),
        body=f'{{"MSISDN": "{number}"}}',
    )
    assert not middle(line)
    assert "***678" in line["one"]  # enough to find a customer by


@pytest.mark.parametrize("number", [254712345678, 254112345678])
def test_a_number_that_is_an_int_is_masked(number):
    assert not middle(masked(one=number, many=[number, {"deep": (number,)}], keys={number: 1}))


def test_a_number_in_a_field_of_numbers_is_masked_however_it_is_written():
    line = masked(
        phone=712345678, phones=["712 345 678", 712345678, "+44 7123 456 345"], sms={"Mobile": "07.12.34.56.78"}
    )
    assert line == {
        "phone": "712***678",
        "phones": ["*** *** 678", "712***678", "+** **** *** 345"],
        "sms": {"Mobile": "**.**.**.*6.78"},
    }


def test_a_secret_is_left_out_at_any_depth():
    line = masked(
        api_token="t", settings={"routers": [{"Password": "p", "name": "Hill"}]}, headers={"Authorization": "b"}
    )
    assert line == {
        "api_token": "***",
        "settings": {"routers": [{"Password": "***", "name": "Hill"}]},
        "headers": {"Authorization": "***"},
    }


def test_the_known_form_stays():
    assert mask_phones("254712345678 paid") == "254712***678 paid"


TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2099, 1, 1))  # noqa: DTZ001  # hypothesis wants them so
UNTOUCHED = st.one_of(
    st.from_regex(r"[A-Z][A-Z0-9]{9}", fullmatch=True),  # TransIDs
    st.integers(0, 2**31).map(lambda number: f"task_id={number}"),
    st.integers(0, 25_000_000).map(lambda cents: f"KES {cents / 100:,.2f} ({cents} cents)"),
    TIMES.map(lambda time: time.replace(tzinfo=UTC).isoformat()),
    TIMES.map(lambda time: f"{time:%Y%m%d%H%M%S} {time:%d-%m-%Y %H:%M:%S} {time:%Y-%m-%d %H:%M:%S.%f}"),
    TIMES.map(lambda time: f"{time.timestamp():.0f} {time.timestamp() * 1000:.0f} {time.timestamp():.6f}"),
    st.floats(0, 1e6).map(lambda seconds: f"took {seconds} s"),
    st.ip_addresses().map(lambda address: f"{address}"),
    st.uuids().map(lambda one: f"{one}"),
)


@given(UNTOUCHED, st.integers(0, 2**53).filter(lambda number: not 254_000_000_000 <= number < 255_000_000_000))
def test_ids_amounts_times_and_transids_stay_as_they_are(text, number):
    event = {"event": f"done: {text}, next", "value": text, "task_id": number, "many": [text, number, {"n": number}]}
    assert mask(None, "info", dict(event)) == event


def test_what_contains_itself_ends():
    loop = []
    loop.append(loop)
    assert masked(loop=loop)


CRASH = """
import logging, threading
from servicekit import logs
logs.configure("test", log_format="{format}")
logging.getLogger("other").error("number %s", "0712 345 678")
thread = threading.Thread(target=lambda: 1 / 0, name="sender")
thread.start(); thread.join()
raise ValueError("nobody has 254712345678")
"""


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_crash_and_the_lines_of_libraries_are_masked_as_well(form):
    program = CRASH.replace("{format}", form)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "345" not in done.stderr
    for words in ("0712***678", "254712***678", "thread_crashed", "ZeroDivisionError", "ValueError: nobody"):
        assert words in done.stderr
