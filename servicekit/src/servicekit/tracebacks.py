"""How an exception looks in a log: where it was raised and its class, and of a database's errors only the number.

Such an error's text holds the statement, and what the server quotes of it: names, phone numbers, messages.
"""

import sys
import traceback
from collections.abc import Iterator, MutableMapping
from typing import Any

_DRIVERS = ("pymysql", "sqlite3")


def format_exception(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put the text of an exception that is being logged into `exception`: a structlog processor."""
    given = event.pop("exc_info", None)
    if isinstance(given, tuple):
        given = given[1]
    elif given and not isinstance(given, BaseException):
        given = sys.exc_info()[1]
    if given:
        event["exception"] = "\n".join(_tell(given, set()))
    return event


def _tell(error: BaseException, seen: set[int]) -> Iterator[str]:
    """Its causes first, as Python prints them."""
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        yield from _tell(before, seen)
        yield "which led to"
    if error.__traceback__:
        yield "".join(["Traceback (most recent call last):\n", *traceback.format_tb(error.__traceback__)]).rstrip()
    yield f"{type(error).__module__}.{type(error).__qualname__}: {_text(error)}"
    for part in getattr(error, "exceptions", ()):  # a group's
        yield from _tell(part, seen)


def _text(error: BaseException) -> str:
    # By name, for not every process has these libraries.
    if not (hasattr(error, "statement") or type(error).__module__.split(".")[0] in _DRIVERS):
        return str(error)
    of_driver = getattr(error, "orig", None) or error
    number = next(iter(of_driver.args), None)
    number = number if isinstance(number, int) else getattr(of_driver, "sqlite_errorname", "")
    return f"error {number}".strip()
