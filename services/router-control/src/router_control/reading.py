"""Reads from a router and changes nothing: who is on, and who the router is."""

from collections.abc import Sequence

from router_control.answer import readable
from router_control.deadline import Deadline
from router_control.failures import RouterFailure, Trap
from router_control.outcome import Outcome, Result, outcome_of
from router_control.ppp import Ppp
from router_control.reconciliation import chunks
from router_control.routeros import Connection


class AccessReading:
    """What a router holds for many users."""

    def __init__(self, names: Sequence[str]) -> None:
        self.results: dict[str, Result] = {}
        self._names = names

    def carry_out(self, connection: Connection, deadline: Deadline) -> None:
        """Read every user who has no result yet. Raises RouterFailure, never Trap."""
        ppp = Ppp(connection, deadline)
        for names in chunks([name for name in self._names if name not in self.results]):
            try:
                self._read(ppp, names)
            except Trap as trap:
                self.fail(trap, names)

    def fail(self, failure: RouterFailure, names: Sequence[str] = ()) -> None:
        """Give those of `names` (or of all) who have no result yet the one that `failure` means."""
        for name in names or self._names:
            self.results.setdefault(name, Result(outcome_of(failure), detail=str(failure)))

    def _read(self, ppp: Ppp, names: Sequence[str]) -> None:
        secrets, sessions = ppp.secrets(names), ppp.sessions(names)
        for name in names:
            count = len(sessions.get(name, ()))
            found = secrets.get(name)
            self.results[name] = (
                Result(Outcome.ALREADY_SO, found.enabled, count) if found else Result(Outcome.NO_SUCH_SECRET)
            )


class Introduction:
    """A router's own name and version."""

    def __init__(self) -> None:
        self.identity = self.version = ""

    def carry_out(self, connection: Connection, deadline: Deadline) -> None:
        """Raises RouterFailure."""
        for row in connection.say("/system/identity/print", deadline=deadline):
            self.identity = readable(row.get("name", ""))
        for row in connection.say("/system/resource/print", "=.proplist=version", deadline=deadline):
            self.version = readable(row.get("version", ""))
