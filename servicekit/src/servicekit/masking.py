"""What must not stand in a log line: secrets and whole Kenyan phone numbers, however they are written and nested. Pure.

Numbers that are no telephone's stay as they are: an id, an amount, a time or a TransID that was changed would mislead
whoever reads the log.
"""

import re
from collections.abc import MutableMapping
from functools import lru_cache
from typing import Any, NamedTuple

_SECRET_KEYS = re.compile(
    r"passw(or)?d|passkey|secret|token|api_?key|private_?key|authorization|cookie|credential|callback_body",
    re.IGNORECASE,
)
_PHONE_KEYS = re.compile(r"phone|msisdn|mobile|recipient", re.IGNORECASE)
# What this process puts into each line itself.
_OURS = {"timestamp", "level", "trace_id"}
_MAX_DEPTH = 8
_LEFT_OUT = "***"

_GAP = r"[ \t\u00a0\u2010-\u2015-]?"
# Whose country is named may be written in any groups; elsewhere those would be found in dates and times as well.
_PHONE = re.compile(
    rf"""(
          (?<![\d.]) \(? (?:\+|00) [ ]? 254 \)? {_GAP} (?: \(?0\)? {_GAP} )? [17] {_GAP} \d {_GAP} \d
        | (?<![\d.]) \(? 254 \)? {_GAP} (?: \(?0\)? {_GAP} )? [17]\d\d  # also amid letters, as in tel%2B254712345678
        | (?<![^\W_]) (?<!\.) (?: \(0\){_GAP} | 0 ) [17]\d\d
        | (?<![^\W_]) (?<![.=]) (?= \d{{9}} (?![^\W_]) ) [17]\d\d  # bare: unbroken; after a = it is another field's
    )
    (?:{_GAP}\d){{3}} {_GAP} (\d) {_GAP} (\d) {_GAP} (\d) (?!\d)""",
    re.VERBOSE | re.ASCII,
)
# Every number has three digits in a row; looking for those first is what keeps a usual line cheap.
_THREE_DIGITS = re.compile(r"[0-9]{3}")
_AN_INT = re.compile(r"254[17]\d{8}", re.ASCII)
_SHORTEST = 9


def mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Leave no secret and no whole Kenyan phone number in a log line; a processor for structlog."""
    for key, value in list(event.items()):
        if key in _OURS or key.startswith("_"):  # structlog's own are objects that no line shows
            continue
        shown = _key(key)
        if shown.text != key:
            del event[key]
        event[shown.text] = _LEFT_OUT if shown.secret else _masked(value, 0, phones=shown.phone)
    return event


def mask_phones(text: str) -> str:
    """Hide the middle of every Kenyan mobile number: 254712345678 becomes 254712***678."""
    return _PHONE.sub(r"\1***\2\3\4", text) if _THREE_DIGITS.search(text) else text


class _Key(NamedTuple):
    """A key as it is shown, and whether its value is a secret, or a telephone's number whatever it looks like."""

    text: str
    secret: bool
    phone: bool


@lru_cache(maxsize=1024)
def _key(key: str) -> _Key:
    return _Key(mask_phones(key), bool(_SECRET_KEYS.search(key)), bool(_PHONE_KEYS.search(key)))


def _masked(value: Any, depth: int, *, phones: bool) -> Any:
    if isinstance(value, str):
        return _hidden(value) if phones else mask_phones(value)
    if isinstance(value, bool | float | int) or value is None:
        return _of_number(value, phones=phones)
    if depth < _MAX_DEPTH and isinstance(value, dict):
        return dict(_of_pair(str(key), one, depth, phones=phones) for key, one in value.items())
    if depth < _MAX_DEPTH and isinstance(value, list | tuple | set | frozenset):
        return [_masked(one, depth + 1, phones=phones) for one in value]
    # As the line would show it; an exception's repr escapes what stands between the digits.
    text = f"{type(value).__name__}: {value}" if isinstance(value, BaseException) else repr(value)
    hidden = mask_phones(text)
    return value if hidden == text else hidden


def _of_pair(key: str, value: Any, depth: int, *, phones: bool) -> tuple[str, Any]:
    shown = _key(key)
    return shown.text, _LEFT_OUT if shown.secret else _masked(value, depth + 1, phones=phones or shown.phone)


def _of_number(value: float | None, *, phones: bool) -> Any:
    if not isinstance(value, int) or value < 100_000_000:
        return value
    if phones:
        return _hidden(str(value))
    return mask_phones(str(value)) if _AN_INT.fullmatch(str(value)) else value


def _hidden(text: str) -> str:
    """A telephone's number in any notation, also a foreign one: only its last three digits are left."""
    masked = mask_phones(text)
    if masked != text or sum(map(str.isdigit, text)) < _SHORTEST:
        return masked
    return re.sub(r"\d(?=(?:\D*\d){3})", "*", text)
