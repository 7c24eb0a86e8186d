"""Reads what a router holds for many users: their secrets and their sessions. Changes nothing."""

from collections.abc import Sequence

from servicekit.rpc import call

from router_control.lines import sessions
from router_control.lines.ppp import Ppp, chunks
from router_control.lines.rules import AccessResult, held
from router_control.routeros.connection import Connection
from router_control.routeros.errors import AccessOutcome, Trap
from router_control.routeros.protocol import TimeLimit


class Reading:
    """May be carried out again on a new connection after any failure. `results`: by name, of those who have one."""

    def __init__(self, names: Sequence[str]) -> None:
        self.results: dict[str, AccessResult] = {}
        self._names = names

    def carry_out(self, connection: Connection, limit: TimeLimit) -> None:
        """Read every user who has no result yet. Raises Cancelled, RouterFailure, never Trap."""
        ppp = Ppp(connection, limit)
        for names in chunks([name for name in self._names if name not in self.results]):
            call.check()
            try:
                self._read(ppp, names)
            except Trap as trap:
                self.fail(trap.outcome, str(trap), names)

    def fail(self, outcome: AccessOutcome, detail: str = "", names: Sequence[str] = ()) -> None:
        """Give this result to those of `names` (or of all) who have none yet."""
        for name in names or self._names:
            self.results.setdefault(name, AccessResult(outcome, detail=detail))

    def _read(self, ppp: Ppp, names: Sequence[str]) -> None:
        secrets, found = ppp.secrets(names), sessions.find(ppp, names)
        for name in names:
            if secret := secrets.get(name):
                count = len(found.get(name, ()))
                self.results[name] = AccessResult(AccessOutcome.ALREADY_SO, held(secret), count, profile=secret.profile)
            else:
                self.results[name] = AccessResult(AccessOutcome.NO_SUCH_SECRET)
