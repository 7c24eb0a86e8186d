"""The faults that the simulator can be told to show, and when."""

import random
import threading
from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator

Kind = Literal[
    # of one message
    "code",  # refused with `code`
    "omit",  # taken, but its result is missing from the answer
    # of a whole call, in place of an answer
    "reset",  # the connection is reset
    "silence",  # taken, and no answer comes
    "http_error",  # HTTP `status` with a page of text
    "not_json",  # HTTP 200 with a page of text
    "failure_body",  # `code` at the top of the body, no results
    # of an answer
    "delay",  # taken, and the answer comes `seconds` later
    "drip",  # taken, and the answer comes a byte each `seconds`
    "right_spelling",  # response-code instead of the documented respose-code
    "no_echo",  # clientsmsid is not echoed
    "shuffle",  # results in another order
]
INSTEAD: tuple[Kind, ...] = ("reset", "silence", "http_error", "not_json", "failure_body")


class Fault(BaseModel):
    """One fault: `count` times at most (None: until taken back), each time with `probability`."""

    kind: Kind
    probability: Annotated[float, Field(ge=0, le=1)] = 1
    count: Annotated[int, Field(ge=1)] | None = None
    # For `code` and `failure_body`: a response code, documented or not.
    code: int | None = None
    # For `http_error`.
    status: Annotated[int, Field(ge=300, le=599)] = 500
    # For `delay` and `drip`.
    seconds: Annotated[float, Field(ge=0)] = 1
    # For `code` and `omit`: only messages to this number, as 2547….
    mobile: str = ""
    # For `reset`, `http_error` and `not_json`: the messages are taken all the same.
    taken: bool = False

    @model_validator(mode="after")
    def _has_a_code(self) -> "Fault":
        if self.kind in {"code", "failure_body"} and self.code is None:
            raise ValueError(f"{self.kind} needs a code")
        return self


class Faults:
    """The faults in force; may be used by several threads."""

    def __init__(self, dice: random.Random | None = None) -> None:
        self._dice = dice or random.Random()
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault.model_copy())

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def list(self) -> list[Fault]:
        """Those in force, with what is left of their counts."""
        with self._lock:
            return [fault.model_copy() for fault in self._faults]

    def draw(self, *kinds: Kind, mobile: str = "") -> Fault | None:
        """The first fault of these kinds that shows now, if any; it is then counted."""
        if not self._faults:  # asked for several times for every message, and mostly there are none
            return None
        with self._lock:
            for fault in self._faults:
                if fault.kind in kinds and fault.mobile in {"", mobile} and self._dice.random() < fault.probability:
                    self._count(fault)
                    return fault
        return None

    def _count(self, fault: Fault) -> None:
        if fault.count is None:
            return
        fault.count -= 1
        if fault.count == 0:
            self._faults.remove(fault)
