"""What was sent, to read: in memory, and in a file of JSON lines when there is one."""

import json
import threading
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Received:
    """A message that the provider took. `time`: seconds since 1970."""

    messageid: int
    mobile: str
    message: str
    shortcode: str
    clientsmsid: str
    endpoint: str
    time: float


class Inbox:
    """All messages taken, oldest first; may be used by several threads."""

    def __init__(self, state_file: Path | None = None) -> None:
        self._file = state_file
        self._lock = threading.Lock()
        self._messages: list[Received] = []
        if state_file and state_file.exists():
            lines = state_file.read_text(encoding="utf-8").splitlines()
            self._messages = [Received(**json.loads(line)) for line in lines]
        self._last_id = max((message.messageid for message in self._messages), default=0)

    def next_id(self) -> int:
        with self._lock:
            self._last_id += 1
            return self._last_id

    def add(self, message: Received) -> None:
        with self._lock:
            self._messages.append(message)
            if self._file:
                with self._file.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(message)) + "\n")

    def read(self, mobile: str = "") -> list[Received]:
        """All messages, or those to one number in any Kenyan spelling; newest last."""
        with self._lock:
            return [message for message in self._messages if not mobile or message.mobile == spell(mobile)]

    def clear(self) -> None:
        with self._lock:
            self._messages.clear()
            if self._file:
                self._file.unlink(missing_ok=True)


def spell(mobile: str) -> str:
    """A number's digits, as 254 and nine more where it has that many."""
    digits = "".join(filter(str.isdigit, mobile))
    return "254" + digits[-9:] if len(digits) in {9, 10, 12} else digits
