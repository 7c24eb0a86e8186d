"""Makes a router hold the wanted access for many users: look up, compare, write what differs, read back, end sessions.

It may be carried out again on a new connection after any failure: what was sent before and is found done then counts
as our change, and what was sent and not read back is not known.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from servicekit.rpc import call

from router_control.lines import sessions
from router_control.lines.ppp import Ppp, chunks
from router_control.lines.rules import AccessResult
from router_control.routeros.connection import Connection
from router_control.routeros.errors import AccessOutcome, Trap
from router_control.routeros.protocol import TimeLimit

# An id can vanish between look-up and write.
_ROUNDS = 4


class Reconciliation:
    """`wanted`: for each username whether its line shall be on. `results`: by name, of those who have one."""

    def __init__(self, wanted: Mapping[str, bool]) -> None:
        self.results: dict[str, AccessResult] = {}
        self._wanted = wanted
        # Both noted before they are sent, because the answer can get lost when all is done.
        self._sent: set[str] = set()
        self._ended: defaultdict[str, set[str]] = defaultdict(set)
        self._refused: dict[str, Trap] = {}

    def carry_out(self, connection: Connection, limit: TimeLimit) -> None:
        """Settle every user who has no result yet. Raises Cancelled, RouterFailure, never Trap."""
        ppp = Ppp(connection, limit)
        for names in chunks([name for name in self._wanted if name not in self.results]):
            call.check()  # only here: whose secret is disabled must lose the sessions too
            try:
                self._settle(ppp, names)
            except Trap as trap:
                self.fail(trap.outcome, str(trap), names)

    def fail(self, outcome: AccessOutcome, detail: str = "", names: Sequence[str] = ()) -> None:
        """Give this result to those of `names` (or of all) who have none yet."""
        for name in names or self._wanted:
            self.results.setdefault(name, AccessResult(outcome, detail=detail))

    def _settle(self, ppp: Ppp, names: Sequence[str]) -> None:
        different = self._compare(ppp, names)
        for _ in range(_ROUNDS):
            if not different:
                break
            for enabled in (False, True):
                if some := {name: id_ for name, id_ in different.items() if self._wanted[name] is enabled}:
                    self._write(ppp, some, enabled=enabled)
            different = self._compare(ppp, list(different))
        for name in different:
            detail = "the router took the change and did not keep it"
            self.results[name] = AccessResult(AccessOutcome.ROUTER_ERROR, not self._wanted[name], detail=detail)
        # Only now that they cannot dial in again.
        if disabled := [name for name in names if name not in self.results]:
            for name, left in sessions.end(ppp, disabled, self._ended).items():
                self.results[name] = self._result_off(name, left)

    def _compare(self, ppp: Ppp, names: Sequence[str]) -> dict[str, str]:
        """The ids of the secrets to be written. Others get a result, save who is off as wanted: they may be online."""
        secrets, different = ppp.secrets(names), {}
        for name in names:
            secret = secrets.get(name)
            if secret is None:
                self.results[name] = AccessResult(AccessOutcome.NO_SUCH_SECRET)
            elif secret.enabled != self._wanted[name]:
                if trap := self._refused.get(name):
                    self.results[name] = AccessResult(trap.outcome, secret.enabled, detail=str(trap))
                else:
                    different[name] = secret.id
            elif secret.enabled:
                self.results[name] = AccessResult(self._success(name), enabled=True)
        return different

    def _success(self, name: str) -> AccessOutcome:
        return AccessOutcome.CHANGED if name in self._sent or self._ended[name] else AccessOutcome.ALREADY_SO

    def _write(self, ppp: Ppp, ids: Mapping[str, str], *, enabled: bool) -> None:
        self._sent.update(ids)
        try:
            ppp.write(ids.values(), enabled=enabled)
        except Trap as trap:
            if len(ids) > 1 and not trap.not_permitted:  # that would be so for each of them
                for name, id_ in ids.items():
                    self._write(ppp, {name: id_}, enabled=enabled)
            elif not trap.no_such_item:  # one that has another id by now is found by the next look-up
                self._refused.update(dict.fromkeys(ids, trap))

    def _result_off(self, name: str, left: int) -> AccessResult:
        ended = len(self._ended[name])
        if left:
            detail = f"the secret is disabled, but {left} sessions stay up"
            return AccessResult(AccessOutcome.ROUTER_ERROR, None, ended, detail)
        return AccessResult(self._success(name), enabled=False, sessions=ended)
