"""One simulated router: its state, its faults and what it has seen. Thread-safe, with no network in it.

The menus answer commands from it, tests and the control endpoint look at it and change it.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from simulators.routeros.faults import Faults
from simulators.routeros.ppp import Ppp, with_id
from simulators.routeros.sentences import Command
from simulators.routeros.statefile import StateFile
from simulators.routeros.tables import Values
from simulators.routeros.users import User
from simulators.routeros.versions import Version

_IDS_PER_BOOT = 0x100000


class Router:
    """A router's state. Properties are named as on the wire, with "_" for "-" where they are Python arguments.

    `state_file` keeps the secrets over the end of the process; ids differ after that, as after any reboot.
    """

    def __init__(
        self,
        *users: User,
        name: str = "router-1",
        version: str = "7.20",
        max_sessions: int = 20,
        state_file: Path | None = None,
    ) -> None:
        self.name = name
        self.version = Version.parse(version)
        self.users = {user.name: user for user in users}
        self.max_sessions = max_sessions
        self.faults = Faults()
        self.logins: Counter[bool] = Counter()
        """Login attempts that succeeded (True) and failed (False)."""
        self.connections_accepted = 0
        self.connections_open = 0
        self._commands: deque[Command] = deque(maxlen=10_000)
        self._counts: Counter[str] = Counter()
        self._lock = threading.RLock()
        self._booted = time.monotonic()
        self._reboot_watchers: list[Callable[[], None]] = []
        self._state_file = StateFile(state_file) if state_file else None
        boots = self._state_file.boots if self._state_file else 0
        self._ppp = Ppp(self.version, 1 + _IDS_PER_BOOT * boots)
        if self._state_file:
            for row in self._state_file.saved:
                self._ppp.secrets.add(row)
            self._state_file.keep(self._ppp.secrets)
            self._ppp.secrets.listen(self._state_file.record)

    @contextmanager
    def locked(self) -> Iterator[Ppp]:
        """The PPP state, for as long as nobody else may touch it."""
        with self._lock:
            yield self._ppp

    def add_secret(self, name: str, *, disabled: bool = False, **properties: str) -> str:
        """Add a secret and return its id. Raises the Trap a client would get."""
        with self.locked() as ppp:
            return ppp.add_secret({"name": name, "disabled": "yes" if disabled else "no", **_wire_names(properties)})

    def change_secret(self, name: str, **properties: str) -> None:
        """Set a secret's properties, behind the clients' backs. Raises KeyError."""
        with self.locked() as ppp:
            ppp.change_secret(self._secret_id(name), _wire_names(properties))

    def remove_secret(self, name: str) -> None:
        """Raises KeyError."""
        with self.locked() as ppp:
            ppp.secrets.remove(self._secret_id(name))

    def secret(self, name: str) -> Values:
        """A secret's properties as on the wire ("disabled" is "true" or "false"). Raises KeyError."""
        with self.locked() as ppp:
            row_id = self._secret_id(name)
            return with_id(row_id, ppp.secrets.get(row_id) or {})

    def is_disabled(self, name: str) -> bool:
        """Raises KeyError."""
        return self.secret(name)["disabled"] == "true"

    def secrets(self) -> list[Values]:
        with self.locked() as ppp:
            return [with_id(row_id, row) for row_id, row in ppp.secrets]

    def active(self, name: str | None = None) -> list[Values]:
        """The live sessions, of all users or of one."""
        with self.locked() as ppp:
            return [with_id(row_id, row) for row_id, row in ppp.active if name in (None, row["name"])]

    def add_profile(self, name: str, **properties: str) -> str:
        with self.locked() as ppp:
            return ppp.add_profile({"name": name, **_wire_names(properties)})

    def remove_profile(self, name: str) -> None:
        with self.locked() as ppp:
            for row_id in ppp.profiles.named(name):
                ppp.profiles.remove(row_id)

    def add_to_list(self, name: str, address: str, **properties: str) -> str:
        """Put an address on one of the firewall's address lists, and return the entry's id. Raises Trap."""
        with self.locked() as ppp:
            return ppp.address_lists.add({"list": name, "address": address, **_wire_names(properties)})

    def listed(self, name: str) -> list[Values]:
        """The entries of an address list, dynamic ones too."""
        with self.locked() as ppp:
            return [with_id(row_id, row) for row_id, row in ppp.address_lists.entries if row["list"] == name]

    def dial(self, name: str, **properties: str) -> str:
        """A user's equipment dials in: one more session, whose id is returned. Raises DialRefused."""
        with self.locked() as ppp:
            return ppp.dial(name, _wire_names(properties))

    def hang_up(self, name: str) -> None:
        """All sessions of the user end by themselves."""
        with self.locked() as ppp:
            for session in ppp.active.named(name):
                ppp.hang_up(session)

    def restart(self) -> None:
        """Reboot: API connections are cut, sessions are gone, every id is another one."""
        with self.locked() as ppp:
            ppp.reboot()
            self._booted = time.monotonic()
            if self._state_file:
                self._state_file.keep(ppp.secrets)
        for watcher in list(self._reboot_watchers):
            watcher()

    def watch_reboots(self, watcher: Callable[[], None]) -> Callable[[], None]:
        """Call `watcher` after every restart; returns what ends that."""
        self._reboot_watchers.append(watcher)
        return lambda: self._reboot_watchers.remove(watcher)

    def note(self, command: Command) -> None:
        """Remember that a command came in."""
        with self._lock:
            self._counts[command.path] += 1
            self._commands.append(command)

    def count(self, path: str) -> int:
        """How many commands of that path came in, whether they succeeded or not."""
        with self._lock:
            return self._counts[path]

    @property
    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)

    @property
    def commands(self) -> list[Command]:
        """The last 10 000 commands that came in, oldest first."""
        with self._lock:
            return list(self._commands)

    @property
    def uptime(self) -> float:
        """Seconds since the router booted."""
        return time.monotonic() - self._booted

    def close(self) -> None:
        """Close the state file."""
        if self._state_file:
            self._state_file.close()

    def _secret_id(self, name: str) -> str:
        ids = self._ppp.secrets.named(name)
        if not ids:
            raise KeyError(name)
        return ids[0]


def _wire_names(properties: dict[str, str]) -> Values:
    return {name.replace("_", "-"): value for name, value in properties.items()}
