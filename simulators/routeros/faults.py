"""What can be made to go wrong, and for which commands. Data only: sender.py, session.py and server.py act on it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    DELAY = "delay"
    """Wait `seconds`, then run the command and answer: a slow router, which runs it even if the client has left."""
    LATE_REPLY = "late-reply"
    """Run the command at once, answer after `seconds`: the client has timed out, the change is made."""
    DRIP = "drip"
    """Answer one byte every `seconds`."""
    ENDLESS_WORDS = "endless-words"
    """Run the command, answer with one sentence that has no end: a word every `seconds`, or as fast as they go."""
    ENDLESS_ROWS = "endless-rows"
    """Run the command, answer with rows without end: one every `seconds`, or as fast as they go."""
    HALF_OPEN = "half-open"
    """Accept and never answer, nor run anything; a connection that met this stays deaf."""
    REFUSE = "refuse"
    """Nobody listens on the port, and open connections are cut."""
    RESET = "reset"
    """Run the command, send half of the answer and reset the connection."""
    CLOSE_AFTER_WRITE = "close-after-write"
    """Run a command that changes something and close without an answer; printing works."""
    FATAL = "fatal"
    """Send half of the rows, then !fatal, and close."""
    VANISH = "vanish"
    """The rows a remove (or another change) refers to are gone just before it runs."""
    RESTART = "restart"
    """Reboot just before the command would run: connections cut, sessions gone, ids changed."""


_CHANGING = frozenset({"set", "enable", "disable", "comment", "unset", "remove"})
_VERBS = {
    Mode.CLOSE_AFTER_WRITE: _CHANGING | {"add"},
    Mode.VANISH: _CHANGING,
    Mode.FATAL: frozenset({"print", "getall"}),
}
"""The verbs that a mode can befall; the other modes befall every command."""


class BadFault(ValueError):
    """A fault that cannot be."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong. `seconds`: how long, for the modes that wait. `commands`: the paths it befalls
    ("/ppp/secret/set"; "/ppp/secret" means all below it), none = every command, login too.
    `times`: how many commands it befalls, None = until cleared.
    """

    mode: Mode
    seconds: float = 0.0
    commands: tuple[str, ...] = ()
    times: int | None = None

    def __post_init__(self) -> None:
        if self.seconds < 0:
            raise BadFault("seconds must not be negative")
        if self.times is not None and self.times < 1:
            raise BadFault("times must be at least 1")

    def befalls(self, path: str) -> bool:
        """Whether a command of this path meets the fault."""
        if self.mode in _VERBS and path.rpartition("/")[2] not in _VERBS[self.mode]:
            return False
        return not self.commands or any(path == known or path.startswith(f"{known}/") for known in self.commands)


class Faults:
    """The faults in force on one router. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: list[tuple[Fault, int | None]] = []
        self._watchers: list[Callable[[], None]] = []

    def set(
        self, mode: Mode | str, *, seconds: float = 0.0, commands: tuple[str, ...] = (), times: int | None = None
    ) -> None:
        """Put a fault in force beside those there are; for a command the first that befalls it counts."""
        if mode not in list(Mode):
            raise BadFault(f"there is no fault {mode!r}; there are {', '.join(Mode)}")
        fault = Fault(Mode(mode), seconds, tuple(commands), times)
        with self._lock:
            self._active.append((fault, times))
        self._tell()

    def clear(self) -> None:
        """Nothing goes wrong any more; connections that were spoilt stay so."""
        with self._lock:
            self._active.clear()
        self._tell()

    def take(self, path: str) -> Fault | None:
        """The fault that befalls this command, used up by one."""
        with self._lock:
            for at, (fault, left) in enumerate(self._active):
                if fault.mode is Mode.REFUSE or not fault.befalls(path):
                    continue
                if left is not None:
                    self._active[at : at + 1] = [(fault, left - 1)] if left > 1 else []
                return fault
        return None

    @property
    def active(self) -> list[Fault]:
        with self._lock:
            return [fault for fault, _left in self._active]

    @property
    def refusing(self) -> bool:
        return any(fault.mode is Mode.REFUSE for fault in self.active)

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` after every change, on the changing thread; the change returns after it has."""
        self._watchers.append(watcher)

    def unwatch(self, watcher: Callable[[], None]) -> None:
        self._watchers.remove(watcher)

    def _tell(self) -> None:
        for watcher in list(self._watchers):
            watcher()
